#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/algorithm/metrics.h"
#include "trainer/data/minibatch.h"
#include "trainer/data/normalise.h"
#include "trainer/data/rollout.h"
#include "trainer/data/state_visitor.h"
#include "trainer/learn/engine.h"
#include "trainer/learn/loss.h"
#include "trainer/learn/optimiser.h"

namespace flockstep {

/// Scalars on the device that change during training, at fixed addresses that captured graphs read.
struct TrainerState {
    int64_t env_steps;    // of each world, so far
    int64_t minibatches;  // learnt from, so far
    double agent_steps;   // active agents only
};

/// The same of one group.
struct GroupState {
    int64_t optimiser_steps;
    float schedule[2];  // learning rate, entropy coefficient
    float reward_scale;
    AdamScalars adam;
    Moments reward_moments;
    double return_sums[3];
    double square_norm;  // of the gradient
};

/// A set of rows that one policy acts for, and all that belongs to it: specification, settings, network and weights,
/// the engine that computes with them, optimiser state, normalisers, and sums for the log. Roles, teams, a policy for
/// several roles: all are groups.
class Group {
  public:
    Group(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t number);

    const PolicySpec& spec() const { return spec_; }
    const Network& network() const { return network_; }
    const Weights& weights() const { return weights_; }

    /// Sets learning rate and entropy coefficient for the progress of the run, 0..1.
    void set_schedule(const ExecutionContext& context, double progress);
    /// Writes the actions, log-probabilities and values of a step.
    void act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state);
    /// V of what follows the last step, and of the final observations of a segment's truncations.
    void compute_values(const ExecutionContext& context, const Rollout& rollout);
    void compute_final_values(const ExecutionContext& context, const Rollout& rollout, int segment);
    /// Advantages, value targets and the rollout's sums. Adds the number of active samples to state->agent_steps.
    void estimate_advantages(const ExecutionContext& context, const Rollout& rollout, TrainerState* state);
    /// One optimiser step on the minibatch that the state's counter selects.
    void learn(const ExecutionContext& context, const Rollout& rollout, const TrainerState* state);
    /// Merges the rollout's observations into the running moments.
    void normalise(const ExecutionContext& context);
    /// Runs the network once so that libraries allocate and load what they need before graph capture.
    void warm_up() { engine_->warm_up(rows_.size, minibatch_size()); }

    /// Metrics since clear_metrics(); `updates` minibatches were learnt from. Waits.
    GroupMetrics read_metrics(int64_t updates) const;
    void clear_metrics();

    /// What a policy needs to act: parameters and input scaling; with for_learning, also the optimiser and normalisers.
    void visit(StateVisitor& visitor, bool for_learning);
    /// Call after a visitor has written what it was shown.
    void refresh() { weights_.refresh(); }

  private:
    int64_t minibatch_size() const { return units_per_minibatch_ * units_.size(); }
    void make_input(const Rollout& rollout);
    template <class T>
    T* allocate(int64_t count, const char* what);
    PpoLoss loss(const Rollout& rollout) const;

    PolicySpec spec_;
    TrainConfig config_;
    Memory& memory_;
    int64_t first_env_;
    size_t number_;
    RowSet rows_;
    UnitLayout units_;
    int64_t units_per_minibatch_;
    Network network_;
    Weights weights_;
    std::unique_ptr<Engine> engine_;
    std::vector<Buffer> buffers_;
    InputColumns input_, final_input_;
    Head head_;
    GroupState* state_;
    int64_t* index_;
    float *shift_, *scale_, *carried_returns_ = nullptr;
    double *sums_, *rollout_sums_, *column_sums_ = nullptr;
    Moments* moments_;
};

/// What minibatches of a group are made of. Throws std::invalid_argument if there are more minibatches than units.
UnitLayout unit_layout(const PolicySpec& spec, const TrainConfig& config, int64_t rows_per_step);

}  // namespace flockstep
