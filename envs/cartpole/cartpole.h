#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// CartPole: keep a pole upright on a cart by pushing the cart left or right.
/// Source: Barto, Sutton, Anderson 1983; rules and constants of Gymnasium's CartPole-v1. Difference: float32
/// throughout, where Gymnasium steps in float64 and rounds the observation.
struct CartPole {
    static constexpr const char* summary = "balance a pole on a cart (Gymnasium's CartPole-v1)";
    struct Config {
        int max_episode_steps = 500;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        }
    };
    struct State {
        Field<float> body;  // cart position (m) and velocity (m/s), pole angle (rad) and angular velocity (rad/s)
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("body", body, 4);
        }
    };
    static constexpr Observation<"observation", float> observation{};
    static constexpr Discrete<"action"> push{};
    static constexpr auto tensors = tensor_list(observation, push);
    static constexpr RandomStream<"body", Purpose::reset, Draws{0, 4}, Items{0, 1}> first_body{};
    static constexpr auto random_streams = random_stream_list(first_body);

    static Spaces spaces(const Config&) {
        const float top = 3.4028235e38f, position = 4.8f, angle = 0.41887903f;  // twice the limits
        Spaces spaces;
        spaces.add("agent", 1)
            .observation(observation, {4}, {-position, -top, -angle, -top}, {position, top, angle, top})
            .discrete(push, 2);  // left, right
        return spaces;
    }
    static constexpr GymnasiumId gymnasium_ids[] = {{"CartPole-v1"}};  // the version of Gymnasium's own
    static constexpr int single_agent_floats = 4;
    static int lanes(const Config&) { return 1; }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<CartPole>& world) {
        group.single([&] {
            const Words draw = world.rng.bits4(first_body, 0, 0);
            for (int k = 0; k < 4; ++k) world.state.body[k] = -0.05f + 0.1f * unit_float(draw.word[k]);
        });
    }

    template <class Group>
    SIM_HD static void step(Group& group, World<CartPole>& world, const Actions<CartPole>& action,
                            const Outcome<CartPole>& outcome) {
        constexpr float gravity = 9.8f, pole_mass = 0.1f, total_mass = 1.1f, half_length = 0.5f, force = 10.0f,
                        dt = 0.02f;
        constexpr float position_limit = 2.4f, angle_limit = 0.20943951f;  // 12 degrees
        group.single([&] {
            float x = world.state.body[0], dx = world.state.body[1], angle = world.state.body[2],
                  spin = world.state.body[3];
            const float sine = real::sin(angle), cosine = real::cos(angle);
            const float thrust =
                ((action.choice(push, 0) ? force : -force) + pole_mass * half_length * spin * spin * sine) / total_mass;
            const float spin_rate = (gravity * sine - cosine * thrust) /
                                    (half_length * (4.0f / 3.0f - pole_mass * cosine * cosine / total_mass));
            const float acceleration = thrust - pole_mass * half_length * spin_rate * cosine / total_mass;
            x += dt * dx, dx += dt * acceleration, angle += dt * spin, spin += dt * spin_rate;
            world.state.body[0] = x, world.state.body[1] = dx, world.state.body[2] = angle, world.state.body[3] = spin;
            outcome.reward(0) = 1.0f;
            outcome.terminated(0) =
                x < -position_limit || x > position_limit || angle < -angle_limit || angle > angle_limit;
        });
    }

    template <class Group>
    SIM_HD static void observe(Group& group, const World<CartPole>& world, AgentRange,
                               const ObservationWriter<CartPole>& out) {
        if (!out.wants(observation)) return;
        group.single([&] {
            float* row = out.row(observation, 0);
            for (int k = 0; k < 4; ++k) row[k] = world.state.body[k];
        });
    }
};

}  // namespace flockstep
