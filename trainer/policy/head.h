#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/contract/random.h"
#include "trainer/data/action_column.h"
#include "trainer/data/input.h"
#include "trainer/data/normalise.h"

/// What a policy chooses, as independent components: each integer of a Discrete or MultiDiscrete action is a
/// categorical choice, each float of a Box is a Gaussian. The probability of an action is the product over them.
namespace flockstep {

/// Softmax over the actions that a mask allows (null: all). Masked actions have probability 0 and contribute to neither
/// entropy nor gradient. If the mask allows nothing, action 0 is taken. Logits that are NaN or infinite make
/// probabilities, entropy and gradient NaN.
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
        is_empty_ = total == 0.0f;  // logits that are not finite give NaN: they do not pass for an empty mask
        log_total_ = is_empty_ ? 0.0f : logf(total);
        entropy_ = is_empty_ ? 0.0f : log_total_ - weighted / total;
    }
    SIM_HD bool allows(int k) const { return !mask_ || mask_[k]; }
    SIM_HD float log_prob(int k) const { return is_empty_ ? 0.0f : logits_[k] - max_logit_ - log_total_; }
    /// Of any integer, choices that are illegal or do not exist included: -inf.
    SIM_HD float log_prob_of_any(int k) const {
        if (is_empty_) return k == 0 ? 0.0f : -HUGE_VALF;
        return k >= 0 && k < n_ && allows(k) ? log_prob(k) : -HUGE_VALF;
    }
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
            if (!(uniform >= cumulative)) break;  // NaN: the first
        }
        return last;
    }
    /// The most probable action; ties go to the lowest index.
    SIM_HD int mode() const {
        for (int k = 0; k < n_; ++k)
            if (allows(k) && !(logits_[k] < max_logit_)) return k;
        return 0;
    }
    /// d_log_prob * d log_prob(chosen) + d_entropy * d entropy(), for each logit.
    SIM_HD void gradient(int chosen, float d_log_prob, float d_entropy, float weight, float* out) const {
        for (int k = 0; k < n_; ++k) {
            const float p = probability(k);
            float g = d_log_prob * (float(k == chosen) - p);
            if (p > 0.0f) g -= d_entropy * p * (log_prob(k) + entropy_);
            out[k] = is_empty_ || !allows(k) ? 0.0f : weight * g;
        }
    }

  private:
    const float* logits_;
    const uint8_t* mask_;
    int n_;
    float max_logit_, log_total_, entropy_;
    bool is_empty_;
};

/// A normal distribution, optionally squashed by tanh; densities are those of the squashed number, which is in -1 .. 1.
/// `x` is the number before squashing. deviation = softplus(raw) + min_std (as in rl_games): never too small, and its
/// gradient never vanishes as that of a clamped one does.
class Gaussian {
  public:
    SIM_HD Gaussian(float mean, float raw_deviation, float min_std, bool is_squashed)
        : mean_(mean), raw_(raw_deviation), deviation_(softplus(raw_deviation) + min_std), squashed_(is_squashed) {}
    SIM_HD float sample(float normal) const { return mean_ + deviation_ * normal; }
    SIM_HD float mode() const { return mean_; }
    SIM_HD float deviation() const { return deviation_; }
    SIM_HD float log_prob(float x) const {
        const float z = (x - mean_) / deviation_;
        const float plain = -0.5f * z * z - logf(deviation_) - half_log_two_pi;
        return squashed_ ? plain - log_slope(x) : plain;
    }
    /// Squashed, it has no closed form: the mean slope of tanh by Gauss-Hermite quadrature with 8 nodes.
    SIM_HD float entropy() const {
        float entropy = 0.5f + half_log_two_pi + logf(deviation_);
        for (int k = 0; k < nodes && squashed_; ++k) entropy += weight(k) * log_slope(mean_ + deviation_ * node(k));
        return entropy;
    }
    /// d_log_prob * d log_prob(x) + d_entropy * d entropy(), for the mean and the raw deviation.
    SIM_HD void gradient(float x, float d_log_prob, float d_entropy, float weight_of_row, float* d_mean,
                         float* d_raw) const {
        const float z = (x - mean_) / deviation_;
        float of_mean = d_log_prob * z / deviation_;
        float of_deviation = d_log_prob * (z * z - 1.0f) / deviation_ + d_entropy / deviation_;
        for (int k = 0; k < nodes && squashed_; ++k) {
            const float slope = -2.0f * tanhf(mean_ + deviation_ * node(k)) * weight(k) * d_entropy;
            of_mean += slope, of_deviation += slope * node(k);
        }
        *d_mean = weight_of_row * of_mean;
        *d_raw = weight_of_row * of_deviation / (1.0f + expf(-raw_));
    }

    SIM_HD static float softplus(float x) { return x > 0 ? x + log1pf(expf(-x)) : log1pf(expf(x)); }

