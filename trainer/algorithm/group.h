#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/algorithm/find_offender.h"
#include "trainer/algorithm/input_normaliser.h"
#include "trainer/algorithm/metrics.h"
#include "trainer/data/minibatch.h"
#include "trainer/data/normalise.h"
#include "trainer/data/rollout.h"
#include "trainer/data/state_visitor.h"
#include "trainer/device/selection.h"
#include "trainer/learn/engine.h"
#include "trainer/learn/loss.h"
#include "trainer/learn/optimiser.h"

namespace flockstep {

/// Scalars on the device that change during training, at fixed addresses that captured graphs read.
struct TrainerState {
    int64_t env_steps;   // of each world, so far
    double agent_steps;  // active agents only
};

/// The same of one group.
struct GroupState {
    int64_t minibatches, optimiser_steps;  // so far; minibatches without samples are no steps
    int64_t final_chunk;                   // of the truncated rows whose values are computed
    int32_t minibatch_is_empty;
    float schedule[2];  // learning rate, entropy coefficient
    float reward_scale;
    AdamScalars adam;
    ValueNorm value_norm;
    Moments value_moments;
    Moments reward_moments;
    double return_sums[3];
    double square_norm;               // of the gradient
    double sums[LossSums::size + 2];  // of all minibatches since clear_metrics(); see GroupMetrics
    double rollout_sums[RolloutSums::size];
    LossScale loss_scale;
};

/// A set of rows that one policy acts for, and all that belongs to it: specification, settings, network and weights,
/// the engine that computes with them, optimiser state, normalisers, and sums for the log. Roles, teams, a policy for
/// several roles: all are groups.
class Group {
  public:
    /// What the host reads once an iteration, after the rollout.
    struct Counts {
        int64_t truncated = 0;                           // rows of a segment
        int64_t live = 0;                                // units with a sample to learn from
        NotFiniteTerm not_finite = NotFiniteTerm::none;  // in an update, see find_offender.h
        double input_square = 0;                         // of the input's shift and scale, with norm_obs
        bool are_finite() const { return not_finite == NotFiniteTerm::none && is_finite(input_square); }
    };
    /// Updates are done with room for so many eighths of all units.
    static constexpr int sizes = 8;

    /// config: the group's, see TrainConfig::of_group(). counts: the group's own, on the device.
    Group(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t number,
          Counts* counts);

    const PolicySpec& spec() const { return spec_; }
    const Network& network() const { return network_; }
    const Weights& weights() const { return weights_; }
    /// Optimiser steps of an iteration, at most: minibatches without samples are none.
    int num_updates() const { return config_.update_epochs * config_.num_minibatches; }
    /// Whether observations are to be normalised, and none has been seen. Waits.
    bool needs_moments() const { return config_.norm_obs && actor_normaliser_.is_new(); }

    /// Sets learning rate and entropy coefficient for the progress of the run, 0..1.
    void set_schedule(const ExecutionContext& context, double progress);
    /// Writes the actions, log-probabilities and values of a step.
    void act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state);
    /// Finds the truncated rows and the live units of a rollout whose truncated cells are marked.
    void find_samples(const ExecutionContext& context, const Rollout& rollout);
    /// V of what follows the rollout's last step.
    void compute_last_values(const ExecutionContext& context, const Rollout& rollout);
    /// V of the next final observations: of at most a 16th of the group's rows, or 1,024 if that is more. For all of
    /// them it is called num_final_chunks() times.
    void compute_final_values(const ExecutionContext& context, const Rollout& rollout);
    int64_t num_final_chunks(const Counts& counts) const;
    /// Advantages, value targets and the rollout's sums. Adds the number of active samples to state->agent_steps.
    void estimate_advantages(const ExecutionContext& context, const Rollout& rollout, TrainerState* state);
    /// One optimiser step on the next minibatch, with room for `eighths` of all units.
    void learn(const ExecutionContext& context, const Rollout& rollout, int eighths);
    /// The room that minibatches need: 1 .. sizes, or 0 if there is nothing to learn from.
    int eighths(const Counts& counts) const;
    /// Merges the rollout's observations into the running moments.
    void normalise(const ExecutionContext& context);
    /// Ends an iteration: if a number was not finite, finds the first one in the rollout, before the next overwrites
    /// it.
    void find_offence(const ExecutionContext& context, const Rollout& rollout);
    /// What it found. Call it if counts are not finite. Waits.
    Offender offender(const Counts& counts) const;

    /// Metrics since clear_metrics(). Waits.
    GroupMetrics read_metrics() const;
    void clear_metrics();

    /// What a policy needs to act: parameters and input scaling; with for_learning, also the optimiser and normalisers.
    void visit(StateVisitor& visitor, bool for_learning);
    /// Call after a visitor has written what it was shown.
    void refresh() { weights_.refresh(); }

  private:
    /// Units that a minibatch of so many eighths has room for.
    int64_t capacity(int eighths) const { return (units_per_minibatch_ * eighths + sizes - 1) / sizes; }
    int64_t minibatch_size(int eighths = sizes) const { return capacity(eighths) * units_.size(); }
    void make_selections(const Batch& batch, const Rollout& rollout, Counts* counts);
    void make_inputs(const Rollout& rollout);
    void learn_value_norm(const ExecutionContext& context);
    const ValueNorm* value_norm() const { return config_.norm_value ? &state_->value_norm : nullptr; }
    template <class T>
    T* allocate(int64_t count, const char* what);
    PpoLoss loss(const Rollout& rollout, int64_t size) const;
    Offender parameter_offender(const char* what, const float* flat) const;
    Offence first_offence() const;

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
    InputNormaliser actor_normaliser_;
    std::optional<InputNormaliser> critic_normaliser_;  // where the critic has an input of its own
    NetworkInputs input_, final_input_;
    Head head_;
    Counts* counts_;
    std::optional<Selection> live_units_, truncated_rows_;
    GroupState* state_;
    int64_t *index_, *final_index_;
    int64_t final_rows_;
    uint8_t* own_live_ = nullptr;  // where agents wait: [num_steps][slot_rows]
    const uint8_t* live_;          // what agents can learn from, the same shape
    float* carried_returns_ = nullptr;
    Offence* offences_;  // [FindOffence::chunks]
};

/// Throws NotFinite for the first number of an iteration that is not finite, if any group has one. Waits then.
void expect_finite(const std::deque<Group>& groups, const std::vector<Group::Counts>& counts, int64_t iteration);

/// What minibatches of a group are made of. Throws std::invalid_argument if there are more minibatches than units.
UnitLayout unit_layout(const PolicySpec& spec, const TrainConfig& config, int64_t rows_per_step);

}  // namespace flockstep
