#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sim/engine/batch.h"
#include "trainer/config.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// Seconds by phase: environment steps; inference and sampling during the rollout; advantages and optimisation. On a
/// GPU measured by events in the last iteration (four of its environment steps) and extrapolated to all.
struct PhaseSeconds {
    double environment = 0, policy = 0, update = 0;
};

/// Metrics since the last read_metrics(). Losses are means over the samples of all minibatches.
struct IterationMetrics {
    int64_t iterations = 0;   // since the run began
    int64_t agent_steps = 0;  // since the run began, active agents only
    int64_t env_steps = 0;    // since the run began, all worlds
    double seconds = 0;       // of training since the run began, resumed parts included
    double policy_loss = 0, value_loss = 0, entropy = 0, approximate_kl = 0, clip_fraction = 0;
    double explained_variance = 0;  // of the last rollout: 1 is perfect
    double gradient_norm = 0;       // before clipping
    double learning_rate = 0, entropy_weight = 0;
    Statistics statistics;  // of the episodes that ended
    PhaseSeconds phases;
};

/// PPO on a batch of worlds, one policy per role, agents as rows (IPPO with shared parameters).
///
/// All data stays on the batch's device. One iteration is one rollout of num_steps and update_epochs * num_minibatches
/// optimiser steps; on a GPU both are captured as CUDA graphs and the host never waits for the device in between.
/// The same settings, seed, device model, thread count and library versions give bit-identical results, interrupted and
/// resumed or not (unless max_seconds scales the schedules).
class Trainer {
  public:
    /// Takes ownership of the batch and resets it with config.seed. The batch must have been made with
    /// training_options(), or options that agree. Throws std::invalid_argument for settings that fit no network or
    /// batch, std::runtime_error if memory runs out.
    Trainer(std::unique_ptr<Batch> batch, const TrainConfig& config);
    ~Trainer();

    /// Enqueues one iteration; asynchronous on a GPU. `stops` is asked before each minibatch, on the CPU
    /// before each step, too; where it says true the iteration is abandoned and false returned. The trainer is then to
    /// be restored from a snapshot or thrown away.
    bool iterate(const std::function<bool()>& stops = {});
    /// Iterations that total_steps take, each num_envs * num_agents * num_steps agent-steps, inactive agents included.
    int64_t total_iterations() const;
    int64_t iterations() const;
    /// Fraction of the run that is done, by steps or by time: 0..1.
    double progress() const;
    bool is_finished() const { return progress() >= 1.0; }

    /// Metrics since the last call that cleared them. Synchronises. Throws std::invalid_argument if an action was
    /// refused.
    IterationMetrics read_metrics(bool clear = true);
    /// Takes seconds that were not spent on training, such as an evaluation's, from the time that the run has taken.
    void exclude_seconds(double seconds);

    /// Everything needed to continue bit for bit. Synchronises.
    Archive snapshot();
    void save(const std::string& path) { write_archive(path, snapshot()); }
    /// Continues from a snapshot(). Throws std::invalid_argument if it comes from another environment, number of
    /// worlds or network, DamagedCheckpoint for values that cannot be; the trainer must then be discarded.
    void restore(const Archive& archive);
    void load(const std::string& path) { restore(read_archive(path)); }

    Batch& batch();
    const TrainConfig& config() const;
    /// Parameters of all policies.
    int64_t num_parameters() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
