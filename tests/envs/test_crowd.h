#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Crowd: agents on a ring with two places per agent and at most one agent per place; they like company next to them.
/// In even steps they can go left, in odd ones right. Shows one world of up to a million agents: bulk state, derived
/// state, neighbors, sums over all agents.
struct Crowd {
    static constexpr const char* summary = "up to 1,000,000 agents in one world";
    struct Config {
        int max_episode_steps = 100, num_agents = 500;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_agents", num_agents, between(1, 1000000), "agents");
        }
    };
    struct State {
        Bulk<int32_t> place;  // [num_agents] 0 .. 2 * num_agents - 1
        Bulk<uint8_t> taken;  // [2 * num_agents] derived: whether an agent is there
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("place", place, c.num_agents).between(0, 2 * c.num_agents - 1),
                visit.derived("taken", taken, 2 * c.num_agents);
        }
    };
    static constexpr Observation<"around", Bit> around{};
    static constexpr Discrete<"go"> go{};
    static constexpr auto tensors = tensor_list(around, go);
    static constexpr RandomStream<"place", Purpose::reset, Draws{0, 1}> drawn_place{};
    static constexpr auto random_streams = random_stream_list(drawn_place);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("agent", c.num_agents).observation(around, {5}).discrete(go, 2);
        return spaces;
    }
    SIM_HD static int beside(const World<Crowd>& world, int agent, int offset) {
        return (world.state.place[agent] + offset + 2 * world.config.num_agents) % (2 * world.config.num_agents);
    }
    SIM_HD static int company(const World<Crowd>& world, int agent) {
        return world.state.taken[beside(world, agent, -1)] + world.state.taken[beside(world, agent, 1)];
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Crowd>& world) {
        group.for_each(world.config.num_agents, [&](int agent) {
            world.state.place[agent] = 2 * agent + world.rng.below(drawn_place, agent, 0, 2);
        });
        group.sync();
        derive(group, world);
    }
    template <class Group>
    SIM_HD static void derive(Group& group, World<Crowd>& world) {
        const int n = world.config.num_agents;
        group.for_each(2 * n, [&](int place) { world.state.taken[place] = 0; });
        group.sync();
        group.for_each(n, [&](int agent) { world.state.taken[world.state.place[agent]] = 1; });
        group.sync();
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Crowd>& world, const Actions<Crowd>& action,
                            const Outcome<Crowd>& outcome) {
        const int n = world.config.num_agents, direction = world.elapsed % 2 ? 1 : -1;
        group.for_each(n, [&](int agent) {
            const int to = beside(world, agent, direction);
            if (action.choice(go, agent) && !world.state.taken[to]) world.state.place[agent] = to;
        });
        group.sync();
        derive(group, world);
        const float mean = group.sum(n, [&](int agent) { return float(company(world, agent)); }) / float(n);
        const bool lonely = group.any(n, [&](int agent) { return company(world, agent) == 0; });
        group.for_each(n, [&](int agent) {
            outcome.reward(agent) = float(company(world, agent)) + mean, outcome.terminated(agent) = !lonely;
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Crowd>& world, AgentRange range,
                               const ObservationWriter<Crowd>& out) {
        group.for_each(out.wants(around) ? 5 * (range.last - range.first) : 0, [&](int i) {
            const int agent = range.first + i / 5, k = i % 5;
            if (world.state.taken[beside(world, agent, k - 2)]) out.bits(group, around, agent, k, 1, 1u);
        });
    }
};

}  // namespace flockstep
