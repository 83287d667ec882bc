#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "sim/contract/hd.h"

/// Float functions that give the same bits on CPU and GPU: the same operations in the same order, no fused
/// multiply-add (both backends compile with contraction off), IEEE square root and division, no libm.
///
///   const float slip = real::atan(0.5f * real::tan(steering));
///   heading = real::wrap_angle(heading + speed * real::cos(slip) * real::tan(steering) / length * dt);
///
/// Angles are in radians. Stated errors are bounds on what was measured: over all floats of the domain for functions of
/// one argument, over 1e8 random pairs for those of two. An ulp is the distance between neighboring floats there. A
/// NaN gives NaN unless a function says otherwise; which of its bit patterns is not promised.
namespace flockstep::real {

/// The float nearest to pi, 8.7e-8 above it; and +infinity.
inline constexpr float pi = 3.14159265f, infinity = HUGE_VALF;

/// The bits of a float, NaN's too.
SIM_HD uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}
/// The float with these bits, any.
SIM_HD float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/// |x|, exact; of -0 it is +0.
SIM_HD float abs(float x) { return from_bits(bits_of(x) & 0x7fffffffu); }
/// The smaller and the larger of two; b if they compare equal or one is NaN.
SIM_HD float min(float a, float b) { return a < b ? a : b; }
SIM_HD float max(float a, float b) { return a > b ? a : b; }
/// x limited to [low, high], low <= high; NaN stays NaN.
SIM_HD float clamp(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
/// x * x.
SIM_HD float square(float x) { return x * x; }

/// c0 + x * (c1 + x * (c2 + ...)).
template <class T>
SIM_HD T horner(T, T c) {
    return c;
}
/// The same, for two or more coefficients.
template <class T, class... Rest>
SIM_HD T horner(T x, T c, Rest... rest) {
    return c + x * horner(x, rest...);
}

/// The largest integer <= x, exact.
SIM_HD float floor(float x) {
#ifdef __CUDA_ARCH__
    return floorf(x);
#else
    return __builtin_floorf(x);
#endif
}

/// Correctly rounded square root; NaN below 0.
SIM_HD float sqrt(float x) {
#ifdef __CUDA_ARCH__
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}

/// Length of the vector (x, y): sqrt(x * x + y * y), without scaling. Error below 1.3 ulp for lengths from 1e-18 to
/// 1.8e19; shorter ones lose digits down to 0, longer ones become infinite.
SIM_HD float hypot(float x, float y) { return sqrt(x * x + y * y); }

/// The integer nearest to x as an int, halves away from 0; |x| < 2^31. x + 0.5 is rounded, so the float just below 0.5
/// gives 1, and odd numbers from 2^23 to 2^24 give the next even one; the result for NaN is unspecified.
SIM_HD int nearest(float x) { return int(x < 0.0f ? x - 0.5f : x + 0.5f); }

/// x - n * pi/2 for integer n, with pi/2 split into three parts of few bits (Cody and Waite 1980; Cephes, sinf.c). For
/// |x| up to largest_angle, n nearby.
SIM_HD float subtract_quarter_turns(float x, float n) {
    return ((x - n * 1.5703125f) - n * 4.837512969970703e-4f) - n * 7.549789948768648e-8f;
}

/// Angles up to here are accepted; beyond it sin, cos, tan and wrap_angle give NaN.
inline constexpr float largest_angle = 1e5f;

/// x - k * pi/2 for the nearest integer k; k mod 4 goes to `quadrant`. NaN and quadrant 0 beyond largest_angle.
SIM_HD float reduce_quarter_turn(float x, int& quadrant) {
    const bool fits = abs(x) <= largest_angle;
    const int k = nearest(fits ? x * 0.636619772f : 0.0f);
    quadrant = k & 3;
    return fits ? subtract_quarter_turns(x, float(k)) : NAN;
}

/// Sine and cosine of a reduced angle, |x| <= pi/4: Taylor with a relative error below 1e-7.
SIM_HD float sin_reduced(float x) {
    const float s = x * x;
    return x + x * (s * (-1.6666667163e-1f + s * (8.3333337680e-3f + s * (-1.9841270114e-4f + s * 2.7557314297e-6f))));
}
/// Cosine of a reduced angle.
SIM_HD float cos_reduced(float x) {
    const float s = x * x;
    return 1.0f + s * (-0.5f + s * (4.1666667908e-2f + s * (-1.3888889225e-3f + s * 2.4801587642e-5f)));
}

/// Sine of x, |x| <= 1e4; absolute error below 2e-7. Up to 1e5 below 1e-6; NaN beyond.
SIM_HD float sin(float x) {
    int quadrant;
    const float r = reduce_quarter_turn(x, quadrant);
    const float value = (quadrant & 1) ? cos_reduced(r) : sin_reduced(r);
    return (quadrant & 2) ? -value : value;
}
/// Cosine of x, |x| <= 1e4; absolute error below 2e-7. Up to 1e5 below 1e-6; NaN beyond.
SIM_HD float cos(float x) {
    int quadrant;
    const float r = reduce_quarter_turn(x, quadrant);
    const float value = (quadrant & 1) ? sin_reduced(r) : cos_reduced(r);
    return ((quadrant + 1) & 2) ? -value : value;
}
/// Tangent of x, |x| <= 1e4; error below 2e-7 * (1 + tan(x)^2), as if the angle were off by 2e-7. Up to 1e5 below
/// 1e-5 * (1 + tan(x)^2); NaN beyond.
SIM_HD float tan(float x) {
    int quadrant;
    const float r = reduce_quarter_turn(x, quadrant);
    return (quadrant & 1) ? -cos_reduced(r) / sin_reduced(r) : sin_reduced(r) / cos_reduced(r);
}

/// The angle in [-pi, pi) that differs from x by whole turns, |x| <= 1e4; absolute error below 4e-7. Angles already in
/// that range are returned unchanged. Up to 1e5 below 2e-6; NaN beyond. pi is the float, 8.7e-8 above the exact value.
SIM_HD float wrap_angle(float x) {
    const bool fits = abs(x) <= largest_angle;
    const int turns = nearest(fits ? x * 0.159154943f : 0.0f);
    const float r = subtract_quarter_turns(x, 4.0f * float(turns));
    const float wrapped = r >= pi ? r - 2 * pi : r < -pi ? r + 2 * pi : r;
    return x >= -pi && x < pi ? x : fits ? wrapped : NAN;
}

/// Angle of the vector (x, y), in [-pi, pi]; 0 for the null vector; absolute error below 4e-7. A zero has no sign; two
/// infinities give NaN.
SIM_HD float atan2(float y, float x) {
    const float ax = x < 0 ? -x : x, ay = y < 0 ? -y : y;
    const float large = ax > ay ? ax : ay, small = ax > ay ? ay : ax;
    if (large == 0.0f) return 0.0f;
    // atan(t) for t in [0, 1], with t > tan(pi/8) turned by pi/4 first (Cephes, atanf.c)
    float t = small / large, base = 0.0f;
    if (t > 0.41421356f) base = 0.785398163f, t = (t - 1.0f) / (t + 1.0f);
    const float s = t * t;
    float value =
        base + (t + t * s * (-0.333329491539f + s * (0.199777106478f + s * (-0.138776856032f + s * 0.0805374449538f))));
    if (ay > ax) value = 1.57079633f - value;
    if (x < 0) value = 3.14159265f - value;
    return y < 0 ? -value : value;
}
/// Arc tangent, in [-pi/2, pi/2]; absolute error below 2e-7; infinities give +-pi/2.
SIM_HD float atan(float x) { return atan2(x, 1.0f); }
/// Arc sine of x in [-1, 1], in [-pi/2, pi/2]; absolute error below 2e-7; NaN outside.
SIM_HD float asin(float x) { return atan2(x, sqrt((1.0f - x) * (1.0f + x))); }
/// Arc cosine of x in [-1, 1], in [0, pi]; absolute error below 4e-7; NaN outside.
SIM_HD float acos(float x) { return atan2(sqrt((1.0f - x) * (1.0f + x)), x); }

/// e^x; relative error below 3e-7; 0 below -87, infinity above 88.7.
SIM_HD float exp(float x) {
    if (x < -87.0f) return 0.0f;
    if (x > 88.7f) return HUGE_VALF;
    if (x != x) return x;
    const int k = nearest(x * 1.44269504f);
    const float f = (x - float(k) * 0.693145752f) - float(k) * 1.42860677e-6f;
    const float m =
        1.0f + f * (1.0f + f * (0.5f + f * (1.0f / 6 + f * (1.0f / 24 + f * (1.0f / 120 + f * (1.0f / 720))))));
    const int half = k / 2;  // two factors, since 2^k itself may overflow
    return m * from_bits(uint32_t(half + 127) << 23) * from_bits(uint32_t(k - half + 127) << 23);
}

/// x as 2^exponent * m with m in [sqrt(1/2), sqrt(2)), exactly; x > 0, subnormal too, not infinite.
SIM_HD float split_exponent(float x, int& exponent) {
    const int extra = x < 0x1p-126f ? 24 : 0;
    const uint32_t bits = bits_of(extra ? x * 0x1p24f : x), offset = bits - 0x3f3504f3u;  // of sqrt(1/2)
    exponent = (int(offset) >> 23) - extra;
    return from_bits((offset & 0x007fffffu) + 0x3f3504f3u);
}

/// Natural logarithm; error below 1 ulp. log(0) is -infinity, log of a negative number NaN, log(infinity) infinity.
/// Polynomial and parts of ln 2: Cephes, logf.c.
SIM_HD float log(float x) {
    if (!(x > 0.0f)) return x == 0.0f ? -infinity : NAN;
    if (x == infinity) return x;
    int k;
    const float f = split_exponent(x, k) - 1.0f, s = f * f, e = float(k);
    const float tail =
        horner(f, 3.3333331174e-1f, -2.4999993993e-1f, 2.0000714765e-1f, -1.6668057665e-1f, 1.4249322787e-1f,
               -1.2420140846e-1f, 1.1676998740e-1f, -1.1514610310e-1f, 7.0376836292e-2f);
    const float value = f * s * tail + e * -2.12194440e-4f - 0.5f * s;
    return (f + value) + e * 0.693359375f;
}
/// log(1 + x), x >= -1; error below 2 ulp, also for tiny x. log1p(-1) is -infinity, NaN below.
/// The rounding of 1 + x is corrected to first order: Higham 2002, Accuracy and Stability of Numerical Algorithms.
SIM_HD float log1p(float x) {
    const float u = 1.0f + x;
    const float lost = u > 2.0f ? 1.0f - (u - x) : x - (u - 1.0f);
    const float value = log(u) + (u > 0.0f && u < infinity ? lost / u : 0.0f);
    return u == 1.0f ? x : value;
}
/// log(1 + e^x), a smooth max(x, 0); relative error below 4e-7; 0 below -87. Like numpy's logaddexp(0, x).
SIM_HD float softplus(float x) { return max(x, 0.0f) + log1p(exp(-abs(x))); }

/// Sine and cosine of x in double, |x| <= 1e5: Taylor; absolute error below 1e-15. NaN beyond. About 50 operations,
/// slow on GPUs other than data center ones: for motion that enlarges the rounding errors of floats too much.
SIM_HD void sincos_double(double x, double& sine, double& cosine) {
    const bool fits = x >= -double(largest_angle) && x <= double(largest_angle);
    const int k = fits ? int(x * 0.6366197723675814 + (x < 0.0 ? -0.5 : 0.5)) : 0;
    const double r = fits ? (x - double(k) * 1.5707963267341256) - double(k) * 6.077100506506192e-11 : double(NAN);
    const double q = r * r;
    const double s = r * horner(q, 1.0, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                                1.0 / 6227020800, -1.0 / 1307674368000);
    const double c = horner(q, 1.0, -1.0 / 2, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800, 1.0 / 479001600,
                            -1.0 / 87178291200, 1.0 / 20922789888000);
    sine = (k & 1) ? c : s, cosine = (k & 1) ? s : c;
    if (k & 2) sine = -sine;
    if ((k + 1) & 2) cosine = -cosine;
}
/// Natural logarithm of a positive finite float in double: 2 atanh(t) as its series; relative error below 1e-15.
SIM_HD double log_double(float x) {
    int k;
    const double m = double(split_exponent(x, k)), t = (m - 1.0) / (m + 1.0);
    const double series =
        horner(t * t, 1.0, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13, 1.0 / 15, 1.0 / 17);
    return double(k) * 0.6931471805599453 + 2.0 * t * series;
}
/// e^x of a double, rounded to a float; Taylor for |f| <= ln(2)/2 with a relative error below 1e-12. 0 and infinity
/// beyond +-104.
SIM_HD float exp_double(double x) {
    if (!(x > -104.0)) return x <= -104.0 ? 0.0f : NAN;
    if (x > 104.0) return infinity;
    const int k = int(x * 1.4426950408889634 + (x < 0.0 ? -0.5 : 0.5));
    const double f = x - double(k) * 0.6931471805599453;
    const double m = horner(f, 1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320,
                            1.0 / 362880, 1.0 / 3628800);
    const uint64_t bits = uint64_t(k + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, 8);
    return float(m * scale);
}

/// x to the power y, like the C library's except for the sign of a zero; error below 0.51 ulp. A negative x needs an
/// integer y, otherwise NaN; pow(x, 0) and pow(1, y) are always 1, pow(0, y) is 0 or, for y < 0, infinity. Computed in
/// double: about 60 operations, slow on GPUs other than data center ones. Prefer square(x) and sqrt(x).
SIM_HD float pow(float x, float y) {
    if (y == 0.0f || x == 1.0f) return 1.0f;
    if (x != x || y != y) return NAN;
    const float size = abs(x);
    const bool is_whole = abs(y) >= 0x1p24f || floor(y) == y, is_odd = is_whole && abs(y) < 0x1p24f && (int(y) & 1);
    float value;
    if (size == 0.0f || size == infinity)
        value = (size == 0.0f) == (y > 0.0f) ? 0.0f : infinity;
    else if (size == 1.0f)
        value = 1.0f;
    else
        value = exp_double(double(y) * log_double(size));
    if (x >= 0.0f || size == 0.0f) return value;
    return !is_whole && size != infinity ? NAN : is_odd ? -value : value;
}

}  // namespace flockstep::real
