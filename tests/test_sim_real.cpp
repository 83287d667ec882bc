#include <cmath>

#include "sim/contract/real.h"
#include "tests/catch.h"

/// Own float functions against the C library's in double precision, within the errors that real.h states.
namespace flockstep {
namespace {

/// What an error is measured in, given the exact value.
double absolutely(double) { return 1.0; }
double relatively(double exact) { return std::abs(exact); }
double in_ulps(double exact) {
    int exponent;
    std::frexp(std::max(std::abs(exact), 0x1p-126), &exponent);
    return std::ldexp(1.0, exponent - 24);
}

/// Largest error of `own` against `exact` over 400,000 points x = place(t), t from 0 to 1.
template <class Place, class Own, class Exact>
double worst_over(Place place, Own own, Exact exact, double (*unit)(double)) {
    double largest = 0;
    for (int i = 0, count = 400000; i <= count; ++i) {
        const float x = float(place(double(i) / count));
        const double want = exact(double(x)), error = std::abs(double(own(x)) - want) / unit(want);
        if (!(error <= largest)) largest = error;  // a NaN stays
    }
    return largest;
}
/// The points evenly from low to high.
template <class Own, class Exact>
double worst(double low, double high, Own own, Exact exact, double (*unit)(double) = absolutely) {
    return worst_over([&](double t) { return low + (high - low) * t; }, own, exact, unit);
}
/// The points over all orders of magnitude from low to high, both above 0 or both below.
template <class Own, class Exact>
double worst_of_sizes(double low, double high, Own own, Exact exact, double (*unit)(double) = absolutely) {
    return worst_over([&](double t) { return low * std::pow(high / low, t); }, own, exact, unit);
}

constexpr float subnormal = 1e-45f, largest_float = 3.4028235e38f;

}  // namespace

TEST_CASE("real: sine and cosine are within 2e-7 up to 1e4 and within 1e-6 up to 1e5") {
    const auto sine = [](double x) { return std::sin(x); };
    const auto cosine = [](double x) { return std::cos(x); };
    for (double limit : {0.01, 1.0, 4.0, 100.0, 1e4}) {
        INFO("up to " << limit);
        CHECK(worst(-limit, limit, real::sin, sine) < 2e-7);
        CHECK(worst(-limit, limit, real::cos, cosine) < 2e-7);
    }
    CHECK(worst(-1e5, 1e5, real::sin, sine) < 1e-6);
    CHECK(worst(-1e5, 1e5, real::cos, cosine) < 1e-6);
    CHECK(real::sin(0.0f) == 0.0f);
    CHECK(real::cos(0.0f) == 1.0f);
}

TEST_CASE("real: sine and cosine in double are within 1e-15 up to 1e5, NaN beyond") {
    const auto largest_error = [](double limit) {
        double largest = 0;
        for (int i = -200000; i <= 200000; ++i) {
            const double x = limit * i / 200000;
            double sine, cosine;
            real::sincos_double(x, sine, cosine);
            const double error = std::max(std::abs(sine - std::sin(x)), std::abs(cosine - std::cos(x)));
            if (!(error <= largest)) largest = error;  // a NaN stays
        }
        return largest;
    };
    for (double limit : {0.01, 1.0, 4.0, 100.0, 1e5}) CHECK(largest_error(limit) < 1e-15);
    for (double x : {1.1e5, -1.1e5, 1e300, double(NAN)}) {
        double sine, cosine;
        real::sincos_double(x, sine, cosine);
        CHECK(std::isnan(sine));
        CHECK(std::isnan(cosine));
    }
}

TEST_CASE("real: the tangent is as if its angle were off by 2e-7") {
    for (double limit : {0.01, 1.0, 4.0, 100.0, 1e4}) {
        INFO("up to " << limit);
        const auto off_angle = [](float x) {
            const double exact = std::tan(double(x));
            return (double(real::tan(x)) - exact) / (1.0 + exact * exact);
        };
        CHECK(worst(-limit, limit, off_angle, [](double) { return 0.0; }) < 2e-7);
    }
}

TEST_CASE("real: angles that are too large, infinite or NaN give NaN") {
    for (float x : {1.1e5f, -1.1e5f, largest_float, real::infinity, -real::infinity, NAN}) {
        INFO(x);
        CHECK(std::isnan(real::sin(x)));
        CHECK(std::isnan(real::cos(x)));
        CHECK(std::isnan(real::tan(x)));
        CHECK(std::isnan(real::wrap_angle(x)));
    }
}

TEST_CASE("real: a wrapped angle is in [-pi, pi), differs by whole turns, and does not change when wrapped again") {
    for (double limit : {4.0, 10.0, 100.0, 1e4}) {
        double largest = 0;
        int outside = 0, moved = 0;
        for (int i = -200000; i <= 200000; ++i) {
            const float x = float(limit * i / 200000), wrapped = real::wrap_angle(x);
            outside += !(wrapped >= -real::pi && wrapped < real::pi);
            moved += real::wrap_angle(wrapped) != wrapped;
            largest = std::max(largest, std::abs(std::remainder(double(wrapped) - double(x), 2 * M_PI)));
        }
        INFO("up to " << limit);
        CHECK(outside == 0);
        CHECK(moved == 0);
        CHECK(largest < 4e-7);
    }
    CHECK(real::wrap_angle(-real::pi) == -real::pi);
    CHECK(real::wrap_angle(1.25f) == 1.25f);
}

TEST_CASE("real: the exponential is within a relative 3e-7, and has its ends") {
    const auto exact = [](double x) { return std::exp(x); };
    CHECK(worst(-87, 88.7, real::exp, exact, relatively) < 3e-7);
    CHECK(worst(-1, 1, real::exp, exact, relatively) < 3e-7);
    CHECK(real::exp(0.0f) == 1.0f);
    CHECK(real::exp(-88.0f) == 0.0f);
    CHECK(real::exp(-real::infinity) == 0.0f);
    CHECK(real::exp(89.0f) == real::infinity);
    CHECK(std::isnan(real::exp(NAN)));
}

TEST_CASE("real: the logarithm is within an ulp, and has its ends") {
    const auto exact = [](double x) { return std::log(x); };
    CHECK(worst(0.25, 4, real::log, exact, in_ulps) < 1);
    CHECK(worst_of_sizes(1e-37, 1e38, real::log, exact, in_ulps) < 1);
    CHECK(worst_of_sizes(1e-44, 1e-37, real::log, exact, in_ulps) < 1);
    CHECK(real::log(1.0f) == 0.0f);
    for (float zero : {0.0f, -0.0f}) CHECK(real::log(zero) == -real::infinity);
    CHECK(real::log(real::infinity) == real::infinity);
    for (float x : {-subnormal, -1.0f, -real::infinity, float(NAN)}) CHECK(std::isnan(real::log(x)));
}

TEST_CASE("real: log1p is within 2 ulp, tiny arguments included, and has its ends") {
    const auto exact = [](double x) { return std::log1p(x); };
    CHECK(worst(-0.999, 4, real::log1p, exact, in_ulps) < 2);
    CHECK(worst_of_sizes(1e-30, 1e38, real::log1p, exact, in_ulps) < 2);
    CHECK(worst_of_sizes(-1e-30, -0.9, real::log1p, exact, in_ulps) < 2);
    CHECK(real::log1p(0.0f) == 0.0f);
    CHECK(real::log1p(-1.0f) == -real::infinity);
    CHECK(real::log1p(real::infinity) == real::infinity);
    for (float x : {-1.5f, -real::infinity, float(NAN)}) CHECK(std::isnan(real::log1p(x)));
}

TEST_CASE("real: softplus is within a relative 4e-7, small values included, and has its ends") {
    const auto exact = [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); };
    CHECK(worst(-87, 100, real::softplus, exact, relatively) < 4e-7);
    CHECK(worst(-2, 2, real::softplus, exact, relatively) < 4e-7);
    CHECK(real::softplus(-88.0f) == 0.0f);
    CHECK(real::softplus(-real::infinity) == 0.0f);
    CHECK(real::softplus(1e30f) == 1e30f);
    CHECK(real::softplus(real::infinity) == real::infinity);
    CHECK(std::isnan(real::softplus(NAN)));
}

