#pragma once

#include <vector>

#include "trainer/learn/loss.h"
#include "trainer/data/normalise.h"
#include "trainer/learn/optimiser.h"
#include "trainer/policy/policy.h"
#include "trainer/data/rollout.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// Scalars on the device that change during training, at fixed addresses that captured graphs read.
struct TrainerState {
    int64_t env_steps;  // of each world, so far
    int64_t optimiser_steps;
    double agent_steps;  // active agents only
    float schedule[2];   // learning rate, entropy coefficient
    float reward_scale;
    Moments reward_moments;
    double return_sums[3];
};

/// One role's policy and what it needs to act and learn: network, input buffers, minibatch indices, sums.
class Learner {
  public:
    Learner(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t role);

    Policy& policy() { return policy_; }
    /// Writes the actions, log-probabilities and values of a step.
    void act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state);
    /// V of a slot's observations, into the rollout; V of the final observations, into `value` [slot_rows].
    void compute_values(const ExecutionContext& context, const Rollout& rollout, int slot);
    void compute_final_values(const ExecutionContext& context, float* value);
    /// Computes the rollout's sums that the loss needs. Adds the number of active samples to state->agent_steps.
    void sum_rollout(const ExecutionContext& context, const Rollout& rollout, TrainerState* state);
    /// One optimiser step on the minibatch selected by the state's counter.
    void learn(const ExecutionContext& context, const Rollout& rollout, const TrainerState* state);
    /// Merges the rollout's observations into the running moments.
    void normalise(const ExecutionContext& context, const Rollout& rollout);
    /// Runs the network once so that libraries allocate and load what they need before graph capture.
    void warm_up();

    /// Reads LossSums, then the sum of gradient norms, accumulated since clear_sums(). And the last rollout's
    /// RolloutSums.
    std::vector<double> read_sums();
    std::vector<double> read_rollout_sums();
    void clear_sums();

    /// The role's arrays of a checkpoint; their names start with the role's name.
    void save(Archive& archive);
    void restore(const Archive& archive);

  private:
    /// Gathers samples (by index, or `rows` in order) and runs the network on them; `active` as in GatherInput.
    PolicyOutput forward(const ExecutionContext& context, const InputColumns& input, const uint8_t* active,
                         const int64_t* index, int64_t first_sample, int64_t rows);

    const TrainConfig& config_;
    Batch& batch_;
    RoleRows rows_;
    size_t role_;
    int64_t num_samples_, minibatch_size_;
    Policy policy_;
    InputColumns input_, final_input_;
    std::vector<Buffer> buffers_;
    char* network_input_;
    int64_t* index_;
    float *shift_, *scale_;
    double *sums_, *rollout_sums_, *square_norm_, *column_sums_ = nullptr;
    Moments* moments_;
    AdamScalars* adam_;
};

}  // namespace flockstep
