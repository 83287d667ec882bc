#pragma once

#include "sim/contract/environment.h"
#include "sim/contract/pool.h"

namespace flockstep {

/// Errands: agents walk down a street, each to its own door. Shows data shared by all worlds (`Shared`, `load`): a
/// ragged pool of scenes with 1 to 64 agents, and every scene order; padding (`active`); a field derived from another
/// (`derive`: `goal` from `scene`).
struct Errands {
    static constexpr const char* summary = "a pool of scenes with 1 to 64 agents";
    static constexpr int doors = 40;
    struct Config {
        int max_episode_steps = 64, num_scenes = 10000, num_agents = 64;
        SceneOrder scene_order = SceneOrder::random;
        uint64_t pool_seed = 0;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_scenes", num_scenes, between(1, 65536), "scenes in the pool");
            f("num_agents", num_agents, between(1, 4096), "maximum number of agents in a scene");
            f("scene_order", scene_order, scene_orders(), "order of scenes; weighted: by the number of agents");
            f("pool_seed", pool_seed, at_least(0), "seed of the pool");
        }
    };
    struct Shared {
        Ragged<uint8_t> door;  // [num_scenes] of each agent, 1..doors
        SceneWeights weights;  // weighted: the number of agents
        template <class V>
        void fields(V& visit) {
            visit("door", door), visit("weights", weights);
        }
    };
    struct State {
        Field<uint16_t> scene, place, goal;  // [1], [num_agents], [num_agents]: 0 for padding
        template <class V>
        SIM_HD void fields(const Config& c, const Shared& shared, V& visit) {
            visit("scene", scene, 1).between(0, double(shared.door.size() - 1));
            visit("place", place, c.num_agents).between(0, doors);
            visit.derived("goal", goal, c.num_agents);
        }
    };
    static constexpr const char* pool_settings[] = {"num_scenes", "pool_seed"};
    static constexpr const char* load_ignores[] = {"max_episode_steps"};
    static Shared load(const Config& c, Loader& loader) {
        loader.check_free_memory(double(c.num_scenes) * c.num_agents, "a pool of scenes");
        std::vector<int64_t> first{0};
        std::vector<uint8_t> door;
        std::vector<double> weights;
        for (uint32_t scene = 0; scene < uint32_t(c.num_scenes); ++scene) {
            const Rng rng{c.pool_seed, scene, 0, 0, Purpose::initialize};
            weights.push_back(1 + int(rng.below(0, 0, uint32_t(c.num_agents))));
            first.push_back(first.back() + int64_t(weights.back()));
            for (int64_t i = first[scene]; i < first.back(); ++i)
                door.push_back(uint8_t(1 + rng.below(uint32_t(1 + i), 0, doors)));
        }
        Shared shared{make_ragged(loader.keep(std::move(first)), loader.keep(std::move(door)), "door"), {}};
        if (c.scene_order == SceneOrder::weighted) shared.weights = make_weights(loader, weights, "weights");
        return shared;
    }
    static constexpr Observation<"remaining", int8_t> remaining{};
    static constexpr Discrete<"walk"> walk{};
    static constexpr auto tensors = tensor_list(remaining, walk);
    static constexpr RandomStream<"scene", Purpose::reset, Draws{0, 1}, Items{0, 1}> drawn_scene{};
    static constexpr auto random_streams = random_stream_list(drawn_scene);
    static Spaces spaces(const Config& c) {
        Spaces spaces;
        spaces.add("agent", c.num_agents).observation(remaining, {1}, {-doors}, {doors}).discrete(walk, 2);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group& group, World<Errands>& world) {
        const Shared& shared = world.shared;
        group.single([&] {
            uint16_t& scene = world.state.scene[0];
            const SceneOrder order = world.config.scene_order;
            scene = uint16_t(next_scene(world, drawn_scene, order, shared.door.size(), shared.weights, scene));
        });
        group.for_each(world.config.num_agents, [&](int agent) { world.state.place[agent] = 0; });
        group.sync();
        derive(group, world);
    }
    template <class Group>
    SIM_HD static void derive(Group& group, World<Errands>& world) {
        const int scene = world.state.scene[0], count = world.shared.door.count(scene);
        const uint8_t* door = world.shared.door.row(scene);
        group.for_each(world.config.num_agents, [&](int i) { world.state.goal[i] = i < count ? door[i] : 0; });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Errands>& world, const Actions<Errands>& action,
                            const Outcome<Errands>& outcome) {
        group.for_each(world.config.num_agents, [&](int i) {
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
        group.for_each(out.wants(remaining) ? range.last - range.first : 0, [&](int i) {
            const int agent = range.first + i;
            *out.row(remaining, agent) = int8_t(world.state.goal[agent] - world.state.place[agent]);
        });
    }
};
}  // namespace flockstep
