#pragma once

#include "envs/classic/acrobot_motion.h"
#include "sim/contract/environment.h"

namespace flockstep {

/// Acrobot: two links hang from a joint; a motor between them swings the free end above a line.
/// Source: Sutton 1996; rules and constants of Gymnasium's Acrobot-v1 ("book" dynamics, no noise). Difference: the
/// state is rounded to float32 after each step, where Gymnasium keeps float64.
struct Acrobot {
    static constexpr const char* summary = "swing up two links by the joint between them (Gymnasium's Acrobot-v1)";
    static constexpr float max_first = 4 * real::pi, max_second = 9 * real::pi;  // rad/s
    struct Config {
        int max_episode_steps = 500;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        }
    };
    struct State {
        Field<float> angle;     // [2] rad: the first link's from hanging down, the second's from the first link
        Field<float> velocity;  // [2] rad/s
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("angle", angle, 2).between(-real::pi, real::pi);
            visit("velocity", velocity, 2).between(-max_second, max_second);
        }
    };
    static constexpr Observation<"observation", float> observation{};
    static constexpr Discrete<"action"> torque{};
    static constexpr auto tensors = tensor_list(observation, torque);
    static constexpr RandomStream<"state", Purpose::reset, Draws{0, 4}, Items{0, 1}> start{};  // angles, velocities
    static constexpr auto random_streams = random_stream_list(start);

    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", 1)
            .observation(observation, {6}, {-1, -1, -1, -1, -max_first, -max_second},
                         {1, 1, 1, 1, max_first, max_second})
            .discrete(torque, 3);  // -1, 0, 1 N m
        return spaces;
    }
    static constexpr GymnasiumId gymnasium_ids[] = {{"Acrobot-v1"}};  // the version of Gymnasium's own
    static constexpr int single_agent_floats = 6;
    static int lanes(const Config&) { return 1; }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<Acrobot>& world) {
        group.single([&] {
            const Words draw = world.rng.bits4(start, 0, 0);
            for (int k = 0; k < 2; ++k) {
                world.state.angle[k] = -0.1f + 0.2f * unit_float(draw.word[k]);
                world.state.velocity[k] = -0.1f + 0.2f * unit_float(draw.word[2 + k]);
            }
        });
    }

    template <class Group>
    SIM_HD static void step(Group& group, World<Acrobot>& world, const Actions<Acrobot>& action,
                            const Outcome<Acrobot>& outcome) {
        group.single([&] {
            auto &angle = world.state.angle, &velocity = world.state.velocity;
            const acrobot::Motion next = acrobot::advanced({{angle[0], angle[1]}, {velocity[0], velocity[1]}},
                                                           double(action.choice(torque, 0) - 1), 0.2);
            for (int k = 0; k < 2; ++k) angle[k] = float(acrobot::wrapped(next.angle[k]));
            velocity[0] = real::clamp(float(next.velocity[0]), -max_first, max_first);
            velocity[1] = real::clamp(float(next.velocity[1]), -max_second, max_second);
            const bool above = -real::cos(angle[0]) - real::cos(angle[0] + angle[1]) > 1.0f;
            outcome.terminated(0) = above, outcome.reward(0) = above ? 0.0f : -1.0f;
        });
    }

    template <class Group>
    SIM_HD static void observe(Group& group, const World<Acrobot>& world, AgentRange,
                               const ObservationWriter<Acrobot>& out) {
        if (!out.wants(observation)) return;
        group.single([&] {
            float* row = out.row(observation, 0);
            for (int k = 0; k < 2; ++k) {
                row[2 * k] = real::cos(world.state.angle[k]), row[2 * k + 1] = real::sin(world.state.angle[k]);
                row[4 + k] = world.state.velocity[k];
            }
        });
    }
};

}  // namespace flockstep
