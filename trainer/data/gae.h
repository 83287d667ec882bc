#pragma once

#include <cstdint>

#include "trainer/data/rows.h"

namespace flockstep {

/// Advantages and value targets of a rollout. GAE: Schulman et al. 2016, with termination and truncation kept
/// apart: nothing follows a termination, V(final_observation) follows a truncation. A transition counts if its agent
/// was active before it; an agent that is inactive afterwards, without a reset, is treated as terminated. Arrays are
/// [num_steps][slot_rows] (value and active: [num_steps + 1]). Item: row.
struct ComputeAdvantage {
    static constexpr int nanoseconds = 256;
    RowSet rows;
    int num_steps;
    int segment_steps;  // final_value has one slot per segment of this many steps
    float gamma, gae_lambda;
    const float* reward;
    const float* value;
    const float* final_value;   // V(final_observation) of the segment's truncation, if any
    const float* reward_scale;  // [1]; null: 1
    const uint8_t *terminated, *truncated, *active;
    float *advantage, *value_target;

    SIM_HD void operator()(int64_t row) const {
        const float scale = reward_scale ? *reward_scale : 1.0f;
        const int64_t slot_rows = rows.slot_rows, cell = rows.cell_of(row);
        float running = 0.0f;
        for (int t = num_steps - 1; t >= 0; --t) {
            const int64_t flat_index = t * slot_rows + cell;
            if (!active[flat_index]) {
                running = advantage[flat_index] = 0.0f;
                value_target[flat_index] = value[flat_index];
                continue;
            }
            const bool continues = !terminated[flat_index] && !truncated[flat_index] && active[flat_index + slot_rows];
            float next = continues ? value[flat_index + slot_rows] : 0.0f;
            if (truncated[flat_index] && !terminated[flat_index])
                next = final_value[t / segment_steps * slot_rows + cell];
            const float delta = reward[flat_index] * scale + gamma * next - value[flat_index];
            running = delta + (continues ? gamma * gae_lambda * running : 0.0f);
            advantage[flat_index] = running;
            value_target[flat_index] = running + value[flat_index];
        }
    }
};

}  // namespace flockstep
