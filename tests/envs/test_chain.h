#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "sim/contract/environment.h"

namespace flockstep {

/// Chain: places form a ring in an order drawn by each world, `next`. Agents arrive one after another, walk along the
/// ring and leave at place 0. Shows a state that can be invalid in many ways, agents that arrive late and leave early,
/// worlds without agents, bulk scratch memory, and an observation of the elapsed time. One number of one agent can be
/// NaN or infinite, as in an environment with a bug.
struct Chain {
    static constexpr const char* summary = "agents that arrive and leave on a ring; a state of indices";
    enum class Fault : int { none, reward_nan, reward_infinite, observation_nan, observation_infinite };
    struct Config {
        int max_episode_steps = 40, num_agents = 5, num_places = 12, arrival_interval = 3;
        bool empty_worlds = false;
        Fault fault = Fault::none;
        int fault_world = 0, fault_agent = 0, fault_step = 0;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_agents", num_agents, between(1, 1000), "maximum number of agents");
            f("num_places", num_places, between(2, 10000), "places");
            f("arrival_interval", arrival_interval, between(0, 1000), "steps from one arrival to the next");
            f("empty_worlds", empty_worlds, any_value(), "every other world has no agents");
            f("fault", fault,
              one_of({"none", "reward_nan", "reward_infinite", "observation_nan", "observation_infinite"}),
              "a number that is not finite");
            f("fault_world", fault_world, between(0, 1 << 30), "the world that has it");
            f("fault_agent", fault_agent, between(0, 1000), "the agent that has it");
            f("fault_step", fault_step, between(0, 1 << 23),
              "the step of the episode that has it; an observation is of the step that follows");
        }
    };
    struct State {
        Field<int32_t> at;         // [num_agents] the agent's current or first place; -1: has left
        Field<float> energy;       // [num_agents]
        Field<uint8_t> is_empty;   // the world has no agents
        Bulk<int32_t> next;        // [num_places] the place after each, all in one ring
        Bulk<int32_t> steps_left;  // [num_places] derived: from a place to place 0
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("at", at, c.num_agents).between(-1, c.num_places - 1), visit("energy", energy, c.num_agents);
            visit("is_empty", is_empty, 1).between(0, 1);
            visit("next", next, c.num_places).between(0, c.num_places - 1);
            visit.derived("steps_left", steps_left, c.num_places);
        }
    };
    struct Scratch {
        Bulk<int32_t> visitors;  // [num_places]
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("visitors", visitors, c.num_places);
        }
    };
    static constexpr Observation<"view", float> view{};
    static constexpr Discrete<"walk"> walk{};
    static constexpr auto tensors = tensor_list(view, walk);
    static constexpr RandomStream<"at", Purpose::reset, Draws{0, 1}> first_place{};
    static constexpr RandomStream<"energy", Purpose::reset, Draws{1, 1}> first_energy{};
    static constexpr RandomStream<"stride", Purpose::reset, Draws{2, 1}, Items{0, 1}> ring_stride{};
    static constexpr auto random_streams = random_stream_list(first_place, first_energy, ring_stride);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("agent", c.num_agents).observation(view, {4}, {-1}, {20000}).discrete(walk, 2);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Chain>& world) {
        const Config& c = world.config;
        group.for_each(c.num_agents, [&](int agent) {
            world.state.at[agent] = 1 + world.rng.below(first_place, agent, 0, c.num_places - 1);
            world.state.energy[agent] = world.rng.uniform(first_energy, agent, 0);
        });
        group.single([&] {  // a ring through all places: the stride is coprime to their number
            int stride = 1 + world.rng.below(ring_stride, 0, 0, c.num_places - 1);
            while (divisor(stride, c.num_places) != 1) stride = stride % (c.num_places - 1) + 1;
            for (int place = 0; place < c.num_places; ++place)
                world.state.next[place] = (place + stride) % c.num_places;
            world.state.is_empty[0] = c.empty_worlds && world.rng.env % 2;
        });
        group.sync();
        derive(group, world);
    }
    SIM_HD static int divisor(int a, int b) {
        while (b) {
            const int rest = a % b;
            a = b, b = rest;
        }
        return a;
    }
    template <class Group>
    SIM_HD static void derive(Group& group, World<Chain>& world) {
        group.for_each(world.config.num_places, [&](int place) {
            int steps = 0;
            for (int here = place; here != 0; here = world.state.next[here]) ++steps;
            world.state.steps_left[place] = steps;
        });
        group.sync();
    }
    /// `next` must be a single cycle, so that every walk reaches place 0.
    static std::string state_error(const World<Chain>& world) {
        std::vector<bool> is_seen(size_t(world.config.num_places), false);
        int here = 0;
        for (int step = 0; step < world.config.num_places; ++step, here = world.state.next[here]) {
            if (is_seen[size_t(here)])
                return "next: got a ring of " + std::to_string(step) + " places, want one of all " +
                       std::to_string(world.config.num_places);
            is_seen[size_t(here)] = true;
        }
        return "";
    }
    /// Whether the fault is in this world and agent, in the number that belongs to `step`.
    SIM_HD static bool has_fault(const World<Chain>& world, int agent, int step) {
        const Config& c = world.config;
        return c.fault != Fault::none && agent == c.fault_agent && int(world.rng.env) == c.fault_world &&
               step == c.fault_step;
    }
    SIM_HD static bool active(const World<Chain>& world, int agent) {
        return !world.state.is_empty[0] && world.state.at[agent] >= 0 &&
               world.elapsed >= agent * world.config.arrival_interval;
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Chain>& world, const Actions<Chain>& action,
                            const Outcome<Chain>& outcome) {
        const Config& c = world.config;
        State& s = world.state;
        group.for_each(c.num_places, [&](int place) { world.scratch.visitors[place] = 0; });
        group.sync();
        group.for_each(c.num_agents, [&](int agent) {
            if (active(world, agent)) group.atomic_add(world.scratch.visitors[s.at[agent]], 1);
        });
        group.sync();
        group.for_each(c.num_agents, [&](int agent) {
            if (active(world, agent)) {
                s.energy[agent] *= 0.99f;
                outcome.reward(agent) = s.energy[agent] - 0.1f * float(world.scratch.visitors[s.at[agent]]);
                if (c.fault <= Fault::reward_infinite && has_fault(world, agent, world.elapsed))
                    outcome.reward(agent) = c.fault == Fault::reward_nan ? NAN : INFINITY;
                if (c.fault >= Fault::observation_nan && has_fault(world, agent, world.elapsed + 1))
                    s.energy[agent] = c.fault == Fault::observation_nan ? NAN : INFINITY;
                if (action.choice(walk, agent)) s.at[agent] = s.next[s.at[agent]];
                if (s.at[agent] == 0) s.at[agent] = -1;
            }
            outcome.terminated(agent) = s.at[agent] < 0;
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Chain>& world, AgentRange range,
                               const ObservationWriter<Chain>& out) {
        const State& s = world.state;
        group.for_each(out.wants(view) ? range.last - range.first : 0, [&](int i) {
            const int agent = range.first + i, at = s.at[agent];
            float* row = out.row(view, agent);
            row[0] = float(world.elapsed), row[1] = float(at), row[2] = s.energy[agent];
            row[3] = at < 0 ? 0.0f : float(s.steps_left[at]);
        });
    }
};

}  // namespace flockstep
