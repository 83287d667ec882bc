#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/permutation.h"
#include "trainer/data/rows.h"

namespace flockstep {

/// A rollout of `num_steps` x `rows_per_step` samples as units of steps x rows samples each. Units are numbered by
/// their first step, then by row. Where num_steps is no multiple of a unit's steps, the last ones are cut off.
struct UnitLayout {
    int64_t rows_per_step = 0;
    int num_steps = 0;
    int steps = 1, rows = 1;  // of a unit

    SIM_HD int64_t size() const { return int64_t(steps) * rows; }
    SIM_HD bool are_samples() const { return steps == 1 && rows == 1; }
    SIM_HD int64_t units_per_step() const { return rows_per_step / rows; }
    SIM_HD int64_t num_units() const { return (num_steps + steps - 1) / steps * units_per_step(); }
    /// The sample at a step and row of a unit, or -1 after the end of the rollout.
    SIM_HD int64_t sample(int64_t unit, int64_t step, int64_t row) const {
        const int64_t t = unit / units_per_step() * steps + step;
        return t < num_steps ? t * rows_per_step + unit % units_per_step() * rows + row : -1;
    }
};

/// The samples of the minibatch that a counter on the device selects, [steps of a unit][units][rows of a unit], so that
/// a recurrent network reads one step of all units after the other; -1 is padding. Every live unit, one with a live
/// sample, is in exactly one minibatch of each epoch; each minibatch has as many of them but for the last ones. Item:
/// row of the minibatch.
struct MinibatchIndices {
    static constexpr int nanoseconds = 32;
    const int64_t* minibatches;  // [1], done so far
    uint64_t seed;
    UnitLayout units;
    const int64_t* live;      // [num_live], ascending; null: all units are live
    const int64_t* num_live;  // [1]
    int64_t capacity;         // units that the minibatch has room for
    int num_minibatches;
    uint32_t group;
    int64_t* index;     // [capacity * units.size()]
    int32_t* is_empty;  // [1]: whether it has no unit

    SIM_HD void operator()(int64_t i) const {
        const int64_t epoch = *minibatches / num_minibatches, number = *minibatches % num_minibatches;
        const int64_t count = *num_live, size = (count + num_minibatches - 1) / num_minibatches;
        if (i == 0) *is_empty = number * size >= count;
        int64_t unit = i, step = 0, row = 0;
        if (!units.are_samples()) {
            const int64_t step_size = capacity * units.rows, in_step = i % step_size;
            unit = in_step / units.rows, step = i / step_size, row = in_step % units.rows;
        }
        const int64_t position = number * size + unit;
        index[i] = -1;
        if (unit >= size || position >= count) return;
        const Rng rng{seed, group, uint32_t(epoch >> 24), uint32_t(epoch & 0xFFFFFF), Purpose::shuffle};
        const Permutation order(uint64_t(count), rng.bits4(0, 0));
        const int64_t place = int64_t(order(uint64_t(position))), chosen = live ? live[place] : place;
        index[i] = units.are_samples() ? chosen : units.sample(chosen, step, row);
    }
};

/// Marks the units with at least one live sample. Item: unit.
struct MarkLiveUnits {
    static constexpr int nanoseconds = 8;
    RowSet rows;
    UnitLayout units;
    const uint8_t* live;  // [num_steps][slot_rows]
    uint8_t* is_live;     // [units]

    SIM_HD void operator()(int64_t unit) const {
        if (units.are_samples()) {
            is_live[unit] = live[rows.flat_index(unit)];
            return;
        }
        uint8_t any = 0;
        for (int step = 0; step < units.steps; ++step)
            for (int row = 0; row < units.rows; ++row) {
                const int64_t sample = units.sample(unit, step, row);
                if (sample >= 0) any |= live[rows.flat_index(sample)];
            }
        is_live[unit] = any != 0;
    }
};

/// Marks what an agent can learn from: it is active and, unless waiting counts, it is its turn. Item: index into an
/// array [num_steps][slot_rows].
struct MarkLive {
    static constexpr int nanoseconds = 2;
    const uint8_t *active, *acts;  // acts null: every agent acts at every step
    uint8_t* live;

    SIM_HD void operator()(int64_t i) const { live[i] = active[i] && (!acts || acts[i]); }
};

/// Copies one chunk of a list, which a counter selects; -1 pads it. Item: element of the chunk.
struct CopyChunk {
    static constexpr int nanoseconds = 2;
    const int64_t* list;
    const int64_t* count;  // [1]
    const int64_t* chunk;  // [1]
    int64_t size;
    int64_t* to;  // [size]

    SIM_HD void operator()(int64_t i) const {
        const int64_t at = *chunk * size + i;
        to[i] = at < *count ? list[at] : -1;
    }
};

/// Marks the cells that were truncated in a segment of the rollout: those whose V(final_observation) is needed. Item:
/// segment * slot_rows + cell.
struct MarkTruncated {
    static constexpr int nanoseconds = 64;
    int64_t slot_rows;
    int num_steps, segment_steps;
    const uint8_t *terminated, *truncated, *active;  // [num_steps][slot_rows]
    uint8_t* is_truncated;                           // [segments][slot_rows]

    SIM_HD void operator()(int64_t i) const {
        const int first = int(i / slot_rows) * segment_steps;
        const int last = first + segment_steps < num_steps ? first + segment_steps : num_steps;
        uint8_t any = 0;
        for (int t = first; t < last; ++t) {
            const int64_t at = t * slot_rows + i % slot_rows;
            any |= uint8_t(truncated[at] && !terminated[at] && active[at]);
        }
        is_truncated[i] = any;
    }
};

/// Copies a flag of each sample. Item: sample.
struct CopyFlags {
    static constexpr int nanoseconds = 2;
    RowSet rows;
    const uint8_t* from;  // [steps][slot_rows]
    uint8_t* to;          // [samples]

    SIM_HD void operator()(int64_t sample) const { to[sample] = from[rows.flat_index(sample)]; }
};

}  // namespace flockstep
