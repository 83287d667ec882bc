#pragma once

#include <cmath>
#include <cstdint>

#include "sim/contract/flush.h"
#include "trainer/launch.h"

namespace flockstep {

/// Squares of a gradient. Item: number.
struct SumSquares {
    static constexpr int cost = 1, num_sums = 1;
    const float* gradient;

    SIM_HD void operator()(int64_t i, double* local) const { local[0] += double(gradient[i]) * double(gradient[i]); }
};

/// What one step of Adam needs beside the gradient; on the device, so that a captured graph can be replayed.
struct AdamScalars {
    float shrink;              // of the gradient
    float step_size;           // learning rate / first correction
    float inverse_correction;  // of the root of the second moment
};

/// Item: 0.
struct PrepareAdam {
    static constexpr int cost = 1;
    static constexpr double beta1 = 0.9, beta2 = 0.999;
    const double* square_norm;   // [1] of the whole gradient
    const float* learning_rate;  // [1]
    const int64_t* steps;        // [1] steps done before this one
    float max_norm;              // longer gradients are quantized to this; 0: never
    AdamScalars* scalars;
    double* norm_sum;  // [1] the gradient's norm is added

    SIM_HD void operator()(int64_t) const {
        const double norm = sqrt(*square_norm), count = double(*steps + 1);
        scalars->shrink = max_norm > 0 && norm > max_norm ? float(max_norm / (norm + 1e-6)) : 1.0f;
        scalars->step_size = float(*learning_rate / (1 - pow(beta1, count)));
        scalars->inverse_correction = float(1 / sqrt(1 - pow(beta2, count)));
        *norm_sum += norm;
    }
};

/// One step of Adam (Kingma, Ba 2015). Item: parameter.
struct AdamStep {
    static constexpr int cost = 4;
    const float* gradient;
    const AdamScalars* scalars;
    float epsilon;
    float *parameter, *first_moment, *second_moment;
    uint16_t* rounded;  // the parameter as bfloat16 beside it; null: not wanted

    SIM_HD void operator()(int64_t i) const {
        constexpr float beta1 = float(PrepareAdam::beta1), beta2 = float(PrepareAdam::beta2);
        const float g = gradient[i] * scalars->shrink;
        const float first = first_moment[i] = beta1 * first_moment[i] + (1 - beta1) * g;
        const float second = second_moment[i] = beta2 * second_moment[i] + (1 - beta2) * g * g;
        parameter[i] -= scalars->step_size * first / (sqrtf(second) * scalars->inverse_correction + epsilon);
        if (rounded) rounded[i] = uint16_t(bfloat16_bits(parameter[i]));
    }
};

/// Adds to a counter on the device. Item: 0.
struct Advance {
    static constexpr int cost = 1;
    int64_t* counter;
    int64_t by;

    SIM_HD void operator()(int64_t) const { *counter += by; }
};

/// Adds a number on the device to another. Item: 0.
struct AddNumber {
    static constexpr int cost = 1;
    const double* number;
    double* total;

    SIM_HD void operator()(int64_t) const { *total += *number; }
};

/// Writes two numbers that the host knows. Item: 0.
struct SetPair {
    static constexpr int cost = 1;
    float* pair;
    float first, second;

    SIM_HD void operator()(int64_t) const { pair[0] = first, pair[1] = second; }
};

/// Copies 16 bytes. Item: vector.
struct CopyVector {
    static constexpr int cost = 2;
    const Vector16* from;
    Vector16* to;

    SIM_HD void operator()(int64_t i) const { to[i] = from[i]; }
};

}  // namespace flockstep
