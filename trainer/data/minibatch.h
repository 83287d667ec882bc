#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/permutation.h"

namespace flockstep {

/// A rollout of `num_steps` x `rows_per_step` samples as units of steps x rows samples each. Units are numbered by
/// their first step, then by row. Where num_steps is no multiple of a unit's steps, the last ones are cut off.
struct UnitLayout {
    int64_t rows_per_step = 0;
    int num_steps = 0;
    int steps = 1, rows = 1;  // of a unit

    SIM_HD int64_t size() const { return int64_t(steps) * rows; }
    SIM_HD int64_t units_per_step() const { return rows_per_step / rows; }
    SIM_HD int64_t num_units() const { return (num_steps + steps - 1) / steps * units_per_step(); }
    /// The sample at a step and row of a unit, or -1 after the end of the rollout.
    SIM_HD int64_t sample(int64_t unit, int64_t step, int64_t row) const {
        const int64_t t = unit / units_per_step() * steps + step;
        return t < num_steps ? t * rows_per_step + unit % units_per_step() * rows + row : -1;
    }
};

/// The samples of the minibatch that a counter on the device selects, [steps of a unit][units][rows of a unit], so that
/// a recurrent network reads one step of all units after the other; -1 pads the last minibatch of an epoch. Every unit
/// is in exactly one minibatch of each epoch. Item: row of the minibatch.
struct MinibatchIndices {
    static constexpr int nanoseconds = 32;
    const int64_t* minibatches;  // [1], done so far
    uint64_t seed;
    UnitLayout units;
    int64_t units_per_minibatch;
    int num_minibatches;
    uint32_t group;
    int64_t* index;  // [units_per_minibatch * units.size()]

    SIM_HD void operator()(int64_t i) const {
        const int64_t epoch = *minibatches / num_minibatches, number = *minibatches % num_minibatches;
        const int64_t step_size = units_per_minibatch * units.rows, step = i / step_size, in_step = i % step_size;
        const int64_t position = number * units_per_minibatch + in_step / units.rows, num_units = units.num_units();
        const Rng rng{seed, group, uint32_t(epoch >> 24), uint32_t(epoch & 0xFFFFFF), Purpose::shuffle};
        index[i] = -1;
        if (position >= num_units) return;
        const Permutation order(uint64_t(num_units), rng.bits4(0, 0));
        index[i] = units.sample(int64_t(order(uint64_t(position))), step, in_step % units.rows);
    }
};

}  // namespace flockstep
