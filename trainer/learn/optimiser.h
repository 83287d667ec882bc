#pragma once

#include <cmath>
#include <cstdint>

#include "sim/contract/flush.h"
#include "trainer/device/launch.h"

namespace flockstep {

/// Sum of squares of a gradient. Item: element.
struct SumSquares {
    static constexpr int nanoseconds = 1, num_sums = 1;
    const float* gradient;

    SIM_HD void operator()(int64_t i, double* local) const { local[0] += double(gradient[i]) * double(gradient[i]); }
};

/// Scalars of one Adam step; on the device, so that a captured graph reads new ones at each replay.
struct AdamScalars {
    float clip_coefficient;    // factor of the gradient
    float step_size;           // learning rate / bias correction of the first moment
    float inverse_correction;  // bias correction of the root of the second moment
    enum Skips : int32_t { no, yes, first_not_finite };
    Skips skips;  // nothing changes: the minibatch has no samples, or something is or was not finite
};

/// Whether a number is neither infinite nor NaN.
SIM_HD bool is_finite(double number) { return number - number == 0; }

/// What was not finite first in the learning of a policy, as seen at an optimiser step; the policy learns no more.
enum class NotFiniteTerm : int64_t { none, policy_loss, value_loss, entropy, gradient };

/// Item: 0.
struct PrepareAdam {
    static constexpr int nanoseconds = 1;
    static constexpr double beta1 = 0.9, beta2 = 0.999;
    const double* square_norm;   // [1] squared norm of the whole gradient
    const float* learning_rate;  // [1]
    const int32_t* is_empty;     // [1] whether the minibatch has no samples
    int64_t* minibatches;        // [1] minibatches done, which this one is added to
    int64_t* steps;              // [1] optimiser steps done, likewise: empty minibatches are none
    float max_norm;              // gradients are clipped to this norm; 0: no clipping
    const double* losses;        // [3] sums of policy loss, value loss and entropy
    NotFiniteTerm* not_finite;   // [1] the first term that was not finite
    AdamScalars* scalars;
    double* norm_sum;  // [2] accumulates the gradient's norm, and the number of steps

    SIM_HD void operator()(int64_t) const {
        *minibatches += 1;
        scalars->skips = *is_empty || *not_finite != NotFiniteTerm::none ? AdamScalars::yes : AdamScalars::no;
        if (scalars->skips) return;
        if ((*not_finite = first_not_finite()) != NotFiniteTerm::none) scalars->skips = AdamScalars::first_not_finite;
        *steps += 1;
        const double norm = sqrt(*square_norm), count = double(*steps);
        scalars->clip_coefficient = max_norm > 0 && norm > max_norm ? float(max_norm / (norm + 1e-6)) : 1.0f;
        scalars->step_size = float(*learning_rate / (1 - pow(beta1, count)));
        scalars->inverse_correction = float(1 / sqrt(1 - pow(beta2, count)));
        norm_sum[0] += norm, norm_sum[1] += 1;
    }

  private:
    SIM_HD NotFiniteTerm first_not_finite() const {
        if (!is_finite(losses[0])) return NotFiniteTerm::policy_loss;
        if (!is_finite(losses[1])) return NotFiniteTerm::value_loss;
        if (!is_finite(losses[2])) return NotFiniteTerm::entropy;
        return is_finite(*square_norm) ? NotFiniteTerm::none : NotFiniteTerm::gradient;
    }
};

/// One step of Adam (Kingma, Ba 2015). Where the gradient or the loss was not finite for the first time, the gradient
/// is kept in place of the first moment, for an error message. Item: parameter.
struct AdamStep {
    static constexpr int nanoseconds = 4;
    const float* gradient;
    const AdamScalars* scalars;
    float epsilon;
    float *parameter, *first_moment, *second_moment;
    uint16_t* bf16_copy;  // the parameters as bfloat16; null: none

    SIM_HD void operator()(int64_t i) const {
        if (scalars->skips == AdamScalars::first_not_finite) first_moment[i] = gradient[i];
        if (scalars->skips) return;
        constexpr float beta1 = float(PrepareAdam::beta1), beta2 = float(PrepareAdam::beta2);
        const float g = gradient[i] * scalars->clip_coefficient;
        const float first = first_moment[i] = beta1 * first_moment[i] + (1 - beta1) * g;
        const float second = second_moment[i] = beta2 * second_moment[i] + (1 - beta2) * g * g;
        parameter[i] -= scalars->step_size * first / (sqrtf(second) * scalars->inverse_correction + epsilon);
        if (bf16_copy) bf16_copy[i] = uint16_t(bfloat16_bits(parameter[i]));
    }
};

/// Sets the schedule's two values from the host. Item: 0.
struct SetSchedule {
    static constexpr int nanoseconds = 1;
    float* schedule;  // [2]
    float learning_rate, ent_coef;

    SIM_HD void operator()(int64_t) const { schedule[0] = learning_rate, schedule[1] = ent_coef; }
};

}  // namespace flockstep
