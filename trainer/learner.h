#pragma once

#include <vector>

#include "trainer/loss.h"
#include "trainer/normalise.h"
#include "trainer/optimiser.h"
#include "trainer/policy.h"
#include "trainer/rollout.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// Numbers on the device that change from step to step; at fixed addresses, so that captured graphs read them.
struct TrainerState {
    int64_t env_steps;  // of each world, done so far
    int64_t optimiser_steps;
    double agent_steps;  // active agents only
    float schedule[2];   // learning rate, weight of the entropy
    float reward_scale;
    Moments reward_moments;
    double return_sums[3];
};

/// What one role's policy needs to act and to learn: its network, input buffers, minibatch, and sums.
class Learner {
  public:
    Learner(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t role);

    Policy& policy() { return policy_; }
    /// Actions, log-probabilities and values of a step.
    void act(const Where& where, const Rollout& rollout, int step, const TrainerState* state);
    /// Values of a slot; of the final observations into `value` [slot_rows].
    void evaluate(const Where& where, const Rollout& rollout, int slot);
    void evaluate_final(const Where& where, float* value);
    /// Sums over the rollout that the loss needs. Adds the number of samples to state->agent_steps.
    void sum_rollout(const Where& where, const Rollout& rollout, TrainerState* state);
    /// One optimiser step on the minibatch that the state's counter says.
    void learn(const Where& where, const Rollout& rollout, const TrainerState* state);
    /// Takes the rollout's observations into the running moments.
    void normalise(const Where& where, const Rollout& rollout);
    /// Lets libraries allocate and load what they need, before anything is captured.
    void warm_up();

    /// Sums on the device: LossSums, then the sum of gradient norms; zeroed by clear_sums(). And the last RolloutSums.
    std::vector<double> read_sums();
    std::vector<double> read_rollout_sums();
    void clear_sums();

    /// Arrays of a checkpoint, their names beginning with the role's.
    void save(Archive& archive);
    void restore(const Archive& archive);

  private:
    /// The policy's output for chosen samples, or `rows` of them in order; `active` as in GatherInput.
    PolicyOutput look(const Where& where, const InputColumns& input, const uint8_t* active, const int64_t* index,
                      int64_t first_sample, int64_t rows);

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
