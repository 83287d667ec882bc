#pragma once

#include "sim/contract/environment.h"

namespace flockstep {

/// Harbour: boats look for the harbour in the dark; a keeper decides when to light its lamp, since oil is expensive.
/// Shows two roles with their own observations, actions and rewards. Agent 0 is the keeper, the others are boats.
struct Harbour {
    static constexpr const char* summary = "two roles: boats look for a harbour, a keeper lights it";
    struct Config {
        int max_episode_steps = 60, num_boats = 4;
        float oil_cost = 0.1f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_boats", num_boats, between(1, 100), "boats; the keeper is one more agent");
            f("oil_cost", oil_cost, between(0, 1), "what the keeper pays for a step of light");
        }
    };
    struct State {
        Field<float> x, y;    // [num_boats] within -1..1; the harbour is at (0, 0)
        Field<uint8_t> lamp;  // 1: burns
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("x", x, c.num_boats).between(-1, 1), visit("y", y, c.num_boats).between(-1, 1);
            visit("lamp", lamp, 1).between(0, 1);
        }
        SIM_HD float distance(int boat) const { return real::sqrt(x[boat] * x[boat] + y[boat] * y[boat]); }
    };

    static constexpr Observation<"view", float> view{};  // both roles have one, each of its own size
    static constexpr Discrete<"lamp"> lamp{};
    static constexpr Discrete<"course"> course{};
    static constexpr auto tensors = tensor_list(view, lamp, course);
    static constexpr RandomStream<"place", Purpose::reset, Draws{0, 2}> place{};  // x, y of each boat
    static constexpr auto random_streams = random_stream_list(place);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("keeper", 1).observation(view, {3}, {0}, {1.5f}).discrete(lamp, 2);
        spaces.add("boat", c.num_boats).observation(view, {17}, {-2}, {2}).discrete(course, 9);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Harbour>& world) {
        group.for_each(world.config.num_boats, [&](int boat) {
            world.state.x[boat] = world.rng.uniform(place, boat, 0, -1, 1);
            world.state.y[boat] = world.rng.uniform(place, boat, 1, -1, 1);
        });
        group.single([&] { world.state.lamp[0] = 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Harbour>& world, const Actions<Harbour>& action,
                            const Outcome<Harbour>& outcome) {
        State& s = world.state;
        const int n = world.config.num_boats;
        group.for_each(n, [&](int boat) {  // course 0 drifts, 1 to 8 go round the compass
            const int to = action.choice(course, 1 + boat);
            const float distance = to ? 0.1f : 0.0f, angle = 0.78539816f * float(to);
            const float x = s.x[boat] + distance * real::cos(angle), y = s.y[boat] + distance * real::sin(angle);
            s.x[boat] = x < -1 ? -1 : x > 1 ? 1 : x, s.y[boat] = y < -1 ? -1 : y > 1 ? 1 : y;
            outcome.reward(1 + boat) = -s.distance(boat);
        });
        group.sync();
        const float total = group.sum(n, [&](int boat) { return s.distance(boat); });
        group.single([&] {
            s.lamp[0] = uint8_t(action.choice(lamp, 0));
            outcome.reward(0) = -total / float(n) - (s.lamp[0] ? world.config.oil_cost : 0.0f);
        });
    }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Harbour>& world, AgentRange range,
                               const ObservationWriter<Harbour>& out) {
        const State& s = world.state;
        const int n = world.config.num_boats;
        group.for_each(range.last - range.first, [&](int i) {
            if (!out.wants(view)) return;
            float* row = out.row(view, range.first + i);
            const int boat = range.role == 0 ? 0 : range.first + i - 1;
            for (int k = 0; range.role == 1 && k < 14; k += 2) {  // the boat, then the next six as seen from it
                row[k] = s.x[(boat + k / 2) % n] - (k ? s.x[boat] : 0);
                row[k + 1] = s.y[(boat + k / 2) % n] - (k ? s.y[boat] : 0);
            }
            float* light = row + (range.role == 0 ? 0 : 14);  // the lamp, and what it shows: the first or the own boat
            light[0] = s.lamp[0], light[1] = light[0] * s.distance(boat), light[2] = light[1] < 0.2f;
        });
    }
};

}  // namespace flockstep
