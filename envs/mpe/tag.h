#pragma once

#include "envs/mpe/particles.h"

namespace flockstep {

/// Simple tag: slow adversaries chase faster good agents between obstacles.
/// Source: JaxMARL 0.2.0, MPE_simple_tag_v3, with its episodes of 26 steps (PettingZoo: 25).
struct MpeTag {
    static constexpr const char* summary = "adversaries chase good agents between obstacles (MPE simple_tag)";
    enum class Charged : int { last, own };
    struct Config : mpe::Settings {
        int num_adversaries = 3, num_good_agents = 1, num_obstacles = 2;
        Charged charged_contacts = Charged::last;
        template <class F>
        void fields(F f) {
            mpe::Settings::fields(f);
            f("num_adversaries", num_adversaries, between(1, 1000), "adversaries");
            f("num_good_agents", num_good_agents, between(1, 1000), "good agents");
            f("num_obstacles", num_obstacles, between(0, 1000), "obstacles");
            f("charged_contacts", charged_contacts, one_of({"last", "own"}),
              "contacts that a good agent pays for: of the last good agent, as in JaxMARL, or its own");
        }
        SIM_HD int agents() const { return num_adversaries + num_good_agents; }
        SIM_HD int landmarks() const { return num_obstacles; }
        SIM_HD int colliders() const { return agents() + landmarks(); }
        SIM_HD mpe::Body body(int i) const {
            if (i < num_adversaries) return {0.075f, 3.0f, 1.0f};
            return i < agents() ? mpe::Body{0.05f, 4.0f, 1.3f} : mpe::Body{0.2f};
        }
    };
    using State = mpe::Particles;
    using Scratch = mpe::Forces;

    static constexpr Observation<"observation", float> observation{};
    static constexpr Discrete<"move"> move{};
    static constexpr Box<"force"> force{};
    static constexpr auto tensors = tensor_list(observation, move, force);
    static constexpr auto random_streams = random_stream_list(mpe::spawn);
    static Spaces spaces(const Config& c) {
        const int common = 2 + 2 * c.landmarks() + 2 * c.agents();
        Spaces spaces;
        spaces.add("adversary", c.num_adversaries).observation(observation, {common + 2});
        spaces.add("agent", c.num_good_agents).observation(observation, {common});
        mpe::add_actions<MpeTag>(spaces, c.action_type);
        return spaces;
    }
    static int lanes(const Config& c) { return mpe::lanes_for(c.agents()); }
    static void draw(Batch& batch, int64_t env, Replay& replay);

    template <class Group>
    SIM_HD static void reset(Group& group, World<MpeTag>& world) {
        mpe::scatter(group, world);
    }
    SIM_HD static int contacts(const World<MpeTag>& world, int good_agent) {
        int count = 0;
        for (int i = 0; i < world.config.num_adversaries; ++i) count += mpe::touches(world, i, good_agent);
        return count;
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<MpeTag>& world, const Actions<MpeTag>& action,
                            const Outcome<MpeTag>& outcome) {
        mpe::advance(group, world, [&](int agent) { return mpe::push(world, action, agent); });
        const auto& c = world.config;
        const int adversaries = c.num_adversaries, last = c.agents() - 1;
        const int all = group.count(c.num_good_agents, [&](int i) { return contacts(world, adversaries + i); });
        group.for_each(adversaries, [&](int agent) { outcome.reward(agent) = 10.0f * float(all); });
        group.for_each(c.num_good_agents, [&](int i) {
            const int agent = adversaries + i, charged = c.charged_contacts == Charged::own ? agent : last;
            const Vec2 at = world.state.position[agent];
            outcome.reward(agent) =
                -10.0f * float(contacts(world, charged)) - mpe::bound_penalty(at.x) - mpe::bound_penalty(at.y);
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, const World<MpeTag>& world, AgentRange range,
                               const ObservationWriter<MpeTag>& out) {
        if (!out.wants(observation)) return;
        group.for_each(range.last - range.first, [&](int i) {
            const int agent = range.first + i, last = world.config.agents() - 1;
            float* row =
                mpe::write(out.row(observation, agent), world.state.velocity[agent], world.state.position[agent]);
            row = mpe::write_others(mpe::write_landmarks(row, world, agent), world, agent);
            if (agent < world.config.num_adversaries) mpe::write(row, world.state.velocity[last]);
        });
    }
};

}  // namespace flockstep
