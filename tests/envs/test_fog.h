#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Fog: boats that fish as a team each cast on one side, best where they see birds. The team shares the catch, and a
/// swell that lasts as long as the episode adds to it or takes from it, whatever they do. In fog a boat knows the birds
/// and the swell around itself alone, so that only who sees all boats can tell a good catch from a good day; otherwise
/// it sees what critics get as the state.
struct Fog {
    static constexpr const char* summary = "boats share a catch that depends on more than each can see in fog";
    static constexpr int sides = 4, boat_size = sides + 1;
    struct Config {
        int max_episode_steps = 25, num_boats = 4;
        bool fog = true;
        float swell_reward = 4.0f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_boats", num_boats, between(1, 100), "boats");
            f("fog", fog, any_value(), "boats see themselves only; false: they see every boat");
            f("swell_reward", swell_reward, between(0, 100),
              "what a full swell under every boat adds to a step's catch");
        }
    };
    struct State {
        Field<uint8_t> birds;  // [num_boats] the side on which each boat sees them
        Field<float> swell;    // [num_boats] within -1..1, the same all episode
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("birds", birds, c.num_boats).between(0, sides - 1);
            visit("swell", swell, c.num_boats).between(-1, 1);
        }
    };
    static constexpr Observation<"view", float> view{};
    static constexpr Observation<"sea", float> sea{};
    static constexpr Discrete<"cast"> cast{};
    static constexpr auto tensors = tensor_list(view, sea, cast);
    static constexpr RandomStream<"start", Purpose::reset, Draws{0, 2}> start{};  // birds, swell of each boat
    static constexpr RandomStream<"flight", Purpose::step, Draws{0, 1}> flight{};
    static constexpr auto random_streams = random_stream_list(start, flight);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("boat", c.num_boats)
            .observation(view, {c.num_boats, boat_size}, {-1}, {1})  // the own boat first; zeros where fog hides it
            .state(sea, {c.num_boats, boat_size}, {-1}, {1})         // the same without fog
            .discrete(cast, sides);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Fog>& world) {
        group.for_each(world.config.num_boats, [&](int boat) {
            world.state.birds[boat] = uint8_t(world.rng.below(start, boat, 0, sides));
            world.state.swell[boat] = world.rng.uniform(start, boat, 1, -1, 1);
        });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Fog>& world, const Actions<Fog>& action, const Outcome<Fog>& outcome) {
        const Config& c = world.config;
        State& s = world.state;
        const float total = group.sum(c.num_boats, [&](int boat) {
            return float(action.choice(cast, boat) == s.birds[boat]) + c.swell_reward * s.swell[boat];
        });
        group.sync();
        group.for_each(c.num_boats, [&](int boat) {
            outcome.reward(boat) = total / float(c.num_boats);
            s.birds[boat] = uint8_t(world.rng.below(flight, boat, 0, sides));
        });
    }
    /// What is seen of all boats from one: the side of their birds, one-hot, and their swell.
    SIM_HD static void look(const World<Fog>& world, int boat, bool fog, float* row) {
        const int n = world.config.num_boats;
        for (int k = 0; k < n; ++k, row += boat_size) {
            const int other = (boat + k) % n;
            const bool is_seen = k == 0 || !fog;
            for (int side = 0; side < sides; ++side) row[side] = is_seen && world.state.birds[other] == side;
            row[sides] = is_seen ? world.state.swell[other] : 0.0f;
        }
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Fog>& world, AgentRange range, const ObservationWriter<Fog>& out) {
        group.for_each(range.last - range.first, [&](int i) {
            const int boat = range.first + i;
            if (out.wants(view)) look(world, boat, world.config.fog, out.row(view, boat));
            if (out.wants(sea)) look(world, boat, false, out.row(sea, boat));
        });
    }
};

}  // namespace flockstep
