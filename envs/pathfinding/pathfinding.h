#pragma once

#include "envs/pathfinding/goals.h"
#include "envs/pathfinding/movement.h"
#include "envs/pathfinding/pibt.h"
#include "envs/pathfinding/shared_reward.h"
#include "envs/pathfinding/spawn.h"
#include "envs/pathfinding/windows.h"

namespace flockstep {

/// Multi-agent pathfinding on a grid: every agent moves to its own goal, one cell per step, without collisions.
/// Source: POGEMA 2.0 (Skrynnik et al. 2024), matched exactly, three modes by three collision systems. Differences:
/// worlds may have fewer agents than num_agents; an action out of range counts as 0 instead of raising; the occupancy
/// bug of `soft` is fixed unless soft_occupancy is legacy; maps and instances may also be drawn on the device.
struct Pathfinding {
    static constexpr const char* summary = "multi-agent pathfinding, one-shot or lifelong (POGEMA)";
    using Config = PathfindingConfig;
    using Shared = PathfindingShared;
    using State = PathfindingState;
    using Scratch = PathfindingScratch;
    static constexpr Observation<"windows", Bit> windows{};
    static constexpr Observation<"cost_to_go", int8_t> cost_to_go{};
    static constexpr Observation<"intent", uint8_t> intent{};
    static constexpr Discrete<"action"> move{};
    static constexpr auto tensors = tensor_list(windows, cost_to_go, intent, move);
    static constexpr auto random_streams = random_stream_list(
        pathfinding::drawn_size, pathfinding::drawn_density, pathfinding::drawn_num_present, pathfinding::drawn_map,
        pathfinding::drawn_start, pathfinding::drawn_goal, pathfinding::drawn_obstacles, pathfinding::new_goal,
        pathfinding::rank_ties, pathfinding::action_ties);

    /// Settings that select maps and predefined agents, and that rules do not read.
    static constexpr const char* pool_settings[] = {"map", "map_seed", "num_maps", "agents_xy", "targets_xy"};
    /// Settings that only the rules read.
    static constexpr const char* load_ignores[] = {"collision_system",  "soft_occupancy", "min_agents",
                                                   "max_episode_steps", "cost_clip",      "mask_obstacles",
                                                   "empty_outside"};
    static Shared load(const Config& config, Loader& loader) { return load_pathfinding(config, loader); }
    static Spaces spaces(const Config& c, const Shared& shared) {
        const int window = c.window();
        Spaces spaces;
        spaces.add("agent", shared.num_agents)
            .observation(windows, {3, window, window})
            .enabled_if(shared.shows_windows)
            .observation(cost_to_go, {window, window}, {float(-c.cost_clip)}, {float(c.cost_clip + 1)})
            .enabled_if(shared.shows_cost)
            .observation(intent, {window, window})
            .bit_flags(4)
            .enabled_if(shared.shows_intent)
            .discrete(move, 5);
        return spaces;
    }
    static constexpr GymnasiumId gymnasium_ids[] = {
        {"Pathfinding-v0"},
        {"PathfindingLifelong-v0",  // the settings of POGEMA's benchmark
         {{"on_target", "restart"}, {"collision_system", "soft"}, {"max_episode_steps", "256"}}}};
    /// A map per world, drawn at each reset, and new goals on arrival.
    static constexpr PresetSetting bench_settings[] = {{"size", "32"},
                                                       {"num_agents", "64"},
                                                       {"on_target", "restart"},
                                                       {"collision_system", "soft"},
                                                       {"max_episode_steps", "256"}};
    static void draw(Batch& batch, int64_t env, Replay& replay);
    /// Map files: generate, convert. Defined in tools.cpp.
    static std::vector<Tool> tools();
    /// One lane per agent, up to 128: beyond that, synchronization costs more than it gains. Observing costs is more
    /// work, and resetting a large map keeps a whole block busy, so these use more lanes. Worlds with few agents share
    /// a warp: most of a step is the same work for each world.
    static int lanes(const Config&, const Shared& shared) {
        if (!shared.needs_distances && shared.num_agents <= 16) return shared.num_agents <= 8 ? 8 : 16;
        int lanes = shared.needs_distances && shared.num_agents > 32 ? 128 : shared.cells() >= 1024 ? 64 : 32;
        while (lanes < shared.num_agents && lanes < 128) lanes *= 2;
        return lanes;
    }

