#pragma once

#include "envs/driving/dynamics.h"
#include "envs/driving/packed_scene.h"

/// Which actions lead from one logged frame to the next: experts' actions for imitation. Host and device.
namespace flockstep::driving {

/// Whose inverse.
enum class InverseActions : int {
    clean,    // 0 where either frame is invalid; turns are wrapped; actions within what the dynamics take
    gpudrive  // GPUDrive's numbers, also between valid and invalid frames; turns of the bicycle are neither wrapped nor
              // bounded
};

/// The angle of a velocity as C's atan2 has it, to which zeros have signs: (-1, -0) is at -pi, (-0, 0) at pi.
SIM_HD float angle_of(float x, float y) {
    if (y != 0.0f || real::bits_of(x) >> 31 == 0) return real::atan2(y, x);
    return real::bits_of(y) >> 31 ? -real::pi : real::pi;
}

/// Acceleration (m/s^2) and curvature (1/m) for drive_bicycle. The turn is to the next velocity's direction (GPUDrive)
/// or to the next logged heading (clean); clean: curvature 0 where the track moves less than 1 mm, and both limited.
struct BicycleAction {
    float acceleration, curvature;
};
SIM_HD BicycleAction inverse_bicycle(const LoggedState& now, const LoggedState& next, bool both_valid,
                                     InverseActions mode) {
    const auto speed = [](const LoggedState& s) { return length({s.vx, s.vy}); };
    const bool is_clean = mode == InverseActions::clean;
    if (is_clean && !both_valid) return {0.0f, 0.0f};
    float acceleration = (speed(next) - speed(now)) / time_step;
    if (is_clean) acceleration = real::clamp(acceleration, -6.0f, 6.0f);
    const float way = speed(now) * time_step + 0.5f * acceleration * time_step * time_step;
    if (way == 0.0f || (is_clean && real::abs(way) < 1e-3f)) return {acceleration, 0.0f};
    if (is_clean) return {acceleration, real::clamp(real::wrap_angle(next.heading - now.heading) / way, -3.0f, 3.0f)};
    return {acceleration, (angle_of(next.vx, next.vy) - real::wrap_angle(now.heading)) / way};
}

/// Displacement in the body's frame (m, each at most 6) and turn (rad, wrapped) for move_by. GPUDrive limits the
/// displacement along the file's axes first, which turns fast ones.
struct DeltaAction {
    Vec2 displacement;
    float turn;
};
SIM_HD DeltaAction inverse_delta(const LoggedState& now, const LoggedState& next, bool both_valid,
                                 InverseActions mode) {
    const auto limited = [](Vec2 v) { return Vec2{real::clamp(v.x, -6.0f, 6.0f), real::clamp(v.y, -6.0f, 6.0f)}; };
    if (mode == InverseActions::clean && !both_valid) return {{0.0f, 0.0f}, 0.0f};
    Vec2 way{next.x - now.x, next.y - now.y};
    if (mode == InverseActions::gpudrive) way = limited(way);
    const Frame own = frame_at({now.x, now.y}, real::wrap_angle(now.heading));
    return {limited(rotate_into(own, way)), real::wrap_angle(next.heading - now.heading)};
}

}  // namespace flockstep::driving
