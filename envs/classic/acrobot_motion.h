#pragma once

#include "sim/contract/real.h"

/// How Acrobot's two links move: each of 1 m and 1 kg, its center of mass halfway, its moment of inertia 1 kg m^2. In
/// double: at full speed a step of 0.2 s enlarges rounding errors 10,000 times.
namespace flockstep::acrobot {

/// Angles (rad) and velocities (rad/s) of both links, or how fast these change.
struct Motion {
    double angle[2], velocity[2];
};
/// s + dt * rate.
SIM_HD Motion moved(const Motion& s, double dt, const Motion& rate) {
    return {{s.angle[0] + dt * rate.angle[0], s.angle[1] + dt * rate.angle[1]},
            {s.velocity[0] + dt * rate.velocity[0], s.velocity[1] + dt * rate.velocity[1]}};
}
/// Sutton and Barto 2018, section 11.3 of the first edition's online version, with gravity 9.8 m/s^2.
SIM_HD Motion rates(const Motion& s, double torque) {
    constexpr double gravity = 9.8;
    double sine_first, sine_second, sine_both, cosine_second, unused;
    real::sincos_double(s.angle[0], sine_first, unused);
    real::sincos_double(s.angle[1], sine_second, cosine_second);
    real::sincos_double(s.angle[0] + s.angle[1], sine_both, unused);
    const double first = s.velocity[0], second = s.velocity[1];
    const double inertia = 3.5 + cosine_second, coupling = 1.25 + 0.5 * cosine_second;
    const double pull_second = 0.5 * gravity * sine_both;
    const double pull_first = 1.5 * gravity * sine_first + pull_second - (0.5 * second + first) * second * sine_second;
    const double second_rate =
        (torque + coupling / inertia * pull_first - 0.5 * first * first * sine_second - pull_second) /
        (1.25 - coupling * coupling / inertia);
    return {{first, second}, {-(coupling * second_rate + pull_first) / inertia, second_rate}};
}
/// After dt seconds, by one step of the fourth-order Runge-Kutta method.
SIM_HD Motion advanced(const Motion& s, double torque, double dt) {
    const Motion a = rates(s, torque), b = rates(moved(s, dt / 2, a), torque), c = rates(moved(s, dt / 2, b), torque),
                 d = rates(moved(s, dt, c), torque);
    return moved(moved(moved(moved(s, dt / 6, a), dt / 3, b), dt / 3, c), dt / 6, d);
}
/// The angle in -pi..pi that differs from x by whole turns; |x| up to 1e9.
SIM_HD double wrapped(double x) {
    constexpr double turn = 6.283185307179586;
    return x - turn * double(int(x / turn + (x < 0.0 ? -0.5 : 0.5)));
}

}  // namespace flockstep::acrobot