TEST_CASE("real: the angle of a vector is within 4e-7, in every quadrant and at every length") {
    double largest = 0;
    for (float length : {1e-18f, 1.0f, 3e4f, 1e18f})
        for (int i = 0; i < 200000; ++i) {
            const double angle = -3.14159265 + 6.2831853 * i / 200000;
            const float x = length * float(std::cos(angle)), y = length * float(std::sin(angle));
            largest = std::max(largest, std::abs(double(real::atan2(y, x)) - std::atan2(double(y), double(x))));
        }
    CHECK(largest < 4e-7);
    CHECK(real::atan2(0.0f, 0.0f) == 0.0f);
    CHECK(real::atan2(0.0f, -1.0f) == 3.14159265f);
    CHECK(real::atan2(1.0f, 0.0f) == 1.57079633f);
    CHECK(real::atan2(-1.0f, 0.0f) == -1.57079633f);
    CHECK(std::isnan(real::atan2(NAN, 1.0f)));
    CHECK(std::isnan(real::atan2(1.0f, NAN)));
    CHECK(std::isnan(real::atan2(real::infinity, -real::infinity)));
}

TEST_CASE("real: arc tangent and arc sine are within 2e-7, the arc cosine within 4e-7") {
    const auto arc_tangent = [](double x) { return std::atan(x); };
    CHECK(worst(-3, 3, real::atan, arc_tangent) < 2e-7);
    CHECK(worst_of_sizes(1e-30, 1e38, real::atan, arc_tangent) < 2e-7);
    CHECK(worst(-1, 1, real::asin, [](double x) { return std::asin(x); }) < 2e-7);
    CHECK(worst(-1, 1, real::acos, [](double x) { return std::acos(x); }) < 4e-7);
    CHECK(real::atan(real::infinity) == 1.57079633f);
    CHECK(real::atan(-real::infinity) == -1.57079633f);
    CHECK(real::asin(1.0f) == 1.57079633f);
    CHECK(real::acos(-1.0f) == 3.14159265f);
    CHECK(real::acos(1.0f) == 0.0f);
    for (float x : {1.0000001f, -2.0f, real::infinity, float(NAN)}) {
        CHECK(std::isnan(real::asin(x)));
        CHECK(std::isnan(real::acos(x)));
    }
}

