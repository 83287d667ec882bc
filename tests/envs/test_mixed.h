#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Rovers: each drives to a beacon with a gear (Discrete), three switches (MultiDiscrete) and two motors (Box).
/// Shows an action with several parts, floats with individual bounds, a scripted policy for all of them, and an
/// observation with several parts of every source type.
struct Rovers {
    static constexpr const char* summary = "an action of Discrete, MultiDiscrete and Box parts";
    struct Config {
        int max_episode_steps = 100, num_rovers = 3;
        float reverse = 1.0f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_rovers", num_rovers, between(1, 1000), "rovers");
            f("reverse", reverse, between(0, 1), "maximum reverse speed, relative to forward speed");
        }
    };
    struct State {
        Field<float> x, y, heading;  // [num_rovers] meters east and north of the beacon, radians
        Field<uint8_t> lights;       // [num_rovers, 3] as last switched
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("x", x, c.num_rovers), visit("y", y, c.num_rovers), visit("heading", heading, c.num_rovers);
            visit("lights", lights, c.num_rovers, 3).between(0, 3);
        }
        SIM_HD float distance(int i) const { return real::sqrt(x[i] * x[i] + y[i] * y[i]); }
    };
    static constexpr Observation<"pose", float> pose{};
    static constexpr Observation<"bearing", int8_t> bearing{};
    static constexpr Observation<"lights", Bit> lights{};
    static constexpr Discrete<"gear"> gear{};
    static constexpr MultiDiscrete<"switch"> switches{};
    static constexpr Box<"motor"> motor{};
    static constexpr auto tensors = tensor_list(pose, bearing, lights, gear, switches, motor);
    static constexpr RandomStream<"pose", Purpose::reset, Draws{0, 3}> first_pose{};  // x, y, heading
    static constexpr auto random_streams = random_stream_list(first_pose);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("rover", c.num_rovers)
            .observation(pose, {3})                  // x, y, cosine of the heading
            .observation(bearing, {1}, {-95}, {95})  // of the beacon, in thirtieths of a radian
            .observation(lights, {9})                // 2 + 4 + 3, one-hot for each switch
            .discrete(gear, 3)
            .multi_discrete(switches, {2, 4, 3})
            .box(motor, {-c.reverse, -1}, {1, 1});  // forward, turn
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Rovers>& world) {
        State& s = world.state;
        group.for_each(world.config.num_rovers, [&](int i) {
            s.x[i] = world.rng.uniform(first_pose, i, 0, -10, 10),
            s.y[i] = world.rng.uniform(first_pose, i, 1, -10, 10);
            s.heading[i] = world.rng.uniform(first_pose, i, 2, 0, 6);
            for (int k = 0; k < 3; ++k) s.lights[3 * i + k] = 0;
        });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Rovers>& world, const Actions<Rovers>& action,
                            const Outcome<Rovers>& outcome) {
        State& s = world.state;
        group.for_each(world.config.num_rovers, [&](int i) {
            for (int k = 0; k < 3; ++k) s.lights[3 * i + k] = uint8_t(action.choice(switches, i, k));
            const float before = s.distance(i), forward = action.value(motor, i, 0);
            const float distance =
                before < 1 ? 0.0f : 0.5f * float(action.choice(gear, i)) * forward;  // stays once it has arrived
            s.heading[i] += 0.3f * action.value(motor, i, 1);
            s.x[i] += distance * real::cos(s.heading[i]), s.y[i] += distance * real::sin(s.heading[i]);
            outcome.reward(i) = before - s.distance(i);
            outcome.terminated(i) = s.distance(i) < 1.0f;
        });
    }
    static const char* policies(int p) { return p == 0 ? "homing" : nullptr; }
    /// Drives toward the beacon in the highest gear, with all switches in their last position.
    template <class Group>
    SIM_HD static void act(Group& group, World<Rovers>& world, int, const ActionWriter<Rovers>& action) {
        const State& s = world.state;
        group.for_each(world.config.num_rovers, [&](int i) {
            const float x = -s.x[i], y = -s.y[i], c = real::cos(s.heading[i]), d = real::sin(s.heading[i]);
            const float turn = real::atan2(c * y - d * x, c * x + d * y);
            action.choice(gear, i) = 2;
            for (int k = 0; k < 3; ++k) action.choice(switches, i, k) = k == 1 ? 3 : 1 + k / 2;
            action.set_value(motor, i, 0, 1.0f);
            action.set_value(motor, i, 1, turn < -1 ? -1 : turn > 1 ? 1 : turn);
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Rovers>& world, AgentRange range,
                               const ObservationWriter<Rovers>& out) {
        const State& s = world.state;
        group.for_each(range.last - range.first, [&](int at) {
            const int i = range.first + at;
            if (float* row = out.wants(pose) ? out.row(pose, i) : nullptr)
                row[0] = s.x[i], row[1] = s.y[i], row[2] = real::cos(s.heading[i]);
            if (out.wants(bearing)) *out.row(bearing, i) = int8_t(real::atan2(-s.y[i], -s.x[i]) * 30.0f);
            const uint32_t lit = 1u << s.lights[3 * i] | 4u << s.lights[3 * i + 1] | 64u << s.lights[3 * i + 2];
            if (out.wants(lights)) out.bits(group, lights, i, 0, 9, lit);
        });
    }
};

}  // namespace flockstep
