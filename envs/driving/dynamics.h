#pragma once

#include "envs/common/geometry.h"

/// Motion of road users over one step: functions of a state and an action, SI units, angles in radians. The models and
/// their constants are GPUDrive's (Kazemkhani et al. 2024), the jerk model PufferDrive's; formulas in the folder's
/// README.
namespace flockstep::driving {

/// The time of a step, in s.
inline constexpr float time_step = 0.1f;

/// Where a road user is and how it moves.
struct Motion {
    Vec2 position;    // m
    float heading;    // in [-pi, pi)
    Vec2 velocity;    // m/s
    float turn_rate;  // rad/s
};

/// Whether speed has a sign. `unsigned_speed` is GPUDrive's: the speed is the length of the velocity, so that braking
/// below 0 drives backwards for a step, and forwards in the next one.
enum class SpeedSign { signed_speed, unsigned_speed };

/// The speed along the heading.
SIM_HD float speed_of(const Motion& m, SpeedSign sign) {
    return sign == SpeedSign::unsigned_speed ? length(m.velocity)
                                             : dot(m.velocity, {real::cos(m.heading), real::sin(m.heading)});
}

/// A bicycle whose slip angle is atan(tan(steering) / 2); `length` of the vehicle, in m, is its wheelbase.
SIM_HD Motion drive_classic(const Motion& m, float acceleration, float steering, float length, SpeedSign sign) {
    const float speed = speed_of(m, sign), mean = speed + 0.5f * time_step * acceleration;
    const float tangent = real::tan(steering), half = 0.5f * tangent;
    const float cosine = 1.0f / real::sqrt(1.0f + half * half);  // of the slip
    const Frame own = frame_at(m.position, m.heading);
    Motion next;
    next.position = from_frame(own, time_step * mean * Vec2{cosine, half * cosine});
    next.turn_rate = mean * cosine * tangent / length;
    next.heading = real::wrap_angle(m.heading + next.turn_rate * time_step);
    const float then = speed + acceleration * time_step;
    next.velocity = then * Vec2{real::cos(next.heading), real::sin(next.heading)};
    return next;
}

/// A bicycle steered by curvature (1/m, at most 3), which can be inverted exactly; acceleration at most 6.
SIM_HD Motion drive_bicycle(const Motion& m, float acceleration, float curvature, SpeedSign sign) {
    const float a = real::clamp(acceleration, -6.0f, 6.0f), k = real::clamp(curvature, -3.0f, 3.0f);
    const float speed = speed_of(m, sign), way = speed * time_step + 0.5f * a * time_step * time_step;
    const Vec2 ahead{real::cos(m.heading), real::sin(m.heading)};
    Motion next;
    next.position = m.position + time_step * m.velocity + 0.5f * a * time_step * time_step * ahead;
    next.turn_rate = k * way / time_step;
    next.heading = real::wrap_angle(m.heading + k * way);
    const float then = speed + a * time_step;
    next.velocity = then * Vec2{real::cos(next.heading), real::sin(next.heading)};
    return next;
}

/// A displacement in the body's frame (x ahead, y to the left, m) and a turn (rad).
SIM_HD Motion move_by(const Motion& m, Vec2 displacement, float turn) {
    const Vec2 way = rotate_out_of(frame_at(m.position, m.heading), displacement);
    return {m.position + way, real::wrap_angle(m.heading + turn), (1.0f / time_step) * way, turn / time_step};
}

/// The state of the jerk model: accelerations along and across, m/s^2, and the steering angle.
struct JerkState {
    float along = 0.0f, across = 0.0f, steering = 0.0f;
};

/// Accelerations change by jerks, m/s^3, and steer a bicycle of `wheelbase` m: along in [-5, 2.5], across in [-4, 4],
/// speed in [-2, 20], steering in [-0.55, 0.55], changing by at most 0.6 rad/s; a sign change of an acceleration or of
/// the speed stops at 0.
SIM_HD Motion drive_by_jerk(const Motion& m, JerkState& state, float jerk_along, float jerk_across, float wheelbase) {
    const auto changed = [](float before, float after, float low, float high) {
        return before * after < 0.0f ? 0.0f : real::clamp(after, low, high);
    };
    const float speed = speed_of(m, SpeedSign::signed_speed);
    const float along = changed(state.along, state.along + jerk_along * time_step, -5.0f, 2.5f);
    float across = changed(state.across, state.across + jerk_across * time_step, -4.0f, 4.0f);
    const float then = changed(speed, speed + 0.5f * (along + state.along) * time_step, -2.0f, 20.0f);
    float curvature = across / real::max(then * then, 1e-5f);
    if (real::abs(curvature) < 1e-5f) curvature = curvature < 0.0f ? -1e-5f : 1e-5f;
    const float change =
        real::clamp(real::atan(curvature * wheelbase) - state.steering, -0.6f * time_step, 0.6f * time_step);
    const float steering = real::clamp(state.steering + change, -0.55f, 0.55f);
    curvature = real::tan(steering) / wheelbase;
    across = then * then * curvature;
    const float way = 0.5f * (then + speed) * time_step, turn = way * curvature;
    const Vec2 arc = real::abs(curvature) < 1e-5f || real::abs(turn) < 1e-5f
                         ? Vec2{way, 0.0f}
                         : (1.0f / curvature) * Vec2{real::sin(turn), 2.0f * real::square(real::sin(0.5f * turn))};
    state = {along, across, steering};
    Motion next;
    next.position = from_frame(frame_at(m.position, m.heading), arc);
    next.heading = real::wrap_angle(m.heading + turn);
    next.velocity = then * Vec2{real::cos(next.heading), real::sin(next.heading)};
    next.turn_rate = turn / time_step;
    return next;
}

}  // namespace flockstep::driving