    /// Drawing a map can use many more lanes than a step with few agents.
    static int reset_lanes(const Config&, const Shared& shared, int lanes) {
        if (shared.cells() >= 16384) return 1024;
        return shared.cells() >= 4096 || (shared.cells() >= 256 && lanes <= 32) ? 256 : 0;
    }

    template <class Group>
    SIM_HD static void reset(Group& group, World<Pathfinding>& world) {
        pathfinding::spawn(group, world);
        group.for_each(world.shared.num_agents, [&](int agent) {
            if (world.config.on_target == OnTarget::finish) world.state.finished[agent] = 0;
            if (world.config.on_target == OnTarget::nothing) world.state.solved_at[agent] = -1;
            if (world.shared.needs_distances) world.state.last_on_goal[agent] = world.elapsed;
        });
        group.single([&] { world.state.arrivals[0] = 0, world.state.arrival_steps[0] = 0; });
        mark_legacy_occupancy(group, world);
        renew_all_distances(group, world);
    }

    template <class Group>
    SIM_HD static void derive(Group& group, World<Pathfinding>& world) {
        pathfinding::find_components_of(group, world);
        renew_all_distances(group, world);
    }

    template <class Group>
    SIM_HD static void step(Group& group, World<Pathfinding>& world, const Actions<Pathfinding>& action,
                            const Outcome<Pathfinding>& outcome) {
        pathfinding::resolve_moves(group, world, [&](int agent) { return action.choice(move, agent); });
        carry_out(group, world, action, outcome);
        if (world.config.on_target == OnTarget::finish)
            finish(group, world, outcome);
        else if (world.config.on_target == OnTarget::nothing)
            stay(group, world, outcome);
        else
            restart(group, world, outcome);
        if (world.config.shared_reward > 0.0f) pathfinding::share_rewards(group, world, outcome);
    }

    template <class Group>
    SIM_HD static void observe(Group& group, World<Pathfinding>& world, AgentRange range,
                               const ObservationWriter<Pathfinding>& out) {
        if (out.wants(cost_to_go)) pathfinding::prefetch_costs(group, world, range);
        if (out.wants(windows) || out.wants(intent)) pathfinding::prepare_grids(group, world);
        if (out.wants(windows)) pathfinding::observe_windows(group, world, range, out, windows);
        if (out.wants(cost_to_go)) pathfinding::observe_costs(group, world, range, out, cost_to_go);
        if (out.wants(intent)) pathfinding::observe_intent(group, world, range, out, intent);
    }

    /// Defined in state_error.cpp.
    static std::string state_error(const World<Pathfinding>& world);

    SIM_HD static bool active(const World<Pathfinding>& world, int agent) {
        return pathfinding::is_present(world, agent);
    }
    static bool has_action_mask(const Config& c) { return c.mask_obstacles; }
    SIM_HD static bool allowed(const World<Pathfinding>& world, int agent, Discrete<"action">, int action) {
        if (!world.config.mask_obstacles || action == 0 || !pathfinding::is_present(world, agent)) return true;
        return !pathfinding::is_wall(world, pathfinding::neighbor(world.state.position[agent], action));
    }

