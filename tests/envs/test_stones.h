#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Stones: two takers alternately take one to three stones from a heap, and between their turns a dealer may add some.
/// Taking the last stone wins 1 from the other taker. Shows two roles with action masks, default choices other than 0,
/// turns, a global state, own outputs, metrics of agents and roles, and a role that can be scripted.
struct Stones {
    static constexpr const char* summary = "a game of turns with two roles and action masks";
    static constexpr int takers = 2, dealer = 2, agents = 3, max_heap = 20, taker_passes = 3, dealer_passes = 2;
    static constexpr bool defines_illegal_actions = true;  // they count as passing
    struct Config {
        int max_episode_steps = 60;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        }
    };
    struct State {
        Field<int32_t> heap, turn;  // stones left; turns 0 to 3: taker 0, the dealer, taker 1, the dealer
        Field<uint8_t> last;        // [agents] each agent's choice in its last turn, initially to pass
        Field<int32_t> moved;       // [agents] stones taken or added in this episode
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("heap", heap, 1).between(0, max_heap), visit("turn", turn, 1).between(0, 3);
            visit("last", last, agents).between(0, 3), visit("moved", moved, agents).between(0, 1 << 28);
        }
        /// The agent whose turn it is.
        SIM_HD int agent() const { return turn[0] % 2 ? dealer : turn[0] / 2; }
    };
    static constexpr Observation<"heap", float> heap{};
    static constexpr Observation<"last", Bit> last{};
    static constexpr Observation<"stock", uint8_t> stock{};
    static constexpr Observation<"turn", int8_t> turn{};
    static constexpr Observation<"global_state", float> global_state{};
    static constexpr Observation<"seat", uint8_t> seat{};
    static constexpr Discrete<"take"> take{};
    static constexpr Discrete<"add"> add{};
    static constexpr PerAgent<"shaped_reward"> shaped_reward{};
    static constexpr PerAgent<"passed", uint8_t> passed{};
    static constexpr PerEnv<"moved", int32_t, 2> moved{};
    static constexpr PerEpisode<"winner", float, takers> winner{};
    static constexpr auto tensors =
        tensor_list(heap, last, stock, turn, global_state, seat, take, add, shaped_reward, passed, moved, winner);
    static constexpr RandomStream<"heap", Purpose::reset, Draws{0, 1}, Items{0, 1}> first_heap{};
    static constexpr auto random_streams = random_stream_list(first_heap);
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("taker", takers)
            .observation(heap, {3}, {0}, {1})  // as a share of the most, whose turn it is: own, other's
            .observation(last, {4})            // what the other taker did, one-hot
            .state(seat, {2}, {0}, {3})        // for the critic: the agent's own number, the turn
            .discrete(take, 4)                 // 1, 2, 3 stones; pass
            .default_choice({taker_passes});
        spaces.add("dealer", 1)
            .observation(stock, {1}, {0}, {max_heap})
            .observation(turn, {2}, {-1}, {3})  // -1 until somebody has passed, then 1; the turn
            .discrete(add, 3)                   // 1, 2 stones; pass
            .default_choice({dealer_passes});
        return spaces.state(global_state, {3}, {0}, {1});  // the heap as a share of the most, the turn, the time
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Stones>& world) {
        State& s = world.state;
        group.single([&] {
            s.heap[0] = 5 + world.rng.below(first_heap, 0, 0, 11), s.turn[0] = 0;
            for (int agent = 0; agent < agents; ++agent)
                s.last[agent] = agent == dealer ? dealer_passes : taker_passes, s.moved[agent] = 0;
        });
    }
    SIM_HD static bool acts(const World<Stones>& world, int agent) { return agent == world.state.agent(); }
    template <class Group>
    SIM_HD static void legal_actions(Group& group, World<Stones>& world, const LegalActions<Stones>& legal) {
        const int stones = world.state.heap[0], room = max_heap - stones, agent = world.state.agent();
        group.single([&] {
            for (int taker = 0; taker < takers; ++taker)  // whoever is not to act can only pass
                legal.set_word(take, taker, 0, taker == agent ? (1u << (stones < 3 ? stones : 3)) - 1 : 8u);
            legal.allow(group, add, dealer, dealer_passes);
            for (int n = 1; agent == dealer && n <= 2 && n <= room; ++n) legal.allow(group, add, dealer, n - 1);
        });
    }
    /// Stones that a choice moves; 0 for one that is illegal.
    SIM_HD static int stones_of(const World<Stones>& world, int agent, int choice) {
        const int stones = world.state.heap[0], most = agent == dealer ? max_heap - stones : stones;
        const bool passes = choice == (agent == dealer ? dealer_passes : taker_passes);
        return passes || choice + 1 > most ? 0 : choice + 1;
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Stones>& world, const Actions<Stones>& action,
                            const Outcome<Stones>& outcome) {
        State& s = world.state;
        group.single([&] {
            const int agent = s.agent();
            const int choice = agent == dealer ? action.choice(add, agent) : action.choice(take, agent);
            const int stones = stones_of(world, agent, choice);
            s.last[agent] = uint8_t(choice), s.moved[agent] += stones;
            s.heap[0] += agent == dealer ? stones : -stones;
            outcome.value(shaped_reward, agent) = agent == dealer ? 0.0f : s.heap[0] % 4 == 0 ? 0.25f : -0.25f;
            outcome.value(passed, agent) = stones == 0;
            outcome.value(moved, agent == dealer) = stones;
            if (s.heap[0] == 0)
                for (int other = 0; other < agents; ++other) {
                    outcome.reward(other) = other == agent ? 1.0f : other == dealer ? 0.0f : -1.0f;
                    outcome.terminated(other) = 1;
                    if (other == agent) outcome.value(winner, agent) = 1.0f;
                }
            s.turn[0] = (s.turn[0] + 1) % 4;
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Stones>& world, AgentRange range,
                               const ObservationWriter<Stones>& out) {
        const State& s = world.state;
        group.for_each(range.last - range.first, [&](int i) {
            const int agent = range.first + i;
            if (agent == dealer) {
                if (out.wants(stock)) *out.row(stock, agent) = uint8_t(s.heap[0]);
                if (int8_t* row = out.wants(turn) ? out.row(turn, agent) : nullptr)
                    row[0] = s.last[0] + s.last[1] == 2 * taker_passes ? 1 : -1, row[1] = int8_t(s.turn[0]);
                return;
            }
            if (float* row = out.wants(heap) ? out.row(heap, agent) : nullptr)
                row[0] = float(s.heap[0]) / max_heap, row[1] = acts(world, agent), row[2] = acts(world, 1 - agent);
            if (out.wants(last)) out.bits(group, last, agent, s.last[1 - agent], 1, 1u);
            if (uint8_t* row = out.wants(seat) ? out.row(seat, agent) : nullptr)
                row[0] = uint8_t(agent), row[1] = uint8_t(s.turn[0]);
        });
    }
    template <class Group>
    SIM_HD static void observe_state(Group& group, World<Stones>& world, const ObservationWriter<Stones>& out) {
        group.single([&] {
            if (float* row = out.wants(global_state) ? out.row(global_state, 0) : nullptr)
                row[0] = float(world.state.heap[0]) / max_heap, row[1] = float(world.state.turn[0]) / 3.0f,
                row[2] = float(world.elapsed) / float(world.config.max_episode_steps);
        });
    }
    static const char* metrics(const Config&, int m) {
        return m == 0 ? "stones_left" : m == 1 ? "stones_moved" : m == 2 ? "stones_per_agent" : nullptr;
    }
    static MetricScope metric_scope(const Config&, int m) {
        return m == 0 ? MetricScope::env : m == 1 ? MetricScope::role : MetricScope::agent;
    }
    template <class Group>
    SIM_HD static float metric(Group&, World<Stones>& world, int) {
        return float(world.state.heap[0]);
    }
    SIM_HD static float agent_metric(const World<Stones>& world, int agent, int) {
        return float(world.state.moved[agent]);
    }
    static const char* policies(int p) { return p == 0 ? "careful" : nullptr; }
    /// Leaves a multiple of four if it can; the dealer evens the heap out.
    template <class Group>
    SIM_HD static void act(Group& group, World<Stones>& world, int, const ActionWriter<Stones>& action) {
        group.single([&] {
            const int agent = world.state.agent(), rest = world.state.heap[0] % 4;
            if (agent == dealer)
                action.choice(add, agent) = rest == 3 && world.state.heap[0] < max_heap ? 0 : dealer_passes;
            else
                action.choice(take, agent) = rest > 0 ? rest - 1 : 0;
        });
    }
};

}  // namespace flockstep
