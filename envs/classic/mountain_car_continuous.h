#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Mountain car with continuous actions: an engine too weak for the hill has to gain speed in the valley first.
/// Source: Moore 1990; rules and constants of Gymnasium's MountainCarContinuous-v0, which also steps in float32.
struct MountainCarContinuous {
    static constexpr const char* summary = "drive a weak car up a hill (Gymnasium's MountainCarContinuous-v0)";
    static constexpr float left = -1.2f, right = 0.6f, goal = 0.45f, max_speed = 0.07f;  // positions; per step
    struct Config {
        int max_episode_steps = 999;
        float goal_velocity = 0.0f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("goal_velocity", goal_velocity, between(-1, 1), "least velocity at the goal; above 0.07: out of reach");
        }
    };
    struct State {
        Field<float> position;  // left..right; the valley is lowest at -pi/6
        Field<float> velocity;  // per step
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("position", position, 1).between(left, right);
            visit("velocity", velocity, 1).between(-max_speed, max_speed);
        }
    };
    static constexpr Observation<"observation", float> observation{};
    static constexpr Box<"action"> force{};
    static constexpr auto tensors = tensor_list(observation, force);
    static constexpr RandomStream<"position", Purpose::reset, Draws{0, 1}, Items{0, 1}> first_position{};
    static constexpr auto random_streams = random_stream_list(first_position);

    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", 1)
            .observation(observation, {2}, {left, -max_speed}, {right, max_speed})
            .box(force, {-1}, {1});
        return spaces;
    }
    static constexpr GymnasiumId gymnasium_ids[] = {{"MountainCarContinuous-v0"}};  // the version of Gymnasium's own
    static int lanes(const Config&) { return 1; }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<MountainCarContinuous>& world) {
        group.single([&] {
            world.state.position[0] = world.rng.uniform(first_position, 0, 0, -0.6f, -0.4f);
            world.state.velocity[0] = 0.0f;
        });
    }

    /// The new velocity moves the car. The left wall stops it; at the right end it keeps its velocity.
    template <class Group>
    SIM_HD static void step(Group& group, World<MountainCarContinuous>& world,
                            const Actions<MountainCarContinuous>& action,
                            const Outcome<MountainCarContinuous>& outcome) {
        constexpr float power = 0.0015f, gravity = 0.0025f;
        group.single([&] {
            const float push = action.value(force, 0), before = world.state.position[0];
            float velocity = world.state.velocity[0] + (push * power - gravity * real::cos(3.0f * before));
            velocity = real::clamp(velocity, -max_speed, max_speed);
            const float position = real::clamp(before + velocity, left, right);
            if (position == left && velocity < 0.0f) velocity = 0.0f;
            world.state.position[0] = position, world.state.velocity[0] = velocity;
            const bool arrived = position >= goal && velocity >= world.config.goal_velocity;
            outcome.terminated(0) = arrived;
            outcome.reward(0) = (arrived ? 100.0f : 0.0f) - 0.1f * real::square(push);
        });
    }

    template <class Group>
    SIM_HD static void observe(Group& group, const World<MountainCarContinuous>& world, AgentRange,
                               const ObservationWriter<MountainCarContinuous>& out) {
        if (!out.wants(observation)) return;
        group.single([&] {
            float* row = out.row(observation, 0);
            row[0] = world.state.position[0], row[1] = world.state.velocity[0];
        });
    }
};

}  // namespace flockstep
