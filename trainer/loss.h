#pragma once

#include <cmath>
#include <cstdint>

#include "trainer/sampling.h"

namespace flockstep {

/// Sums over the samples of a rollout that count, on the device.
struct RolloutSums {
    enum { count, advantage, advantage_square, target, target_square, error, error_square, size };
};

/// Fills RolloutSums; error is value_target - value. Item: sample.
struct SumRollout {
    static constexpr int cost = 8, num_sums = RolloutSums::size;
    RoleRows rows;
    const uint8_t* active;
    const float *advantage, *value_target;

    SIM_HD void operator()(int64_t sample, double* local) const {
        const int64_t cell = rows.cell(sample);
        if (!active[cell]) return;
        const double gain = advantage[cell], target = value_target[cell];
        local[RolloutSums::count] += 1;
        local[RolloutSums::advantage] += gain;
        local[RolloutSums::advantage_square] += gain * gain;
        local[RolloutSums::target] += target;
        local[RolloutSums::target_square] += target * target;
        local[RolloutSums::error] += gain;  // value_target - value is the advantage
        local[RolloutSums::error_square] += gain * gain;
    }
};

/// Sums over the samples of minibatches, on the device.
struct LossSums {
    enum { count, policy_loss, value_loss, entropy, approximate_kl, clipped, size };
};

/// The gradient of PPO's loss by the network's output, and the sums of its parts, in one pass. Schulman et al. 2017,
/// equations 7 and 9; value clipping and the estimate of the KL divergence (Schulman 2020, "Approximating KL
/// divergence", k3) as in CleanRL. Each sample weighs 1 / (samples of the rollout that count / num_minibatches):
/// minibatches with fewer active agents do not weigh more per agent. Item: row of the minibatch.
struct PpoLoss {
    static constexpr int cost = 128, num_sums = LossSums::size;
    RoleRows rows;
    const int64_t* index;  // [minibatch_size], sample or -1
    PolicyOutput policy;   // of the minibatch's rows
    int n;
    // the rollout, [num_steps][slot_rows]; mask [num_steps][mask_slot] bytes of [role rows, n], or null
    const uint8_t* active;
    const uint8_t* mask;
    int64_t mask_slot;
    const int32_t* action;
    const float *log_prob, *value, *advantage, *value_target;
    const double* rollout_sums;
    const float* entropy_weight;  // [1]
    float clip_coef, clip_vloss, vf_coef;
    int num_minibatches;
    bool norm_adv;
    float* logits_gradient;  // row i starts at i * policy.logits_stride
    float* value_gradient;   // row i at i * policy.value_stride

    SIM_HD void operator()(int64_t i, double* local) const {
        float* gradient = logits_gradient + i * policy.logits_stride;
        const int64_t sample = index[i], cell = sample < 0 ? 0 : rows.cell(sample);
        if (sample < 0 || !active[cell]) {
            for (int k = 0; k < n; ++k) gradient[k] = 0.0f;
            value_gradient[i * policy.value_stride] = 0.0f;
            return;
        }
        const double count = rollout_sums[RolloutSums::count];
        const float weight = float(double(num_minibatches) / count);
        local[LossSums::count] += 1;
        value_gradient[i * policy.value_stride] = weight * vf_coef * value_slope(i, cell, local);

        const uint8_t* allowed = mask ? mask + rows.step(sample) * mask_slot + rows.role_row(sample) * n : nullptr;
        const Categorical distribution(policy.logits + i * policy.logits_stride, allowed, n);
        const int chosen = action[cell];
        const float slope =
            policy_slope(distribution.log_prob(chosen) - log_prob[cell], normalised(advantage[cell]), local);
        const float entropy = distribution.entropy();
        local[LossSums::entropy] += entropy;
        for (int k = 0; k < n; ++k) {
            const float p = distribution.probability(k);
            float g = slope * (float(k == chosen) - p);
            if (p > 0.0f) g += *entropy_weight * p * (distribution.log_prob(k) + entropy);
            gradient[k] = distribution.is_empty() || !distribution.allows(k) ? 0.0f : weight * g;
        }
    }

  private:
    SIM_HD float normalised(float gain) const {
        if (!norm_adv) return gain;
        const double count = rollout_sums[RolloutSums::count], mean = rollout_sums[RolloutSums::advantage] / count;
        const double variance = rollout_sums[RolloutSums::advantage_square] / count - mean * mean;
        return float((gain - mean) / (sqrt(variance > 0 ? variance : 0.0) + 1e-8));
    }
    /// Derivative of the clipped objective by the action's new log-probability.
    SIM_HD float policy_slope(float log_ratio, float gain, double* local) const {
        const float ratio = expf(log_ratio), clipped_ratio = ratio < 1 - clip_coef   ? 1 - clip_coef
                                                             : ratio > 1 + clip_coef ? 1 + clip_coef
                                                                                     : ratio;
        const float plain = ratio * gain, clipped = clipped_ratio * gain;
        local[LossSums::policy_loss] -= plain < clipped ? plain : clipped;
        local[LossSums::approximate_kl] += (ratio - 1) - log_ratio;
        local[LossSums::clipped] += ratio < 1 - clip_coef || ratio > 1 + clip_coef;
        return plain <= clipped ? -plain : 0.0f;
    }
    /// Derivative of half the squared error by the new value.
    SIM_HD float value_slope(int64_t i, int64_t cell, double* local) const {
        const float now = policy.value[i * policy.value_stride], before = value[cell], target = value_target[cell];
        const float error = now - target, change = now - before;
        float loss = 0.5f * error * error, slope = error;
        if (clip_vloss > 0 && (change > clip_vloss || change < -clip_vloss)) {
            const float clipped_error = before + (change > 0 ? clip_vloss : -clip_vloss) - target;
            const float clipped_loss = 0.5f * clipped_error * clipped_error;
            if (clipped_loss > loss) loss = clipped_loss, slope = 0.0f;
        }
        local[LossSums::value_loss] += loss;
        return slope;
    }
};

}  // namespace flockstep
