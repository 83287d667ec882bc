#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Tug: two teams pull a rope, each agent as hard as its breath allows, and may shout every other step.
/// Shows two roles that see and choose alike, which may share a policy, and a mask of an action of several integers.
struct Tug {
    static constexpr const char* summary = "two teams pull a rope: equal roles, a mask of several integers";
    static constexpr int most_breath = 4, goal = 15;
    struct Config {
        int max_episode_steps = 40, team_size = 3;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("team_size", team_size, between(1, 1000), "agents of each team");
        }
    };
    struct State {
        Field<int32_t> rope;            // [1] how far it has moved toward the left team
        Field<uint8_t> breath, shouts;  // [2 * team_size]
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("rope", rope, 1).between(-goal, goal),
                visit("breath", breath, 2 * c.team_size).between(0, most_breath);
            visit("shouts", shouts, 2 * c.team_size).between(0, 1);
        }
    };
    static constexpr Observation<"view", float> view{};
    static constexpr Observation<"shouts", uint8_t> shouts{};
    static constexpr MultiDiscrete<"effort"> effort{};
    static constexpr auto tensors = tensor_list(view, shouts, effort);
    static constexpr RandomStream<"breath", Purpose::reset, Draws{0, 1}> first_breath{};
    static constexpr auto random_streams = random_stream_list(first_breath);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        for (const char* team : {"left", "right"})
            spaces.add(team, c.team_size)
                .observation(view, {2}, {-1}, {1})   // how far the rope has moved this way, the own breath
                .observation(shouts, {1}, {0}, {1})  // whether it has just shouted
                .multi_discrete(effort, {3, 2});     // pull 0 to 2; shout
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Tug>& world) {
        group.for_each(2 * world.config.team_size, [&](int i) {
            world.state.breath[i] = uint8_t(world.rng.below(first_breath, i, 0, most_breath + 1));
            world.state.shouts[i] = 0;
        });
        group.single([&] { world.state.rope[0] = 0; });
    }
    SIM_HD static int side(const World<Tug>& world, int agent) { return agent < world.config.team_size ? 1 : -1; }
    /// Choices 0 to 2 pull, 3 is silent, 4 shouts.
    SIM_HD static bool allowed(const World<Tug>& world, int agent, MultiDiscrete<"effort">, int choice) {
        return choice < 3 ? choice <= world.state.breath[agent] : choice == 3 || !world.state.shouts[agent];
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Tug>& world, const Actions<Tug>& action, const Outcome<Tug>& outcome) {
        State& s = world.state;
        const int n = 2 * world.config.team_size;
        const float total = group.sum(n, [&](int i) {
            return float(side(world, i) * (action.choice(effort, i, 0) + action.choice(effort, i, 1)));
        });
        group.for_each(n, [&](int i) {
            const int pull = action.choice(effort, i, 0), left = s.breath[i] - pull + (pull == 0);
            s.breath[i] = uint8_t(left < most_breath ? left : most_breath);
            s.shouts[i] = uint8_t(action.choice(effort, i, 1));
        });
        const int moved = s.rope[0] + int(total), rope = moved < -goal ? -goal : moved > goal ? goal : moved;
        const bool is_won = rope == -goal || rope == goal;
        group.for_each(n, [&](int i) {
            outcome.reward(i) = float(side(world, i)) * (0.1f * total + (is_won ? float(rope / goal) : 0.0f));
            outcome.terminated(i) = is_won;
        });
        group.sync();
        group.single([&] { s.rope[0] = rope; });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Tug>& world, AgentRange range, const ObservationWriter<Tug>& out) {
        group.for_each(range.last - range.first, [&](int at) {
            const int i = range.first + at;
            if (float* row = out.wants(view) ? out.row(view, i) : nullptr)
                row[0] = float(side(world, i) * world.state.rope[0]) / float(goal),
                row[1] = float(world.state.breath[i]) / float(most_breath);
            if (out.wants(shouts)) *out.row(shouts, i) = world.state.shouts[i];
        });
    }
};

}  // namespace flockstep
