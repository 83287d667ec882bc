#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sim/engine/batch.h"
#include "trainer/algorithm/metrics.h"
#include "trainer/config.h"
#include "trainer/data/spec.h"
#include "trainer/data/state_visitor.h"

namespace flockstep {

/// What continues a run besides the arrays on the device.
struct TrainerProgress {
    int64_t iterations = 0;
    double seconds = 0;  // of training
};

/// PPO on a batch of worlds, agents as rows (IPPO with shared parameters): one policy for each group of agents, by
/// default one per role, each with config.of_group() of its name.
///
/// All data stays on the batch's device. One iteration is one rollout of num_steps and update_epochs * num_minibatches
/// optimiser steps of each policy; on a GPU both are captured as CUDA graphs, and the host waits once, between the two,
/// for the number of samples. The same settings, seed, device model and library versions give bit-identical results on
/// any number of threads, interrupted and resumed or not (unless max_seconds scales the schedules).
class Trainer {
  public:
    /// Takes ownership of the batch and resets it with config.seed. The batch must have been made with
    /// training_options(), or options that agree. Throws std::invalid_argument for settings that fit no network or
    /// batch, std::runtime_error if memory runs out.
    Trainer(std::unique_ptr<Batch> batch, const TrainConfig& config);
    ~Trainer();

    /// Runs the rollout of one iteration and enqueues its update. `stops` is asked before each minibatch, on the CPU
    /// before each step, too; where it says true the iteration is abandoned and false returned. The trainer is then to
    /// be restored from a snapshot or thrown away. Throws NotFinite if a number of an iteration before was not finite.
    bool iterate(const std::function<bool()>& stops = {});
    /// Iterations that total_steps take, each num_envs * num_agents * num_steps agent-steps, inactive agents included.
    int64_t total_iterations() const;
    int64_t iterations() const;
    /// Fraction of the run that is done, by steps or by time: 0..1.
    double progress() const;
    bool is_finished() const { return progress() >= 1.0; }

    /// Throws NotFinite, which names the number, if one of an iteration was not finite; weights are those of before it,
    /// and the trainer is to be thrown away. Synchronises.
    void expect_finite();
    /// Metrics since the last call that cleared them. Synchronises. Throws std::invalid_argument if an action was
    /// refused.
    IterationMetrics read_metrics(bool clear = true);
    /// Takes seconds that were not spent on training, such as an evaluation's, from the time that the run has taken.
    void exclude_seconds(double seconds);

    /// For checkpoints, see trainer/run/checkpoint.h. Shows every array that training continues from, but for the
    /// batch's own state. Call end_restore() after a visitor that writes them. Waits.
    void visit_state(StateVisitor& visitor);
    void end_restore(const std::vector<FieldValue>& worlds, const TrainerProgress& progress);
    /// Call after a visitor that wrote weights and normalisers alone, before the first iteration.
    void end_initial();
    TrainerProgress training_progress() const;
    const std::vector<PolicySpec>& policies() const;

    Batch& batch();
    const TrainConfig& config() const;
    /// Parameters of all policies.
    int64_t num_parameters() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