    /// POGEMA's metrics, under its names.
    static const char* metrics(const Config& c, int m) {
        static constexpr const char* of_finish[] = {"ISR", "CSR", "ep_length", nullptr};
        static constexpr const char* of_nothing[] = {"ISR", "CSR", "ep_length", "SoC", "makespan", nullptr};
        static constexpr const char* of_restart[] = {"avg_throughput", nullptr};
        return (c.on_target == OnTarget::finish    ? of_finish
                : c.on_target == OnTarget::nothing ? of_nothing
                                                   : of_restart)[m];
    }
    template <class Group>
    SIM_HD static float metric(Group& group, World<Pathfinding>& world, int m) {
        const State& state = world.state;
        const int n = state.num_present[0], arrivals = state.arrivals[0];
        if (world.config.is_lifelong()) return float(arrivals) / float(world.config.max_episode_steps);
        if (world.config.on_target == OnTarget::finish) {
            if (m < 2) return m == 0 ? float(arrivals) / float(n) : float(arrivals == n);
            return float(state.arrival_steps[0] + (n - arrivals) * world.elapsed) / float(n);
        }
        const int on_goal = group.count(n, [&](int agent) { return state.position[agent] == state.goal[agent]; });
        if (m < 2) return m == 0 ? float(on_goal) / float(n) : float(on_goal == n);
        if (m == 2) return float(world.elapsed);
        const auto cost = [&](int agent) {
            return (state.solved_at[agent] >= 0 ? state.solved_at[agent] : world.elapsed - 1) + 1;
        };
        if (m == 3) return float(group.count(n, cost));
        return float(-group.min(n, [&](int agent) { return -cost(agent); }));
    }

    static const char* policies(int p) { return p == 0 ? "pibt" : nullptr; }
    /// Why a policy cannot run under these settings, or null.
    static const char* policy_error(const Config&, const Shared& shared, int) {
        return shared.needs_distances
                   ? nullptr
                   : "pibt needs distance fields: set distances to true, or observe cost_to_go or intent";
    }
    template <class Group>
    SIM_HD static void act(Group& group, World<Pathfinding>& world, int, const ActionWriter<Pathfinding>& action) {
        if (world.shared.needs_distances)
            pathfinding::act_by_pibt(group, world, [&](int agent, int step) { action.choice(move, agent) = step; });
    }

  private:
    template <class Group>
    SIM_HD static void renew_all_distances(Group& group, World<Pathfinding>& world) {
        if (!world.shared.needs_distances) return;
        pathfinding::find_open_cells(group, world);
        pathfinding::compute_distances(group, world, world.state.num_present[0], [](int i) { return i; });
    }
    template <class Group>
    SIM_HD static void mark_legacy_occupancy(Group& group, World<Pathfinding>& world) {
        const Config& c = world.config;
        if (!c.has_legacy_occupancy()) return;
        group.for_each(world.shared.grid_rows * world.shared.grid_words, [&](int i) { world.state.occupancy[i] = 0; });
        group.sync();
        group.for_each(world.state.num_present[0], [&](int agent) {
            const Cell cell = world.state.position[agent];
            pathfinding::set_bit(group, world.state.occupancy, world.shared.grid_words, cell.row + c.obs_radius,
                                 cell.column + c.obs_radius);
        });
        group.sync();
    }

    /// Carries out the moves, and rewards progress if distance_reward is set.
    template <class Group>
    SIM_HD static void carry_out(Group& group, World<Pathfinding>& world, const Actions<Pathfinding>& action,
                                 const Outcome<Pathfinding>& outcome) {
        const Config& c = world.config;
        const auto move_one = [&](int agent) {
            const Cell before = world.state.position[agent];
            const Cell now =
                world.scratch.moved[agent] ? pathfinding::neighbor(before, action.choice(move, agent)) : before;
            world.state.position[agent] = now;
            if (c.distance_reward != 0.0f && pathfinding::is_present(world, agent))
                outcome.reward(agent) = c.distance_reward * float(pathfinding::distance_at(world, agent, before) -
                                                                  pathfinding::distance_at(world, agent, now));
            return before;
        };
        if (c.has_legacy_occupancy()) {
            group.sync();
            group.single([&] {  // the result depends on the order
                for (int agent = 0; agent < world.shared.num_agents; ++agent) {
                    if (!pathfinding::is_present(world, agent)) continue;
                    const Cell before = move_one(agent);
                    pathfinding::update_legacy_occupancy(world, agent, before);
                }
            });
        } else {
            group.for_each(world.shared.num_agents, [&](int agent) { move_one(agent); });
        }
        group.sync();
    }
    SIM_HD static bool arrives(const World<Pathfinding>& world, int agent) {
        return pathfinding::is_present(world, agent) && world.state.position[agent] == world.state.goal[agent];
    }

