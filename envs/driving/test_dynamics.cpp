#include "envs/driving/dynamics.h"
#include "tests/catch.h"

using namespace flockstep;
using namespace flockstep::driving;

namespace {

Motion at(float x, float y, float heading, float speed) {
    return {{x, y}, heading, speed * Vec2{real::cos(heading), real::sin(heading)}, 0.0f};
}

/// Expected values were computed in double precision from the formulas.
void check(const Motion& m, double x, double y, double heading, double speed) {
    CHECK(m.position.x == Catch::Approx(x).margin(1e-5));
    CHECK(m.position.y == Catch::Approx(y).margin(1e-5));
    CHECK(m.heading == Catch::Approx(heading).margin(1e-5));
    CHECK(speed_of(m, SpeedSign::signed_speed) == Catch::Approx(speed).margin(1e-5));
}

}  // namespace

TEST_CASE("driving dynamics: the classic bicycle") {
    constexpr SpeedSign plain = SpeedSign::signed_speed;
    check(drive_classic(at(0, 0, 0, 10), 1, 0.1f, 4.5f, plain), 1.003738, 0.050355, 0.022380, 10.1);
    check(drive_classic(at(5, -3, real::pi / 2, 2), -4, -0.5f, 4.5f, plain), 5.047430, -2.826361, 1.549716, 1.6);
    check(drive_classic(at(0, 0, 3.1f, 15), 0, 0.3f, 4, plain), -1.490625, -0.167440, -3.068547, 15);
    check(drive_classic(at(0, 0, 0, 5), 0, 1.571f, 4.5f, plain), 0.000204, -0.5, -0.222222, 5);
    // driving backwards: the vehicle turns the other way
    check(drive_classic(at(0, 0, 0, -10), -1, 0.1f, 4.5f, plain), -1.003738, -0.050355, -0.022380, -10.1);
}

TEST_CASE("driving dynamics: braking beyond 0 drives backwards, or forwards again where the speed has no sign") {
    for (const SpeedSign sign : {SpeedSign::signed_speed, SpeedSign::unsigned_speed}) {
        const Motion braked = drive_classic(at(0, 0, 0, 0.1f), -4, 0, 4.5f, sign);
        check(braked, -0.01, 0, 0, -0.3);
        const bool has_sign = sign == SpeedSign::signed_speed;
        check(drive_classic(braked, 0, 0, 4.5f, sign), has_sign ? -0.04 : 0.02, 0, 0, has_sign ? -0.3 : 0.3);
    }
}

TEST_CASE("driving dynamics: the bicycle that is steered by curvature") {
    const Motion turned = drive_bicycle(at(0, 0, 0, 10), 1, 0.05f, SpeedSign::signed_speed);
    check(turned, 1.005, 0, 0.050250, 10.1);
    CHECK(turned.velocity.y == Catch::Approx(0.507311).margin(1e-5));
    check(drive_bicycle(at(1, 2, real::pi / 4, 3), -9, 5, SpeedSign::signed_speed), 1.190919, 2.190919, 1.595398, 2.4);
}

TEST_CASE("driving dynamics: a displacement in the body's frame") {
    const Motion moved = move_by(at(1, 1, real::pi / 2, 3), {1, 0.5f}, 0.2f);
    check(moved, 0.5, 2.0, 1.770796, -5 * std::cos(1.770796) + 10 * std::sin(1.770796));
    CHECK(moved.velocity.x == Catch::Approx(-5).margin(1e-5));
    CHECK(moved.turn_rate == Catch::Approx(2).margin(1e-5));
}

TEST_CASE("driving dynamics: jerk") {
    const auto drive = [](const Motion& from, JerkState& state, float along, float across) {
        return drive_by_jerk(from, state, along, across, 0.6f * 4.5f);
    };
    const auto check_state = [](const JerkState& s, double along, double across, double steering) {
        CHECK(s.along == Catch::Approx(along).margin(1e-5));
        CHECK(s.across == Catch::Approx(across).margin(1e-5));
        CHECK(s.steering == Catch::Approx(steering).margin(1e-5));
    };
    JerkState state;
    check(drive(at(0, 0, 0, 10), state, 4, 4), 1.000997, 0.001996, 0.003988, 10.02);
    check_state(state, 0.4, 0.4, 0.010757);
    state = {-4, 0, 0.1f};
    check(drive(at(0, 0, 1, 1), state, -15, 0), 0.041836, 0.065238, 1.001149, 0.55);
    check_state(state, -5, 0.004484, 0.04);
    state = {0.3f, -0.2f, -0.02f};  // both accelerations change their sign
    check(drive(at(0, 0, 0, 5), state, -4, 4), 0.500750, 0, 0.000005, 5.015);
    check_state(state, 0, 0.000252, 0.000027);
}
