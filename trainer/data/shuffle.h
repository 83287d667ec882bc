#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/permutation.h"

namespace flockstep {

/// Sample indices of the minibatch that the optimiser's step counter selects; -1 pads the last minibatch of an epoch.
/// Every sample is in exactly one minibatch of each epoch. Item: row of the minibatch.
struct MinibatchIndices {
    static constexpr int nanoseconds = 32;
    const int64_t* optimiser_steps;  // [1], done so far
    uint64_t seed;
    int64_t num_samples, minibatch_size;
    int num_minibatches;
    uint32_t role;
    int64_t* index;  // [minibatch_size]

    SIM_HD void operator()(int64_t i) const {
        const int64_t epoch = *optimiser_steps / num_minibatches,
                      position = *optimiser_steps % num_minibatches * minibatch_size + i;
        const Rng rng{seed, role, uint32_t(epoch >> 24), uint32_t(epoch & 0xFFFFFF), Purpose::shuffle};
        index[i] = position < num_samples
                       ? int64_t(Permutation(uint64_t(num_samples), rng.bits4(0, 0))(uint64_t(position)))
                       : -1;
    }
};

}  // namespace flockstep
