#pragma once

#include "sim/environment.h"

namespace flockstep {

/// Stones: two takers take one to three stones from a heap in turn, and between their turns a dealer may add some. Who
/// takes the last stone wins it from the other. Shows two roles with action masks, observation parts of several types
/// in each, and turns.
struct Stones {
    static constexpr const char* summary = "a game of turns with two roles and action masks";
    static constexpr int takers = 2, dealer = 2, max_heap = 20;
    struct Config {
        int max_episode_steps = 60;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        }
    };
    struct State {
        Field<int32_t> heap, turn;  // stones left; turns 0 to 3: taker 0, the dealer, taker 1, the dealer
        Field<uint8_t> last;        // [3] what each agent did last
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("heap", heap, 1).between(0, max_heap), visit("turn", turn, 1).between(0, 3);
            visit("last", last, 3).between(0, 3);
        }
    };
    static constexpr Observation<"heap", float> heap{};
    static constexpr Observation<"last", Bit> last{};
    static constexpr Observation<"stock", uint8_t> stock{};
    static constexpr Observation<"turn", int8_t> turn{};
    static constexpr Discrete<"take"> take{};
    static constexpr Discrete<"add"> add{};
    static constexpr auto tensors = tensor_list(heap, last, stock, turn, take, add);
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("taker", takers)
            .observation(heap, {3}, {0}, {1})  // as a share of the most, whose turn it is: own, other's
            .observation(last, {4})            // what the other taker did, one-hot
            .discrete(take, 4);                // 0 passes
        spaces.add("dealer", 1)
            .observation(stock, {1}, {0}, {max_heap})
            .observation(turn, {2}, {-1}, {3})  // -1 until somebody has passed, then 1; the turn
            .discrete(add, 3);                  // 0 passes
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Stones>& world) {
        group.single([&] {
            world.state.heap[0] = 5 + int(world.rng.below(0, 0, 11)), world.state.turn[0] = 0;
            for (int agent = 0; agent < 3; ++agent) world.state.last[agent] = 0;
        });
    }
    SIM_HD static bool acts(const World<Stones>& world, int agent) {
        const int turn = world.state.turn[0];
        return agent == (turn % 2 ? dealer : turn / 2);
    }
    SIM_HD static bool allowed(const World<Stones>& world, int agent, Discrete<"take">, int choice) {
        return choice == 0 || (acts(world, agent) && choice <= world.state.heap[0]);
    }
    SIM_HD static bool allowed(const World<Stones>& world, int agent, Discrete<"add">, int choice) {
        return choice == 0 || (acts(world, agent) && world.state.heap[0] + choice <= max_heap);
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Stones>& world, const Actions<Stones>& action,
                            const Outcome<Stones>& outcome) {
        State& s = world.state;
        group.single([&] {
            const int agent = s.turn[0] % 2 ? dealer : s.turn[0] / 2;
            const int choice = agent == dealer ? action.choice(add, agent) : action.choice(take, agent);
            s.last[agent] = uint8_t(choice);
            s.heap[0] += agent == dealer ? choice : -choice;
            if (s.heap[0] == 0)
                for (int other = 0; other < 3; ++other) {
                    outcome.reward(other) = other == agent ? 1.0f : other == dealer ? 0.0f : -1.0f;
                    outcome.terminated(other) = 1;
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
                    row[0] = s.last[0] + s.last[1] == 0 ? 1 : -1, row[1] = int8_t(s.turn[0]);
                return;
            }
            if (float* row = out.wants(heap) ? out.row(heap, agent) : nullptr)
                row[0] = float(s.heap[0]) / max_heap, row[1] = acts(world, agent), row[2] = acts(world, 1 - agent);
            if (out.wants(last)) out.bits(group, last, agent, s.last[1 - agent], 1, 1u);
        });
    }
};

}  // namespace flockstep
