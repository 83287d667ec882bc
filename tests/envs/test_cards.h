#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Climb: players take turns playing a card higher than the one on the table, or passing, which clears the table.
/// The first player without cards wins 1 from each of the others. Cards are drawn with replacement.
/// Shows turns (`acts`), a hand that others do not see, action masks (`allowed`) and termination by the rules.
struct Climb {
    static constexpr const char* summary = "a card game: turns, hidden hands, action masks";
    static constexpr int ranks = 13;
    struct Config {
        int max_episode_steps = 200, num_players = 3, hand_size = 4;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_players", num_players, between(2, 32), "players");
            f("hand_size", hand_size, between(1, 100), "cards per player");
        }
    };
    struct State {
        Field<uint8_t> hand;       // [num_players, ranks] cards of each rank
        Field<int32_t> turn, top;  // whose turn it is; 1 + rank of the card on the table, or 0
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("hand", hand, c.num_players, ranks).between(0, c.hand_size);
            visit("turn", turn, 1).between(0, c.num_players - 1), visit("top", top, 1).between(0, ranks);
        }
    };
    static constexpr Observation<"hand", uint8_t> hand{};
    static constexpr Observation<"table", Bit> table{};
    static constexpr Discrete<"card"> card{};
    static constexpr auto tensors = tensor_list(hand, table, card);
    static constexpr RandomStream<"hand", Purpose::reset, Draws{0, 100}, Items{0, 32}> dealt{};  // a card each
    static constexpr auto random_streams = random_stream_list(dealt);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("player", c.num_players)
            .observation(hand, {ranks}, {0}, {float(c.hand_size)})
            .observation(table, {1 + ranks})  // one-hot
            .discrete(card, 1 + ranks);       // 0 passes
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Climb>& world) {
        State& s = world.state;
        group.for_each(world.config.num_players, [&](int player) {
            for (int rank = 0; rank < ranks; ++rank) s.hand[player * ranks + rank] = 0;
            for (int card = 0; card < world.config.hand_size; ++card)
                ++s.hand[player * ranks + world.rng.below(dealt, player, dealt.at(card), ranks)];
        });
        group.single([&] { s.turn[0] = 0, s.top[0] = 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Climb>& world, const Actions<Climb>& action,
                            const Outcome<Climb>& outcome) {
        State& s = world.state;
        const int n = world.config.num_players, player = s.turn[0], laid = action.choice(card, player);
        const bool won =
            group.all(ranks, [&](int rank) { return s.hand[player * ranks + rank] == (rank + 1 == laid); });
        group.single([&] {
            if (laid > 0) --s.hand[player * ranks + laid - 1];
            s.top[0] = laid, s.turn[0] = won ? player : (player + 1) % n;  // won: no other player acts until the reset
        });
        group.for_each(won ? n : 0, [&](int other) {
            if (laid > 0) outcome.reward(other) = other == player ? float(n - 1) : -1.0f;
            outcome.terminated(other) = 1;
        });
    }
    SIM_HD static bool acts(const World<Climb>& world, int player) { return player == world.state.turn[0]; }
    SIM_HD static bool allowed(const World<Climb>& world, int player, Discrete<"card">, int choice) {
        const State& s = world.state;
        return choice == 0 || (player == s.turn[0] && choice > s.top[0] && s.hand[player * ranks + choice - 1] > 0);
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Climb>& world, AgentRange range,
                               const ObservationWriter<Climb>& out) {
        group.for_each(range.last - range.first, [&](int i) {
            const int player = range.first + i;
            for (int rank = 0; out.wants(hand) && rank < ranks; ++rank)
                out.row(hand, player)[rank] = world.state.hand[player * ranks + rank];
            if (out.wants(table)) out.bits(group, table, player, world.state.top[0], 1, 1u);
        });
    }
};

}  // namespace flockstep