  private:
    static constexpr float half_log_two_pi = 0.91893853f;
    static constexpr int nodes = 8;
    /// log(1 - tanh(x)^2).
    SIM_HD static float log_slope(float x) { return 2.0f * (0.69314718f - x - softplus(-2.0f * x)); }
    /// Nodes and weights for the mean over a standard normal distribution (Abramowitz, Stegun 1964, table 25.10).
    SIM_HD static float node(int k) {
        constexpr float positive[] = {0.53907981f, 1.6365190f, 2.8024859f, 4.1445472f};
        return k < 4 ? positive[k] : -positive[k - 4];
    }
    SIM_HD static float weight(int k) {
        constexpr float weights[] = {0.37301226f, 0.11723990f, 0.0096352201f, 0.00011261454f};
        return weights[k % 4];
    }
    float mean_, raw_, deviation_;
    bool squashed_;
};

/// One component of an action.
struct Component {
    enum class Kind : uint8_t { categorical, gaussian, squashed };
    Kind kind;
    int part, element;  // the action part, and its integer or float
    int output;         // column of the network's output: the first logit, or the mean
    int n;              // categorical: choices
    int mask;           // categorical: its first column in the part's mask
    int deviation;      // Gaussian: column of the raw deviation
    float raw_offset;   // added to it, so that 0 gives the initial deviation
    float min_std;
    float low, high;  // Gaussian: the action is middle + half_range * number, clipped to low .. high
    float middle, half_range;

    /// The action that a sampled number stands for, before it is clipped.
    SIM_HD float action_of(float number) const {
        return middle + half_range * (kind == Kind::squashed ? tanhf(number) : number);
    }
    /// The number that stands for an action, the inverse of action_of. Squashed, the bounds are infinitely far away:
    /// actions there, which rounding produces, count as the float32 next to them.
    SIM_HD float number_of(float action) const {
        const float number = (action - middle) / half_range;
        if (kind != Kind::squashed) return number;
        constexpr float limit = 0.99999994f;
        return atanhf(number > limit ? limit : number < -limit ? -limit : number);
    }
};

/// What one policy chooses, in memory. The number of components is not bounded, so they are on the device.
struct Head {
    Head() = default;
    /// list: the components, copied to `on_device`.
    Head(const std::vector<Component>& list, const Component* on_device, int num_outputs)
        : components(on_device),
          num_components(int(list.size())),
          num_outputs(num_outputs),
          is_one_choice(list.size() == 1 && list[0].kind == Component::Kind::categorical) {
        if (is_one_choice) only = list[0];
    }

    const Component* components = nullptr;
    int num_components = 0, num_outputs = 0;
    bool is_one_choice = false;  // one categorical component: the loss computes its distribution once
    Component only{};            // that one
    ActionColumn actions[max_policy_actions];

    SIM_HD const uint8_t* mask(const Component& c, const RowSet& rows, int64_t step, int64_t row) const {
        const ActionColumn& a = actions[c.part];
        return a.mask ? a.mask + step * a.mask_slot + rows.source_of(row) * a.choices + c.mask : nullptr;
    }
    SIM_HD Categorical categorical(const Component& c, const float* output, const RowSet& rows, int64_t step,
                                   int64_t row) const {
        return {output + c.output, mask(c, rows, step, row), c.n};
    }
    SIM_HD static Gaussian gaussian(const Component& c, const float* output) {
        return {output[c.output], output[c.deviation] + c.raw_offset, c.min_std, c.kind == Component::Kind::squashed};
    }
    /// Address of a component's number at a step: 4 bytes, int32 or float32.
    template <class T>
    SIM_HD T* kept(const Component& c, const RowSet& rows, int64_t step, int64_t row) const {
        const ActionColumn& a = actions[c.part];
        return a.kept ? at<T>(a, static_cast<char*>(a.kept) + step * a.kept_slot, c, rows, row) : nullptr;
    }
    template <class T>
    SIM_HD T* action(const Component& c, const RowSet& rows, int64_t row) const {
        const ActionColumn& a = actions[c.part];
        return a.action ? at<T>(a, a.action, c, rows, row) : nullptr;
    }

    /// Log-probability of the action kept at a step; adds its entropy.
    SIM_HD float log_prob(const float* output, const RowSet& rows, int64_t step, int64_t row, float* entropy) const {
        float total = 0.0f;
        for (int i = 0; i < num_components; ++i) {
            const Component& c = components[i];
            if (c.kind == Component::Kind::categorical) {
                const Categorical distribution = categorical(c, output, rows, step, row);
                total += distribution.log_prob(*kept<int32_t>(c, rows, step, row)), *entropy += distribution.entropy();
            } else {
                const Gaussian distribution = gaussian(c, output);
                total += distribution.log_prob(*kept<float>(c, rows, step, row)), *entropy += distribution.entropy();
            }
        }
        return total;
    }
    /// weight * (d_log_prob * d log_prob + d_entropy * d entropy) for every output.
    SIM_HD void gradient(const float* output, const RowSet& rows, int64_t step, int64_t row, float d_log_prob,
                         float d_entropy, float weight, float* out) const {
        for (int i = 0; i < num_components; ++i) {
            const Component& c = components[i];
            if (c.kind == Component::Kind::categorical)
                categorical(c, output, rows, step, row)
                    .gradient(*kept<int32_t>(c, rows, step, row), d_log_prob, d_entropy, weight, out + c.output);
            else
                gaussian(c, output).gradient(*kept<float>(c, rows, step, row), d_log_prob, d_entropy, weight,
                                             out + c.output, out + c.deviation);
        }
    }

