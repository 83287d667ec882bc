#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

namespace flockstep {

/// Advantages and value targets of a rollout. GAE: Schulman et al. 2016, with the two ends of an episode kept apart:
/// after a termination there is nothing, after the time limit there is V(final_observation). A transition counts if its
/// agent was active before it; an agent that is gone afterwards, without a reset, has ended as if terminated. Arrays
/// are [num_steps][slot_rows] (value and active: one slot more). Item: position in a slot.
struct ComputeAdvantage {
    static constexpr int cost = 256;
    int num_steps;
    int64_t slot_rows;
    int segment_steps;  // final_value has a slot for each segment of so many steps
    float gamma, gae_lambda;
    const float* reward;
    const float* value;
    const float* final_value;   // V(final_observation) of the truncation in that segment, if there was one
    const float* reward_scale;  // [1]; null: 1
    const uint8_t *terminated, *truncated, *active;
    float *advantage, *value_target;

    SIM_HD void operator()(int64_t row) const {
        const float scale = reward_scale ? *reward_scale : 1.0f;
        float running = 0.0f;
        for (int t = num_steps - 1; t >= 0; --t) {
            const int64_t cell = t * slot_rows + row;
            if (!active[cell]) {
                running = advantage[cell] = 0.0f;
                value_target[cell] = value[cell];
                continue;
            }
            const bool continues = !terminated[cell] && !truncated[cell] && active[cell + slot_rows];
            float next = continues ? value[cell + slot_rows] : 0.0f;
            if (truncated[cell] && !terminated[cell]) next = final_value[t / segment_steps * slot_rows + row];
            const float delta = reward[cell] * scale + gamma * next - value[cell];
            running = delta + (continues ? gamma * gae_lambda * running : 0.0f);
            advantage[cell] = running;
            value_target[cell] = running + value[cell];
        }
    }
};

}  // namespace flockstep