TEST_CASE("real: the square root is the correctly rounded one") {
    for (int i = 0; i < 100000; ++i) {
        const float x = float(i) * 0.37f;
        REQUIRE(real::sqrt(x) == float(std::sqrt(double(x))));
    }
    CHECK(std::isnan(real::sqrt(-1.0f)));
    CHECK(real::sqrt(real::infinity) == real::infinity);
}

TEST_CASE("real: hypot is within 1.3 ulp for lengths from 1e-18 to 1.8e19") {
    double largest = 0;
    for (double length : {1e-18, 1e-3, 1.0, 17.0, 1.8e19})
        for (int i = 0; i < 200000; ++i) {
            const float x = float(length * std::sin(i)), y = float(length * std::cos(i));
            const double exact = std::hypot(double(x), double(y));
            largest = std::max(largest, std::abs(double(real::hypot(x, y)) - exact) / in_ulps(exact));
        }
    CHECK(largest < 1.3);
    CHECK(real::hypot(0.0f, -0.0f) == 0.0f);
    CHECK(real::hypot(3.0f, -4.0f) == 5.0f);
    CHECK(real::hypot(2e19f, 0.0f) == real::infinity);
}

TEST_CASE("real: pow is within 0.51 ulp") {
    for (float y : {-7.5f, -2.0f, -0.5f, 1e-3f, 0.5f, 1.0f / 3, 1.0f, 2.0f, 2.2f, 31.0f}) {
        INFO("to the power " << y);
        const double reach = std::min(1e30, std::pow(1e36, 1 / std::abs(y)));  // where the result is a normal float
        const auto own = [&](float x) { return real::pow(x, y); };
        const auto exact = [&](double x) { return std::pow(x, double(y)); };
        CHECK(worst_of_sizes(1 / reach, reach, own, exact, in_ulps) < 0.51);
        CHECK(worst(0.5, 2, own, exact, in_ulps) < 0.51);
    }
}

TEST_CASE("real: pow has the C library's special cases, except for the sign of a zero") {
    const float values[] = {0.0f,   -0.0f, 0.5f, -0.5f, 1.0f,    -1.0f,       2.0f,           -2.0f,           3.0f,
                            -3.0f,  2.5f,  1e9f, -1e9f, 3.0e38f, 16777215.0f, real::infinity, -real::infinity, NAN,
                            -1e-45f};
    for (float x : values)
        for (float y : values) {
            INFO(x << " to the power " << y);
            const float want = float(std::pow(double(x), double(y))), got = real::pow(x, y);
            const float unsigned_zeros = x == 0.0f && !std::isnan(y) ? std::abs(want) : want;
            CHECK((std::isnan(want) ? std::isnan(got) : got == Catch::Approx(unsigned_zeros).epsilon(1e-7)));
        }
}

TEST_CASE("real: abs, min, max, clamp and floor are exact") {
    for (float x : {0.0f, 0.25f, 1.5f, 3e9f, largest_float, real::infinity}) {
        CHECK(real::abs(x) == x);
        CHECK(real::abs(-x) == x);
        CHECK(real::floor(x) == std::floor(x));
        CHECK(real::floor(-x) == std::floor(-x));
    }
    CHECK_FALSE(std::signbit(real::abs(-0.0f)));
    CHECK(real::min(1.0f, -2.0f) == -2.0f);
    CHECK(real::max(1.0f, -2.0f) == 1.0f);
    CHECK(real::min(NAN, 1.0f) == 1.0f);
    CHECK(std::isnan(real::max(1.0f, NAN)));
    CHECK(real::clamp(-3.0f, -1.0f, 2.0f) == -1.0f);
    CHECK(real::clamp(3.0f, -1.0f, 2.0f) == 2.0f);
    CHECK(real::clamp(0.5f, -1.0f, 2.0f) == 0.5f);
    CHECK(std::isnan(real::clamp(NAN, -1.0f, 2.0f)));
    CHECK(real::square(-3.0f) == 9.0f);
}

}  // namespace flockstep
