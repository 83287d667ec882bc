#pragma once

#include "envs/pathfinding/components.h"

/// The next goal of an agent that has arrived in a lifelong episode.
namespace flockstep::pathfinding {

/// One draw per attempt: 16,384 attempts only fail on maps with hardly any free cell.
inline constexpr RandomStream<"new_goal", Purpose::step, Draws{0, 16384}> new_goal{};

/// Uniform over the agent's component, or over its map's goal pool, excluding its current cell.
template <class W>
SIM_HD Cell draw_goal(const W& world, int agent) {
    const Cell here = world.state.position[agent];
    const int map = world.state.map_index[0], own = index_of(world, here);
    const bool has_pool =
        world.shared.num_maps() > 0 && world.shared.goal_begin[map + 1] > world.shared.goal_begin[map];
    const int first = has_pool ? world.shared.goal_begin[map] : 0;
    const int count = has_pool ? world.shared.goal_begin[map + 1] - first : world.shared.cells();
    for (int draw = 0; draw < int(new_goal.num_draws); ++draw) {
        const int drawn = world.rng.below(new_goal, agent, new_goal.at(draw), count);
        if (has_pool && world.shared.goal_pool[first + drawn] != here) return world.shared.goal_pool[first + drawn];
        if (!has_pool && drawn != own && world.state.component[drawn] == world.state.component[own])
            return cell_at(drawn, world.shared.width);
    }
    return here;
}

template <class W>
SIM_HD Cell renewed_goal(const W& world, int agent) {
    const PathfindingConfig& c = world.config;
    const PathfindingShared& shared = world.shared;
    if (shared.goal_list.size() > 0) {
        const int first = shared.goal_first[agent], length = shared.goal_first[agent + 1] - first;
        const int number = next_in_sequence(world.state.goal_number[agent], length);
        world.state.goal_number[agent] = number;
        return shared.goal_list[first + number];
    }
    if (c.generator != MapGenerator::pogema) return draw_goal(world, agent);
    NumpyRng& stream = world.state.goal_stream[agent];
    const int map = world.state.map_index[0];
    const int pool = shared.num_maps() > 0 ? shared.goal_begin[map + 1] - shared.goal_begin[map] : 0;
    if (pool > 0)
        return next_pool_goal(stream, world.state.position[agent], world.state.goal_pool.first, pool, c.obs_radius);
    return next_goal<int32_t>(stream, world.state.position[agent], shared.width, listed_components(world));
}

}  // namespace flockstep::pathfinding
