#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/data/input.h"
#include "trainer/policy/head.h"

namespace flockstep {

/// Sums over the live samples of a rollout, on the device; `active` counts those of active agents.
struct RolloutSums {
    enum { count, advantage, advantage_square, target, target_square, error, error_square, active, size };
};

/// Fills RolloutSums; error is value_target - value. Item: sample.
struct SumRollout {
    static constexpr int nanoseconds = 8, num_sums = RolloutSums::size;
    RowSet rows;
    const uint8_t *live, *active;
    const float *advantage, *value_target;

    SIM_HD void operator()(int64_t sample, double* local) const {
        const int64_t flat_index = rows.flat_index(sample);
        local[RolloutSums::active] += active[flat_index];
        if (!live[flat_index]) return;
        const double gae = advantage[flat_index], target = value_target[flat_index];
        local[RolloutSums::count] += 1;
        local[RolloutSums::advantage] += gae;
        local[RolloutSums::advantage_square] += gae * gae;
        local[RolloutSums::target] += target;
        local[RolloutSums::target_square] += target * target;
        local[RolloutSums::error] += gae;  // value_target - value is the advantage
        local[RolloutSums::error_square] += gae * gae;
    }
};

/// What the loss of all samples of a rollout has in common, on the device.
struct LossScale {
    double mean, deviation;  // of the advantages
    float weight;            // of a sample: num_minibatches / (live samples of the rollout)
};

/// Item: 0.
struct PrepareLoss {
    static constexpr int nanoseconds = 1;
    const double* rollout_sums;
    int num_minibatches;
    LossScale* scale;

    SIM_HD void operator()(int64_t) const {
        const double count = rollout_sums[RolloutSums::count], mean = rollout_sums[RolloutSums::advantage] / count;
        const double variance = rollout_sums[RolloutSums::advantage_square] / count - mean * mean;
        scale->mean = mean, scale->deviation = sqrt(variance > 0 ? variance : 0.0) + 1e-8;
        scale->weight = float(double(num_minibatches) / count);
    }
};

/// Sums over the samples of minibatches, on the device.
struct LossSums {
    enum { count, policy_loss, value_loss, entropy, approximate_kl, clipped, size };
};

/// Gradient of PPO's loss with respect to the network's outputs, and the sums of its terms, in one pass. Schulman et
/// al. 2017, equations 7 and 9; value clipping and the estimate of the KL divergence (Schulman 2020, "Approximating KL
/// divergence", k3) as in CleanRL. Every sample of the rollout has the same weight: those of smaller minibatches do not
/// weigh more. Item: row of the minibatch.
struct PpoLoss {
    static constexpr int nanoseconds = 128, num_sums = LossSums::size;
    RowSet rows;
    Samples minibatch;
    Head head;
    PolicyOutput policy;  // outputs for the minibatch's rows
    // the rollout, [num_steps][slot_rows]
    const uint8_t* live;
    const float *log_prob, *value, *advantage, *value_target;
    const LossScale* scale;       // [1]
    const float* ent_coef;        // [1]
    const ValueNorm* value_norm;  // null: values are not normalised
    float clip_coef, clip_vloss, vf_coef;
    bool norm_adv;
    float* head_gradient;   // row i starts at i * policy.head_stride
    float* value_gradient;  // row i at i * policy.value_stride

    SIM_HD void operator()(int64_t i, double* local) const {
        float* gradient = head_gradient + i * policy.head_stride;
        const int64_t sample = minibatch[i], step = rows.step(sample < 0 ? 0 : sample);
        const int64_t row = sample < 0 ? 0 : sample - step * rows.size;
        const int64_t flat_index = step * rows.slot_rows + rows.cell_of(row);
        if (sample < 0 || !live[flat_index]) {
            for (int k = 0; k < head.num_outputs; ++k) gradient[k] = 0.0f;
            value_gradient[i * policy.value_stride] = 0.0f;
            return;
        }
        const float weight = scale->weight;
        local[LossSums::count] += 1;
        value_gradient[i * policy.value_stride] = weight * vf_coef * value_loss_gradient(i, flat_index, local);

        const float* output = policy.head + i * policy.head_stride;
        if (head.is_one_choice) {
            const Component& c = head.only;
            const Categorical distribution = head.categorical(c, output, rows, step, row);
            const int chosen = *head.kept<int32_t>(c, rows, step, row);
            const float d_log_prob =
                log_prob_gradient(distribution.log_prob(chosen), distribution.entropy(), flat_index, local);
            distribution.gradient(chosen, d_log_prob, -*ent_coef, weight, gradient);
            return;
        }
        float entropy = 0.0f;
        const float now = head.log_prob(output, rows, step, row, &entropy);
        const float d_log_prob = log_prob_gradient(now, entropy, flat_index, local);
        head.gradient(output, rows, step, row, d_log_prob, -*ent_coef, weight, gradient);
    }

  private:
    /// Derivative of the policy loss with respect to the log-probability of what was chosen.
    SIM_HD float log_prob_gradient(float now, float entropy, int64_t flat_index, double* local) const {
        local[LossSums::entropy] += entropy;
        return policy_loss_gradient(now - log_prob[flat_index], normalised(advantage[flat_index]), local);
    }
    SIM_HD float normalised(float gae) const { return norm_adv ? float((gae - scale->mean) / scale->deviation) : gae; }
    /// Derivative of the clipped surrogate loss with respect to the action's new log-probability.
    SIM_HD float policy_loss_gradient(float log_ratio, float gae, double* local) const {
        const float ratio = expf(log_ratio), clipped_ratio = ratio < 1 - clip_coef   ? 1 - clip_coef
                                                             : ratio > 1 + clip_coef ? 1 + clip_coef
                                                                                     : ratio;
        const float plain = ratio * gae, clipped = clipped_ratio * gae;
        local[LossSums::policy_loss] -= plain < clipped ? plain : clipped;
        local[LossSums::approximate_kl] += (ratio - 1) - log_ratio;
        local[LossSums::clipped] += ratio < 1 - clip_coef || ratio > 1 + clip_coef;
        return plain > clipped ? 0.0f : -plain;  // NaN stays NaN
    }
    /// Derivative of half the squared error with respect to the critic's new output.
    SIM_HD float value_loss_gradient(int64_t i, int64_t flat_index, double* local) const {
        const float now = policy.value[i * policy.value_stride];
        const float before = value_norm ? value_norm->normalised(value[flat_index]) : value[flat_index];
        const float target = value_norm ? value_norm->normalised(value_target[flat_index]) : value_target[flat_index];
        const float error = now - target, change = now - before;
        float loss = 0.5f * error * error, gradient = error;
        if (clip_vloss > 0 && (change > clip_vloss || change < -clip_vloss)) {
            const float clipped_error = before + (change > 0 ? clip_vloss : -clip_vloss) - target;
            const float clipped_loss = 0.5f * clipped_error * clipped_error;
            if (clipped_loss > loss) loss = clipped_loss, gradient = 0.0f;
        }
        local[LossSums::value_loss] += loss;
        return gradient;
    }
};

}  // namespace flockstep
