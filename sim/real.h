#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "sim/hd.h"

/// Float functions that give the same bits on CPU and GPU: the same operations in the same order, no fused
/// multiply-add (both backends compile with contraction off), IEEE square root and division.
namespace flockstep::real {

SIM_HD float square(float x) { return x * x; }

/// Correctly rounded square root.
SIM_HD float sqrt(float x) {
#ifdef __CUDA_ARCH__
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}

/// x - k * pi/2 for the nearest integer k, |x| <= 1e4, with pi/2 in three parts (Cody and Waite); k goes to `quadrant`.
SIM_HD float reduce_quarter_turn(float x, int& quadrant) {
    const float turns = x * 0.636619772f;
    const int k = int(turns < 0.0f ? turns - 0.5f : turns + 0.5f);
    quadrant = k & 3;
    const float n = float(k);
    return ((x - n * 1.5703125f) - n * 4.837512969970703e-4f) - n * 7.549789948768648e-8f;
}

/// Sine and cosine of a reduced angle, |x| <= pi/4: Taylor with a relative error below 1e-7.
SIM_HD float sine_reduced(float x) {
    const float s = x * x;
    return x + x * (s * (-1.6666667163e-1f + s * (8.3333337680e-3f + s * (-1.9841270114e-4f + s * 2.7557314297e-6f))));
}
SIM_HD float cosine_reduced(float x) {
    const float s = x * x;
    return 1.0f + s * (-0.5f + s * (4.1666667908e-2f + s * (-1.3888889225e-3f + s * 2.4801587642e-5f)));
}

/// Sine of x in radians, |x| <= 1e4; absolute error below 2e-7.
SIM_HD float sin(float x) {
    int quadrant;
    const float r = reduce_quarter_turn(x, quadrant);
    const float value = (quadrant & 1) ? cosine_reduced(r) : sine_reduced(r);
    return (quadrant & 2) ? -value : value;
}
/// Cosine of x in radians, |x| <= 1e4; absolute error below 2e-7.
SIM_HD float cos(float x) {
    int quadrant;
    const float r = reduce_quarter_turn(x, quadrant);
    const float value = (quadrant & 1) ? sine_reduced(r) : cosine_reduced(r);
    return ((quadrant + 1) & 2) ? -value : value;
}

/// Powers of e; relative error below 3e-7; 0 below -87, infinity above 88.7.
SIM_HD float exp(float x) {
    if (x < -87.0f) return 0.0f;
    if (x > 88.7f) return HUGE_VALF;
    const float turns = x * 1.44269504f;
    const int k = int(turns < 0.0f ? turns - 0.5f : turns + 0.5f);
    const float f = (x - float(k) * 0.693145752f) - float(k) * 1.42860677e-6f;
    const float m =
        1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120 + f * (1.0f / 720))))));
    const int half = k / 2;  // two factors, since 2^k itself may pass the largest float
    const uint32_t low = uint32_t(half + 127) << 23, high = uint32_t(k - half + 127) << 23;
    float scale_low, scale_high;
    memcpy(&scale_low, &low, 4);
    memcpy(&scale_high, &high, 4);
    return m * scale_low * scale_high;
}

/// Angle of the vector (x, y) in radians, in [-pi, pi]; 0 for the null vector; absolute error below 4e-7.
SIM_HD float atan2(float y, float x) {
    const float ax = x < 0 ? -x : x, ay = y < 0 ? -y : y;
    const float large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    if (large == 0.0f) return 0.0f;
    // atan(t) for t in [0, 1], with t > tan(pi/8) turned by pi/4 first
    float t = small / large, base = 0.0f;
    if (t > 0.41421356f) base = 0.785398163f, t = (t - 1.0f) / (t + 1.0f);
    const float s = t * t;
    float value =
        base + (t + t * s * (-0.333329491539f + s * (0.199777106478f + s * (-0.138776856032f + s * 0.0805374449538f))));
    if (ay > ax) value = 1.57079633f - value;
    if (x < 0) value = 3.14159265f - value;
    return y < 0 ? -value : value;
}

}  // namespace flockstep::real
