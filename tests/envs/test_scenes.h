#pragma once

#include "sim/environment.h"

namespace flockstep {

/// Errands: agents walk down a street, each to a door of its own. Shows data that all worlds share (`Shared`, `load`):
/// a pool of scenes with 1 to 64 agents; padding (`active`); a field derived from another (`derive`: `goal` from
/// `scene`).
struct Errands {
    static constexpr const char* summary = "a pool of scenes with 1 to 64 agents";
    static constexpr int num_scenes = 10000, max_agents = 64, doors = 40;
    struct Config {
        int max_episode_steps = 64;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        }
    };
    struct Shared {
        View<int32_t> first;  // [num_scenes + 1] first agent of each scene
        View<uint8_t> door;   // [agents of all scenes] 1..doors
        template <class V>
        void fields(V& visit) {
            visit("first", first), visit("door", door);
        }
    };
    struct State {
        Field<uint16_t> scene, place, goal;  // [1], [max_agents], [max_agents]: 0 for those who are not there
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("scene", scene, 1).between(0, num_scenes - 1), visit("place", place, max_agents).between(0, doors);
            visit.derived("goal", goal, max_agents);
        }
    };
    static Shared load(const Config&, Loader& loader) {
        std::vector<int32_t> first{0};
        std::vector<uint8_t> door;
        for (uint32_t scene = 0; scene < num_scenes; ++scene) {
            const Rng rng{0, scene, 0, 0, Purpose::initialise};
            first.push_back(first.back() + 1 + int(rng.below(0, 0, max_agents)));
            for (int i = first[scene]; i < first.back(); ++i) door.push_back(uint8_t(1 + rng.below(1 + i, 0, doors)));
        }
        return {loader.keep(std::move(first)), loader.keep(std::move(door))};
    }
    static constexpr Observation<"way", int8_t> way{};
    static constexpr Discrete<"walk"> walk{};
    static constexpr auto tensors = tensor_list(way, walk);
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", max_agents).observation(way, {1}, {-doors}, {doors}).discrete(walk, 2);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Errands>& world) {
        group.single([&] { world.state.scene[0] = uint16_t(world.rng.below(0, 0, num_scenes)); });
        group.for_each(max_agents, [&](int agent) { world.state.place[agent] = 0; });
        group.sync();
        derive(group, world);
    }
    template <class Group>
    SIM_HD static void derive(Group& group, World<Errands>& world) {
        const int32_t* range = &world.shared.first[world.state.scene[0]];
        const uint8_t* door = &world.shared.door[range[0]];
        group.for_each(max_agents, [&](int i) { world.state.goal[i] = range[0] + i < range[1] ? door[i] : 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Errands>& world, const Actions<Errands>& action,
                            const Outcome<Errands>& outcome) {
        group.for_each(max_agents, [&](int i) {
            const int goal = world.state.goal[i];
            if (action.choice(walk, i) && world.state.place[i] < goal && ++world.state.place[i] == goal)
                outcome.reward(i) = 1.0f;
            outcome.terminated(i) = active(world, i) && world.state.place[i] >= goal;
        });
    }
    SIM_HD static bool active(const World<Errands>& world, int agent) { return world.state.goal[agent] > 0; }
    template <class Group>
    SIM_HD static void observe(Group& group, World<Errands>& world, AgentRange range,
                               const ObservationWriter<Errands>& out) {
        group.for_each(out.wants(way) ? range.last - range.first : 0, [&](int i) {
            const int agent = range.first + i;
            *out.row(way, agent) = int8_t(world.state.goal[agent] - world.state.place[agent]);
        });
    }
};
}  // namespace flockstep