    /// finish: an agent that arrives is rewarded and leaves.
    template <class Group>
    SIM_HD static void finish(Group& group, World<Pathfinding>& world, const Outcome<Pathfinding>& outcome) {
        const int n = world.shared.num_agents;
        const int arrivals = group.count(n, [&](int agent) { return arrives(world, agent); });
        group.single([&] {
            world.state.arrivals[0] += arrivals;
            world.state.arrival_steps[0] += arrivals * (world.elapsed + 1);
        });
        group.for_each(n, [&](int agent) {
            world.scratch.moved[agent] = arrives(world, agent);
            if (world.scratch.moved[agent]) {
                outcome.reward(agent) += 1.0f;
                world.state.finished[agent] = 1;
            }
            outcome.terminated(agent) = world.state.finished[agent];
        });
        if (!world.config.has_legacy_occupancy()) return;
        group.sync();
        group.single([&] {
            for (int agent = 0; agent < n; ++agent)
                if (world.scratch.moved[agent])
                    pathfinding::mark_legacy_occupancy(world, world.state.position[agent], false);
        });
    }
    /// nothing: all agents are rewarded when all are on their goals, which ends the episode.
    template <class Group>
    SIM_HD static void stay(Group& group, World<Pathfinding>& world, const Outcome<Pathfinding>& outcome) {
        const int n = world.state.num_present[0];
        const bool solved = group.all(n, [&](int agent) { return arrives(world, agent); });
        const bool last = solved || world.elapsed + 1 >= world.config.max_episode_steps;
        group.for_each(n, [&](int agent) {
            if (solved) outcome.reward(agent) += 1.0f;
            outcome.terminated(agent) = solved;
            int& solved_at = world.state.solved_at[agent];
            if (arrives(world, agent)) {
                if (solved_at < 0) solved_at = world.elapsed;
                if (world.shared.needs_distances) world.state.last_on_goal[agent] = world.elapsed + 1;
            } else if (!last) {
                solved_at = -1;  // like POGEMA, not if the agent leaves its goal in the very last step
            }
        });
    }
    /// restart: an agent that arrives is rewarded and gets a new goal.
    template <class Group>
    SIM_HD static void restart(Group& group, World<Pathfinding>& world, const Outcome<Pathfinding>& outcome) {
        const int n = world.shared.num_agents;
        const bool plans = world.shared.needs_distances;
        const int renewed = group.count(n, [&](int agent) { return arrives(world, agent); });
        if (renewed == 0) return;
        group.single([&] {
            world.state.arrivals[0] += renewed;
            world.scratch.num_renewed[0] = 0;
        });
        group.sync();
        group.for_each(n, [&](int agent) {
            if (!arrives(world, agent)) return;
            outcome.reward(agent) += 1.0f;
            world.state.goal[agent] = pathfinding::renewed_goal(world, agent);
            if (plans) world.state.last_on_goal[agent] = world.elapsed + 1;
            world.scratch.renewed[group.atomic_add(world.scratch.num_renewed[0], 1)] = agent;
        });
        if (!plans) return;
        group.sync();
        pathfinding::find_open_cells(group, world);
        pathfinding::compute_distances(group, world, renewed, [&](int i) { return world.scratch.renewed[i]; });
    }
};

}  // namespace flockstep
