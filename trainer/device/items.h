#pragma once

#include "sim/contract/flush.h"
#include "trainer/device/launch.h"

/// Small items that several parts of the trainer run.
namespace flockstep {

/// Increments a counter on the device. Item: 0.
struct IncrementCounter {
    static constexpr int nanoseconds = 1;
    int64_t* counter;
    int64_t by;

    SIM_HD void operator()(int64_t) const { *counter += by; }
};

/// Adds one scalar on the device to another. Item: 0.
struct AccumulateScalar {
    static constexpr int nanoseconds = 1;
    const double* value;
    double* total;

    SIM_HD void operator()(int64_t) const { *total += *value; }
};

/// Copies 16 bytes. Item: vector.
struct CopyVector {
    static constexpr int nanoseconds = 2;
    const Vector16* from;
    Vector16* to;

    SIM_HD void operator()(int64_t i) const { to[i] = from[i]; }
};

}  // namespace flockstep
