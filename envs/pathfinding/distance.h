#pragma once

#include "envs/common/byte_run.h"
#include "envs/pathfinding/grid.h"

/// Distance fields: steps from every cell to an agent's goal on the map without agents, by breadth-first search over
/// bitmap rows. One field takes 2 bytes per cell; a wave costs a few instructions per 32 cells. If costs are observed,
/// an additional uint8 field halves the memory traffic of reading windows.
namespace flockstep::pathfinding {

inline constexpr uint16_t unreachable = 65535;
inline constexpr uint8_t near_unreachable = 255, saturated = 254;

template <class W>
SIM_HD uint16_t* distance_field(const W& world, int agent) {
    return &world.state.distance[int64_t(agent) * world.shared.cells()];
}
template <class W>
SIM_HD uint8_t* near_field(const W& world, int agent) {
    return &world.state.distance_u8[int64_t(agent) * world.shared.cells()];
}
/// Steps from a cell to the agent's goal; unreachable for obstacles and cells beyond the map.
template <class W>
SIM_HD int distance_at(const W& world, int agent, Cell cell) {
    return is_on_map(world, cell) ? distance_field(world, agent)[index_of(world, cell)] : unreachable;
}
/// The same for the uint8 field.
template <class W>
SIM_HD int near_distance_at(const W& world, int agent, Cell cell) {
    return is_on_map(world, cell) ? near_field(world, agent)[index_of(world, cell)] : near_unreachable;
}

/// Writes rows of free cells, without the border, to scratch.open.
template <class Group, class W>
SIM_HD void find_open_cells(Group& group, W& world) {
    const int words = world.shared.map_words(), grid = world.shared.grid_words, r = world.config.obs_radius;
    const Cell size = world.state.map_size[0];
    group.for_each(world.shared.height * words, [&](int i) {
        const int row = i / words, first = i % words * 32, here = size.column - first;
        if (row >= size.row || here <= 0) {
            world.scratch.open[i] = 0;
            return;
        }
        const uint32_t walls = bits_from(world.state.walls, grid, row + r, first + r, 32);
        world.scratch.open[i] = ~walls & (here >= 32 ? ~0u : (1u << here) - 1);
    });
    group.sync();
}

/// One search by a team whose lanes exchange words by shuffles; each lane holds a row of at most 32 cells.
template <class Team, class W>
SIM_HD void search_by_rows(Team& team, W& world, int agent) {
    const int row = team.lane(), width = world.shared.width;
    const Cell goal = world.state.goal[agent];
    uint16_t* field = distance_field(world, agent) + row * width;
    const auto write = [&](uint32_t cells, uint16_t distance) {
        SIM_NO_UNROLL
        for (; cells; cells &= cells - 1) field[__builtin_ffs(int(cells)) - 1] = distance;
    };
    const bool has_row = row < world.shared.height;
    const uint32_t open = has_row ? world.scratch.open[row] : 0;
    uint32_t frontier = row == goal.row ? 1u << goal.column : 0, visited = 0;
    for (int wave = 0; team.any_sync(frontier != 0); ++wave) {
        write(frontier, uint16_t(wave));
        visited |= frontier;
        const uint32_t next = frontier << 1 | frontier >> 1 | team.shfl_up(frontier) | team.shfl_down(frontier);
        frontier = next & open & ~visited;
    }
    if (has_row) write(~visited & ~0u >> (32 - width), unreachable);
}

/// One search by one team; `team_index` selects its working memory.
template <class Team, class W>
SIM_HD void search_from_goal(Team& team, int team_index, W& world, int agent) {
    const int words = world.shared.map_words(), width = world.shared.width, total = world.shared.height * words;
    if constexpr (Team::has_shuffle)
        if (words == 1 && total <= team.lanes()) return search_by_rows(team, world, agent);
    const auto plane = [&](int k, int i) -> uint32_t& {
        return world.scratch.frontier[(team_index * 3 + k) * total + i];
    };
    uint16_t* field = distance_field(world, agent);
    const Cell goal = world.state.goal[agent];
    const int goal_word = goal.row * words + (goal.column >> 5);
    team.for_each(world.shared.cells(), [&](int cell) { field[cell] = unreachable; });
    team.for_each(total, [&](int i) {
        const uint32_t bit = i == goal_word ? 1u << (goal.column & 31) : 0;
        plane(0, i) = bit, plane(2, i) = bit;
    });
    team.sync();
    team.single([&] { field[index_of(world, goal)] = 0; });
    for (int wave = 1;; ++wave) {
        const int from = (wave - 1) & 1, to = wave & 1;  // planes 0 and 1 are frontiers, plane 2 is the visited set
        const bool continues = team.count(total, [&](int i) {
            const int map_row = words == 1 ? i : i / words, word = i - map_row * words;
            const uint32_t own = plane(from, i);
            uint32_t next = own << 1 | own >> 1;
            if (word > 0) next |= plane(from, i - 1) >> 31;
            if (word + 1 < words) next |= plane(from, i + 1) << 31;
            if (i >= words) next |= plane(from, i - words);
            if (i + words < total) next |= plane(from, i + words);
            next &= world.scratch.open[i] & ~plane(2, i);
            plane(to, i) = next;
            plane(2, i) |= next;
            uint16_t* row = field + map_row * width + word * 32;
            for (uint32_t left = next; left; left &= left - 1) row[__builtin_ffs(int(left)) - 1] = uint16_t(wave);
            return next != 0;
        }) > 0;
        team.sync();
        if (!continues) return;
    }
}

/// Builds the agent's uint8 field.
template <class Team, class W>
SIM_HD void quantize_distances(Team& team, W& world, int agent) {
    const int cells = world.shared.cells();
    const uint16_t* field = distance_field(world, agent);
    uint8_t* near = near_field(world, agent);
    const auto quantized = [](uint32_t pair) {
        constexpr uint32_t last_reachable = (unreachable - 1) * 65537u;
        return min_halves(pair, both_halves(saturated)) + (max_halves(pair, last_reachable) - last_reachable);
    };
    const int quads = cells % 4 == 0 ? cells / 4 : 0;
    team.for_each(quads, [&](int i) {
        const uint32_t* four = reinterpret_cast<const uint32_t*>(field) + 2 * i;
        reinterpret_cast<uint32_t*>(near)[i] = low_bytes(quantized(four[0]), quantized(four[1]));
    });
    team.for_each(cells - 4 * quads, [&](int i) { near[i] = uint8_t(quantized(field[i])); });
}

/// Computes the fields of agents agent_of(i), i < count. Requires scratch.open. Contains syncs.
template <class Group, class W, class AgentOf>
SIM_HD void compute_distances(Group& group, W& world, int count, AgentOf agent_of) {
    group.for_each_team(count, PathfindingScratch::num_teams(world.shared), [&](auto& team, int team_index, int i) {
        search_from_goal(team, team_index, world, agent_of(i));
        if (!world.shared.shows_cost) return;
        team.sync();
        quantize_distances(team, world, agent_of(i));
    });
}

/// Which of the four neighbor cells are closer to the agent's goal than its own: bit 0 up, 1 down, 2 left, 3 right.
template <class W>
SIM_HD uint8_t nearer_cells(const W& world, int agent) {
    const Cell here = world.state.position[agent];
    const auto nearer_than = [&](int own, auto&& distance) {
        uint8_t bits = 0;
        for (int action = 1; action <= 4; ++action)
            if (distance(neighbor(here, action)) < own) bits |= uint8_t(1 << (action - 1));
        return bits;
    };
    if (world.shared.shows_cost) {
        const int own = near_distance_at(world, agent, here);
        if (own < saturated) return nearer_than(own, [&](Cell to) { return near_distance_at(world, agent, to); });
    }
    return nearer_than(distance_at(world, agent, here), [&](Cell to) { return distance_at(world, agent, to); });
}

}  // namespace flockstep::pathfinding
