#include <cmath>

#include "sim/real.h"
#include "tests/catch.h"

/// Own float functions against the C library's in double precision, within the errors that real.h states.
namespace flockstep {
namespace {

/// Largest error of `own` against `exact` over `count` points from low to high.
template <class Own, class Exact>
double worst(double low, double high, int count, Own own, Exact exact, bool relative = false) {
    double largest = 0;
    for (int i = 0; i <= count; ++i) {
        const float x = float(low + (high - low) * i / count);
        const double want = exact(double(x)), error = std::abs(double(own(x)) - want);
        largest = std::max(largest, relative ? error / std::abs(want) : error);
    }
    return largest;
}
}  // namespace

TEST_CASE("real: sine and cosine are within 2e-7") {
    for (double limit : {0.01, 1.0, 4.0, 100.0, 1e4}) {
        INFO("up to " << limit);
        CHECK(worst(-limit, limit, 400000, real::sin, [](double x) { return std::sin(x); }) < 2e-7);
        CHECK(worst(-limit, limit, 400000, real::cos, [](double x) { return std::cos(x); }) < 2e-7);
    }
    CHECK(real::sin(0.0f) == 0.0f);
    CHECK(real::cos(0.0f) == 1.0f);
}

TEST_CASE("real: the exponential is within a relative 3e-7, and has its ends") {
    CHECK(worst(
              -87, 88.7, 1000000, real::exp, [](double x) { return std::exp(x); }, true) < 3e-7);
    CHECK(worst(
              -1, 1, 400000, real::exp, [](double x) { return std::exp(x); }, true) < 3e-7);
    CHECK(real::exp(0.0f) == 1.0f);
    CHECK(real::exp(-88.0f) == 0.0f);
    CHECK(std::isinf(real::exp(89.0f)));
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
}

TEST_CASE("real: the square root is the correctly rounded one") {
    for (int i = 0; i < 100000; ++i) {
        const float x = float(i) * 0.37f;
        REQUIRE(real::sqrt(x) == float(std::sqrt(double(x))));
    }
}

}  // namespace flockstep
