#pragma once

#include "envs/mpe/particles.h"

namespace flockstep {

/// Simple spread: agents cover landmarks together and avoid each other.
/// Source: JaxMARL 0.2.0, MPE_simple_spread_v3, with its episodes of 26 steps (PettingZoo: 25).
struct MpeSpread {
    static constexpr const char* summary = "agents cover landmarks without touching each other (MPE simple_spread)";
    struct Config : mpe::Settings {
        int num_agents = 3, num_landmarks = 3;
        float local_ratio = 0.5f;
        template <class F>
        void fields(F f) {
            mpe::Settings::fields(f);
            f("num_agents", num_agents, between(1, 1000), "agents");
            f("num_landmarks", num_landmarks, between(1, 1000), "landmarks");
            f("local_ratio", local_ratio, between(0, 1), "weight of the agent's own collisions in the reward");
        }
        SIM_HD int agents() const { return num_agents; }
        SIM_HD int landmarks() const { return num_landmarks; }
        SIM_HD int colliders() const { return num_agents; }
        SIM_HD mpe::Body body(int i) const { return i < num_agents ? mpe::Body{0.15f, 5.0f} : mpe::Body{0.05f}; }
    };
    using State = mpe::Particles;
    using Scratch = mpe::Forces;
    using SpecializedSizes = ConstantSizes<&Config::num_agents, &Config::num_landmarks>;

    static constexpr Observation<"observation", float> observation{};
    static constexpr Discrete<"move"> move{};
    static constexpr Box<"force"> force{};
    static constexpr auto tensors = tensor_list(observation, move, force);
    static constexpr auto random_streams = random_stream_list(mpe::spawn);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("agent", c.num_agents).observation(observation, {2 * c.num_landmarks + 4 * c.num_agents});
        mpe::add_actions<MpeSpread>(spaces, c.action_type);
        return spaces;
    }
    static int lanes(const Config& c) { return mpe::lanes_for(c.num_agents); }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<MpeSpread>& world) {
        mpe::scatter(group, world);
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<MpeSpread>& world, const Actions<MpeSpread>& action,
                            const Outcome<MpeSpread>& outcome) {
        mpe::advance(group, world, [&](int agent) { return mpe::push(world, action, agent); });
        const auto& c = world.config;
        const auto& position = world.state.position;
        const float uncovered = group.sum(c.landmarks(), [&](int landmark) {  // distance from each to the nearest agent
            float nearest = real::infinity;
            for (int i = 0; i < c.agents(); ++i)
                nearest = real::min(nearest, squared_length(position[i] - position[c.agents() + landmark]));
            return real::sqrt(nearest);
        });
        group.for_each(c.agents(), [&](int agent) {
            int contacts = 0;
            for (int other = 0; other < c.agents(); ++other) contacts += mpe::touches(world, agent, other);
            outcome.reward(agent) = -float(contacts) * c.local_ratio - uncovered * (1.0f - c.local_ratio);
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, const World<MpeSpread>& world, AgentRange range,
                               const ObservationWriter<MpeSpread>& out) {
        group.for_each(out.wants(observation) ? range.last - range.first : 0, [&](int i) {
            const int agent = range.first + i, others = world.config.agents() - 1;
            float* row =
                mpe::write(out.row(observation, agent), world.state.velocity[agent], world.state.position[agent]);
            row = mpe::write_others(mpe::write_landmarks(row, world, agent), world, agent);
            for (int k = 0; k < others; ++k) mpe::write(row + 2 * k, Vec2{});  // the others' messages: none
        });
    }
};

}  // namespace flockstep
