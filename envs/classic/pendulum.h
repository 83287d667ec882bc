#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Pendulum: swing a rod up and hold it there with a torque that is too weak to lift it.
/// Source: rules and constants of Gymnasium's Pendulum-v1. Differences: float32 throughout, where Gymnasium steps in
/// float64 and rounds the observation; the angle is reduced to -pi..pi before each step, where Gymnasium counts turns.
struct Pendulum {
    static constexpr const char* summary = "swing up a rod with a weak torque (Gymnasium's Pendulum-v1)";
    static constexpr float max_speed = 8.0f, max_torque = 2.0f;  // rad/s; N m
    struct Config {
        int max_episode_steps = 200;
        float g = 10.0f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("g", g, between(0, 1000), "acceleration of gravity, m/s^2");
        }
    };
    struct State {
        Field<float> angle;     // rad from upright, counterclockwise; at most max_speed * 0.05 s beyond -pi..pi
        Field<float> velocity;  // rad/s
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("angle", angle, 1).between(-real::largest_angle, real::largest_angle);
            visit("velocity", velocity, 1).between(-max_speed, max_speed);
        }
    };
    static constexpr Observation<"observation", float> observation{};
    static constexpr Box<"action"> torque{};
    static constexpr auto tensors = tensor_list(observation, torque);
    static constexpr RandomStream<"state", Purpose::reset, Draws{0, 2}, Items{0, 1}> start{};  // angle, velocity
    static constexpr auto random_streams = random_stream_list(start);

    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", 1)
            .observation(observation, {3}, {-1, -1, -max_speed}, {1, 1, max_speed})
            .box(torque, {-max_torque}, {max_torque});
        return spaces;
    }
    static constexpr GymnasiumId gymnasium_ids[] = {{"Pendulum-v1"}};  // the version of Gymnasium's own
    static int lanes(const Config&) { return 1; }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<Pendulum>& world) {
        group.single([&] {
            world.state.angle[0] = world.rng.uniform(start, 0, 0, -real::pi, real::pi);
            world.state.velocity[0] = world.rng.uniform(start, 0, 1, -1, 1);
        });
    }

    /// The reward is for the state before the step. A rod of mass 1 kg and length 1 m; the new velocity moves it.
    template <class Group>
    SIM_HD static void step(Group& group, World<Pendulum>& world, const Actions<Pendulum>& action,
                            const Outcome<Pendulum>& outcome) {
        constexpr float dt = 0.05f;
        group.single([&] {
            const float angle = real::wrap_angle(world.state.angle[0]), velocity = world.state.velocity[0],
                        push = action.value(torque, 0);
            outcome.reward(0) = -(real::square(angle) + 0.1f * real::square(velocity) + 0.001f * real::square(push));
            const float acceleration = 1.5f * world.config.g * real::sin(angle) + 3.0f * push;
            const float next = real::clamp(velocity + acceleration * dt, -max_speed, max_speed);
            world.state.velocity[0] = next;
            world.state.angle[0] = angle + next * dt;
        });
    }

    template <class Group>
    SIM_HD static void observe(Group& group, const World<Pendulum>& world, AgentRange,
                               const ObservationWriter<Pendulum>& out) {
        if (!out.wants(observation)) return;
        group.single([&] {
            float* row = out.row(observation, 0);
            row[0] = real::cos(world.state.angle[0]), row[1] = real::sin(world.state.angle[0]);
            row[2] = world.state.velocity[0];
        });
    }
};

}  // namespace flockstep