  private:
    template <class T>
    SIM_HD static T* at(const ActionColumn& a, void* slot, const Component& c, const RowSet& rows, int64_t row) {
        return static_cast<T*>(slot) + (a.by_cell ? rows.cell_of(row) : rows.source_of(row)) * a.size + c.element;
    }
};

/// Outputs of a network for some rows: float32, on the device. Row i starts at i * stride.
struct PolicyOutput {
    const float* head = nullptr;  // a Head's outputs
    int64_t head_stride = 0;
    const float* value = nullptr;
    int64_t value_stride = 0;
};

/// The value that a critic's output stands for.
SIM_HD float value_of(float output, const ValueNorm* norm) { return norm ? norm->value(output) : output; }

/// Chooses the actions of a policy's rows at one step and stores the log-probabilities and values that PPO needs. Item:
/// row.
/// Random numbers: Rng of (seed, global env index, counter), Purpose::action, agent; component c draws 2c and, if it is
/// Gaussian, 2c + 1. A row's action therefore depends on the network's outputs and not on the number of worlds. The
/// 64-bit counter fills the episode and step words.
struct SampleActions {
    static constexpr int nanoseconds = 64;
    RowSet rows;
    Head head;
    PolicyOutput policy;  // [rows]
    bool deterministic;
    bool keeps_overshoot;  // floats of a Box are left as drawn, even if out of bounds
    uint64_t seed;
    int64_t first_env;
    const int64_t* counter;  // [1]; null: 0
    int64_t counter_offset;
    int64_t step;                 // of masks and kept actions
    float* log_prob;              // slot; null: not stored
    float* value;                 // the same
    const ValueNorm* value_norm;  // null: outputs are values

    SIM_HD void operator()(int64_t i) const {
        const float* output = policy.head + i * policy.head_stride;
        const int64_t count = (counter ? *counter : 0) + counter_offset;
        const Rng rng{seed, uint32_t(first_env + rows.env_of(i)), uint32_t(count >> 24), uint32_t(count & 0xFFFFFF),
                      Purpose::action};
        const uint32_t agent = uint32_t(rows.agent_of(i));
        float total = head.is_one_choice ? choose(head.only, output, i, rng, agent, 0) : 0.0f;
        for (int k = 0; k < head.num_components && !head.is_one_choice; ++k) {
            const Component& c = head.components[k];
            total += c.kind == Component::Kind::categorical ? choose(c, output, i, rng, agent, uint32_t(2 * k))
                                                            : choose_number(c, output, i, rng, agent, uint32_t(2 * k));
        }
        const int64_t cell = rows.cell_of(i);
        if (log_prob) log_prob[cell] = total;
        if (value) value[cell] = value_of(policy.value[i * policy.value_stride], value_norm);
    }

  private:
    SIM_HD float choose(const Component& c, const float* output, int64_t i, const Rng& rng, uint32_t agent,
                        uint32_t draw) const {
        const Categorical distribution = head.categorical(c, output, rows, step, i);
        const int chosen = deterministic ? distribution.mode() : distribution.sample(rng.uniform(agent, draw));
        if (int32_t* kept = head.kept<int32_t>(c, rows, step, i)) *kept = chosen;
        if (int32_t* action = head.action<int32_t>(c, rows, i)) *action = chosen;
        return distribution.log_prob(chosen);
    }
    SIM_HD float choose_number(const Component& c, const float* output, int64_t i, const Rng& rng, uint32_t agent,
                               uint32_t draw) const {
        const Gaussian distribution = Head::gaussian(c, output);
        const float chosen = deterministic ? distribution.mode() : distribution.sample(normal(rng, agent, draw));
        if (float* kept = head.kept<float>(c, rows, step, i)) *kept = chosen;
        if (float* action = head.action<float>(c, rows, i)) {
            const float scaled = c.action_of(chosen);
            *action = keeps_overshoot ? scaled : scaled < c.low ? c.low : scaled > c.high ? c.high : scaled;
        }
        return distribution.log_prob(chosen);
    }
    /// Box, Muller 1958.
    SIM_HD static float normal(const Rng& rng, uint32_t agent, uint32_t draw) {
        const float radius = sqrtf(-2.0f * logf(1.0f - rng.uniform(agent, draw)));
        return radius * cosf(6.2831853f * rng.uniform(agent, draw + 1));
    }
};

/// Stores the values of samples. Item: index into the samples.
struct StoreValues {
    static constexpr int nanoseconds = 2;
    RowSet rows;
    Samples samples;
    PolicyOutput policy;
    float* value;  // [steps][slot_rows]
    const ValueNorm* value_norm;

    SIM_HD void operator()(int64_t i) const {
        const int64_t sample = samples[i];
        if (sample >= 0) value[rows.flat_index(sample)] = value_of(policy.value[i * policy.value_stride], value_norm);
    }
};

}  // namespace flockstep
