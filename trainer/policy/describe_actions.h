#pragma once

#include "trainer/policy/head.h"

namespace flockstep {

/// Where the distributions of one action part go: float32 on the device, rows are source rows; null: nowhere.
struct DistributionColumns {
    float* logits = nullptr;     // [source rows, choices]; -inf where the mask forbids the choice
    float* mean = nullptr;       // [source rows, size]
    float* deviation = nullptr;  // the same
};

/// The distributions of a policy's rows, their entropy, the log-probability of given actions, and values. Item: row.
/// The policy's outputs are only read for what is wanted: policy.head may be null if only values are, policy.value if
/// they are not.
struct DescribeActions {
    static constexpr int nanoseconds = 64;
    RowSet rows;
    Head head;            // its `action`s are read if log_prob is wanted
    PolicyOutput policy;  // [rows]
    DistributionColumns parts[max_policy_actions];
    bool wants_parts;
    float* log_prob;              // [cells], of head's actions; null: not wanted
    float* entropy;               // the same
    float* value;                 // the same
    const ValueNorm* value_norm;  // null: outputs are values

    bool wants_head() const { return wants_parts || log_prob || entropy; }

    SIM_HD void operator()(int64_t i) const {
        const int64_t cell = rows.cell_of(i);
        if (value) value[cell] = value_of(policy.value[i * policy.value_stride], value_norm);
        if (!policy.head) return;
        const float* output = policy.head + i * policy.head_stride;
        float total_log_prob = 0.0f, total_entropy = 0.0f;
        for (int k = 0; k < head.num_components; ++k) {
            const Component& c = head.components[k];
            if (c.kind == Component::Kind::categorical)
                describe_choice(c, output, i, &total_log_prob, &total_entropy);
            else
                describe_number(c, output, i, &total_log_prob, &total_entropy);
        }
        if (log_prob) log_prob[cell] = total_log_prob;
        if (entropy) entropy[cell] = total_entropy;
    }

  private:
    SIM_HD void describe_choice(const Component& c, const float* output, int64_t i, float* total_log_prob,
                                float* total_entropy) const {
        const Categorical distribution = head.categorical(c, output, rows, 0, i);
        *total_entropy += distribution.entropy();
        if (log_prob) *total_log_prob += distribution.log_prob_of_any(*head.action<int32_t>(c, rows, i));
        float* const logits = parts[c.part].logits;
        if (!logits) return;
        float* const row = logits + rows.source_of(i) * head.actions[c.part].choices + c.mask;
        for (int k = 0; k < c.n; ++k) row[k] = distribution.allows(k) ? output[c.output + k] : -HUGE_VALF;
    }
    SIM_HD void describe_number(const Component& c, const float* output, int64_t i, float* total_log_prob,
                                float* total_entropy) const {
        const Gaussian distribution = Head::gaussian(c, output);
        *total_entropy += distribution.entropy();
        if (log_prob) *total_log_prob += distribution.log_prob(c.number_of(*head.action<float>(c, rows, i)));
        const DistributionColumns& part = parts[c.part];
        if (!part.mean) return;
        const int64_t at = rows.source_of(i) * head.actions[c.part].size + c.element;
        part.mean[at] = distribution.mode(), part.deviation[at] = distribution.deviation();
    }
};

}  // namespace flockstep
