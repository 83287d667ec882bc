#pragma once

#include "sim/environment.h"

namespace flockstep {

/// Rovers: each drives to a beacon with a gear (Discrete), three switches (MultiDiscrete) and two motors (Box).
/// Shows an action of several parts, and an observation of several parts in every form that rules can write.
struct Rovers {
    static constexpr const char* summary = "an action of Discrete, MultiDiscrete and Box parts";
    struct Config {
        int max_episode_steps = 100, num_rovers = 3;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_rovers", num_rovers, between(1, 1000), "rovers");
        }
    };
    struct State {
        Field<float> x, y, heading;  // [num_rovers] metres east and north of the beacon, radians
        Field<uint8_t> lights;       // [num_rovers, 3] as last switched
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("x", x, c.num_rovers), visit("y", y, c.num_rovers), visit("heading", heading, c.num_rovers);
            visit("lights", lights, c.num_rovers, 3);
        }
        SIM_HD float distance(int i) const { return real::sqrt(x[i] * x[i] + y[i] * y[i]); }
    };
    enum { pose_part, bearing_part, lights_part };
    enum { gear_action, switch_action, motor_action };
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("rover", c.num_rovers)
            .observes("pose", DType::float32, {3})               // x, y, cosine of the heading
            .observes("bearing", DType::int8, {1}, {-95}, {95})  // of the beacon, in thirtieths of a radian
            .observes("lights", DType::bit, {9})                 // 2 + 4 + 3, one-hot for each switch
            .chooses("gear", 3)
            .chooses_each("switch", {2, 4, 3})
            .sets("motor", 2, -1, 1);  // forward, turn
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Rovers>& world) {
        State& s = world.state;
        group.for_each(world.config.num_rovers, [&](int i) {
            s.x[i] = world.rng.uniform(uint32_t(i), 0, -10, 10), s.y[i] = world.rng.uniform(uint32_t(i), 1, -10, 10);
            s.heading[i] = world.rng.uniform(uint32_t(i), 2, 0, 6);
            for (int k = 0; k < 3; ++k) s.lights[3 * i + k] = 0;
        });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Rovers>& world, const Actions& action, const Outcome& outcome) {
        State& s = world.state;
        group.for_each(world.config.num_rovers, [&](int i) {
            for (int k = 0; k < 3; ++k) s.lights[3 * i + k] = uint8_t(action.choice(switch_action, i, k));
            const float before = s.distance(i), forward = action.value(motor_action, i, 0);
            const float way =
                before < 1 ? 0.0f : 0.5f * float(action.choice(gear_action, i)) * forward;  // who is there stays there
            s.heading[i] += 0.3f * action.value(motor_action, i, 1);
            s.x[i] += way * real::cos(s.heading[i]), s.y[i] += way * real::sin(s.heading[i]);
            outcome.reward(i) = before - s.distance(i);
            outcome.terminated(i) = s.distance(i) < 1.0f;
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Rovers>& world, AgentRange range, const ObservationWriter& out) {
        const State& s = world.state;
        group.for_each(range.last - range.first, [&](int at) {
            const int i = range.first + at;
            if (float* row = out.wants(pose_part) ? out.row<float>(pose_part, i) : nullptr)
                row[0] = s.x[i], row[1] = s.y[i], row[2] = real::cos(s.heading[i]);
            if (out.wants(bearing_part))
                *out.row<int8_t>(bearing_part, i) = int8_t(real::atan2(-s.y[i], -s.x[i]) * 30.0f);
            const uint32_t lit = 1u << s.lights[3 * i] | 4u << s.lights[3 * i + 1] | 64u << s.lights[3 * i + 2];
            if (out.wants(lights_part)) out.bits(group, lights_part, i, 0, 9, lit);
        });
    }
};

}  // namespace flockstep
