#pragma once

#include <cmath>
#include <cstdint>

#include "sim/contract/random.h"
#include "trainer/data/rows.h"

namespace flockstep {

/// Outputs of a categorical policy for some rows: float32, on the device. Logits of row i start at i * logits_stride.
struct PolicyOutput {
    const float* logits = nullptr;
    int64_t logits_stride = 0;
    const float* value = nullptr;
    int64_t value_stride = 0;
};

/// Softmax over the actions that a mask allows (null: all). Masked actions have probability 0 and contribute to neither
/// entropy nor gradient. If the mask allows nothing, action 0 is taken.
class Categorical {
  public:
    SIM_HD Categorical(const float* logits, const uint8_t* mask, int n) : logits_(logits), mask_(mask), n_(n) {
        max_logit_ = -HUGE_VALF;
        for (int k = 0; k < n_; ++k)
            if (allows(k) && logits_[k] > max_logit_) max_logit_ = logits_[k];
        float total = 0.0f, weighted = 0.0f;
        for (int k = 0; k < n_; ++k) {
            if (!allows(k)) continue;
            const float shifted = logits_[k] - max_logit_, weight = expf(shifted);
            total += weight, weighted += weight * shifted;
        }
        is_empty_ = !(total > 0.0f);
        log_total_ = is_empty_ ? 0.0f : logf(total);
        entropy_ = is_empty_ ? 0.0f : log_total_ - weighted / total;
    }
    SIM_HD bool allows(int k) const { return !mask_ || mask_[k]; }
    SIM_HD bool is_empty() const { return is_empty_; }
    SIM_HD float log_prob(int k) const { return is_empty_ ? 0.0f : logits_[k] - max_logit_ - log_total_; }
    SIM_HD float probability(int k) const { return is_empty_ || !allows(k) ? 0.0f : expf(log_prob(k)); }
    SIM_HD float entropy() const { return entropy_; }

    /// Inverse-CDF sample; `uniform` in [0, 1).
    SIM_HD int sample(float uniform) const {
        float cumulative = 0.0f;
        int last = 0;
        for (int k = 0; k < n_ && !is_empty_; ++k) {
            if (!allows(k)) continue;
            last = k;
            cumulative += probability(k);
            if (uniform < cumulative) break;
        }
        return last;
    }
    /// The most probable action; ties go to the lowest index.
    SIM_HD int mode() const {
        for (int k = 0; k < n_; ++k)
            if (allows(k) && logits_[k] == max_logit_) return k;
        return 0;
    }

  private:
    const float* logits_;
    const uint8_t* mask_;
    int n_;
    float max_logit_, log_total_, entropy_;
    bool is_empty_;
};

/// Samples one role's actions and stores the log-probabilities and values that PPO needs. Item: role row.
/// Random numbers: Rng of (seed, global env index, counter), Purpose::action, agent. A row's action therefore depends
/// on its logits and not on the number of worlds. The 64-bit counter fills the episode and step words.
struct SampleActions {
    static constexpr int nanoseconds = 64;
    RoleRows rows;
    PolicyOutput policy;  // [role rows]
    const uint8_t* mask;  // [role rows, n], 1 = allowed; null: all are
    int n;
    bool deterministic;
    uint64_t seed;
    int64_t first_env;
    const int64_t* counter;  // [1]; null: 0
    int64_t counter_offset;
    int32_t* action;  // slot [num_envs, num_agents]
    float* log_prob;  // the same; null: not stored
    float* value;     // the same; null: not stored

    SIM_HD void operator()(int64_t i) const {
        const Categorical distribution(policy.logits + i * policy.logits_stride, mask ? mask + i * n : nullptr, n);
        const int64_t row = rows.in_slot(i);
        const int chosen = deterministic ? distribution.mode() : distribution.sample(uniform(i));
        action[row] = chosen;
        if (log_prob) log_prob[row] = distribution.log_prob(chosen);
        if (value) value[row] = policy.value[i * policy.value_stride];
    }
    SIM_HD float uniform(int64_t i) const {
        const int64_t count = (counter ? *counter : 0) + counter_offset;
        const Rng rng{seed, uint32_t(first_env + i / rows.count), uint32_t(count >> 24), uint32_t(count & 0xFFFFFF),
                      Purpose::action};
        return rng.uniform(uint32_t(rows.first + i % rows.count), 0);
    }
};

/// Stores the values of a role's rows. Item: role row.
struct StoreValues {
    static constexpr int nanoseconds = 2;
    RoleRows rows;
    PolicyOutput policy;
    float* value;  // slot

    SIM_HD void operator()(int64_t i) const { value[rows.in_slot(i)] = policy.value[i * policy.value_stride]; }
};

}  // namespace flockstep
