#pragma once

#include "envs/pathfinding/components.h"
#include "sim/contract/permutation.h"

/// A new episode's map, starts and goals: drawn on the device, copied from the pool, or rebuilt from POGEMA's seeds.
namespace flockstep::pathfinding {

/// Random streams of a reset: for the world, for each agent (one draw per round of place_without_conflicts), and for
/// each row of the map (one draw per two cells). Agents from index 524,288 up would share draws with rows of a random
/// map; assertions reject them.
inline constexpr Items world_item{0, 1}, agent_items{0, 1 << 19}, row_items{1 << 19, 4096};
inline constexpr int max_rounds = 48;
inline constexpr RandomStream<"map_size", Purpose::reset, Draws{0, 2}, world_item> drawn_size{};  // rows, columns
inline constexpr RandomStream<"density", Purpose::reset, Draws{2, 1}, world_item> drawn_density{};
inline constexpr RandomStream<"num_present", Purpose::reset, Draws{3, 1}, world_item> drawn_num_present{};
inline constexpr RandomStream<"map_index", Purpose::reset, Draws{4, 1}, world_item> drawn_map{};
inline constexpr RandomStream<"start", Purpose::reset, Draws{16, max_rounds + 1}, agent_items> drawn_start{};
inline constexpr RandomStream<"goal", Purpose::reset, Draws{8192, max_rounds + 1}, agent_items> drawn_goal{};
inline constexpr RandomStream<"obstacles", Purpose::reset, Draws{0, 2048}, row_items> drawn_obstacles{};

/// Random obstacles; each cell uses its own 16 random bits.
template <class Group, class W>
SIM_HD void draw_random_map(Group& group, W& world) {
    const PathfindingConfig& c = world.config;
    const auto& rng = world.rng;
    Cell size{int16_t(world.shared.height), int16_t(world.shared.width)};
    if (c.min_size > 0) {
        const auto side = [&](int max_side, int draw) {
            const int min_side = c.min_size < max_side ? c.min_size : max_side;
            return int16_t(min_side + rng.below(drawn_size, 0, drawn_size.at(draw), max_side - min_side + 1));
        };
        size = {side(world.shared.height, 0), side(world.shared.width, 1)};
    }
    float density = float(c.density);
    if (c.min_density >= 0.0) density = rng.uniform(drawn_density, 0, 0, float(c.min_density), float(c.density));
    const uint32_t threshold = uint32_t(density * 65536.0f);
    build_walls(group, world, size, [&](Cell cell) {
        const uint32_t half = uint32_t(cell.column) % 2 * 16;
        const auto draw = drawn_obstacles.at(int(uint32_t(cell.column) / 2));
        return (rng.bits(drawn_obstacles, cell.row, draw) >> half & 65535u) < threshold;
    });
}

/// Map `index` of the pool.
template <class Group, class W>
SIM_HD void copy_pool_map(Group& group, W& world, int index) {
    const PathfindingShared& shared = world.shared;
    const Cell size = shared.map_size[index];
    const uint32_t* rows = &shared.map_rows[shared.map_start[index]];
    const int words = (size.column + 31) / 32;
    build_walls(group, world, size,
                [&](Cell cell) { return bool(rows[cell.row * words + (cell.column >> 5)] >> (cell.column & 31) & 1); });
}

/// Gives every present agent a distinct cell: draw(agent, round) proposes one, is_eligible(cell, agent) checks it,
/// take(agent, cell) stores it. All agents propose in parallel, and the lowest index wins a cell, round by round; an
/// agent without a cell after `max_rounds` takes the next free eligible cell after its last draw. There must be enough
/// eligible cells. Taken cells are marked in scratch.agent_bits.
template <class Group, class W, class Draw, class Eligible, class Take>
SIM_HD void place_without_conflicts(Group& group, W& world, Draw draw, Eligible is_eligible, Take take) {
    const int n = world.state.num_present[0], words = world.shared.grid_words, cells = world.shared.cells();
    CellTable<Group, W> table(group, world);  // of the proposed cells
    const auto is_taken = [&](int cell) {
        const Cell c = cell_at(cell, world.shared.width);
        return bit_at(world.scratch.agent_bits, words, c.row, c.column);
    };
    const auto assign = [&](int agent, int cell) {
        const Cell c = cell_at(cell, world.shared.width);
        set_bit(group, world.scratch.agent_bits, words, c.row, c.column);
        take(agent, c);
        world.scratch.wins_conflict[agent] = 1;
    };
    group.for_each(world.shared.grid_rows * words, [&](int i) { world.scratch.agent_bits[i] = 0; });
    group.for_each(n, [&](int agent) { world.scratch.wins_conflict[agent] = 0; });
    group.sync();
    for (int round = 0; round < max_rounds; ++round) {
        if (!group.any(n, [&](int agent) { return !world.scratch.wins_conflict[agent]; })) return;
        table.clear(INT32_MAX);
        group.sync();
        group.for_each(n, [&](int agent) {
            const int cell = world.scratch.wins_conflict[agent] ? no_cell : draw(agent, round);
            const bool competes = cell != no_cell && is_eligible(cell, agent) && !is_taken(cell);
            world.scratch.target_cell[agent] = competes ? cell : no_cell;
            if (competes) group.atomic_min(world.scratch.occupant[table.insert(cell)], agent);
        });
        group.sync();
        group.for_each(n, [&](int agent) {
            const int cell = world.scratch.target_cell[agent];
            if (cell != no_cell && table.occupant(cell) == agent) assign(agent, cell);
        });
        group.sync();
    }
    group.single([&] {
        for (int agent = 0; agent < n; ++agent) {
            if (world.scratch.wins_conflict[agent]) continue;
            int cell = draw(agent, max_rounds);
            for (int tried = 0; tried < cells && (!is_eligible(cell, agent) || is_taken(cell)); ++tried)
                cell = cell + 1 < cells ? cell + 1 : 0;
            assign(agent, cell);
        }
    });
    group.sync();
}

/// Sets how many agents this world has: all, or a number drawn from min_agents to num_agents. `cells` of its region
/// bound it by max_agent_share, `room` in any case.
template <class Group, class W>
SIM_HD void choose_num_present(Group& group, W& world, int cells, int room) {
    const PathfindingConfig& c = world.config;
    int count = world.shared.num_agents;
    if (c.max_agent_share < 1.0) {
        const int most = int(c.max_agent_share * cells);
        count = most < 1 ? 1 : most < count ? most : count;
    }
    if (c.min_agents > 0 && c.min_agents < count)
        count = c.min_agents + world.rng.below(drawn_num_present, 0, 0, count - c.min_agents + 1);
    group.single([&] { world.state.num_present[0] = count < room ? count : room; });
    group.sync();
}

/// The number of cells of a component, as returned by largest_component.
template <class W>
SIM_HD int size_of_component(const W& world, int component) {
    return component < 0 ? 0 : world.state.component_size[component];
}

/// Starts and goals within the largest component: starts are distinct, goals are distinct and differ from their agent's
/// start.
template <class Group, class W>
SIM_HD void place_in_largest_component(Group& group, W& world) {
    const int cells = world.shared.cells(), main = largest_component(group, world);
    const int room = size_of_component(world, main);
    choose_num_present(group, world, room, room < 2 ? 0 : room);
    const auto draw_from = [&](auto stream) {
        return [&, stream](int agent, int round) { return world.rng.below(stream, agent, stream.at(round), cells); };
    };
    place_without_conflicts(
        group, world, draw_from(drawn_start), [&](int cell, int) { return world.state.component[cell] == main; },
        [&](int agent, Cell cell) { world.state.position[agent] = cell; });
    place_without_conflicts(
        group, world, draw_from(drawn_goal),
        [&](int cell, int agent) {
            return world.state.component[cell] == main && cell != index_of(world, world.state.position[agent]);
        },
        [&](int agent, Cell cell) { world.state.goal[agent] = cell; });
}

/// Starts and goals from the map's two pools, independently: the first cells of each pool in a random order.
template <class Group, class W>
SIM_HD void place_in_pools(Group& group, W& world, int map) {
    const PathfindingShared& shared = world.shared;
    const int starts = shared.start_begin[map + 1] - shared.start_begin[map],
              goals = shared.goal_begin[map + 1] - shared.goal_begin[map];
    choose_num_present(group, world, size_of_component(world, largest_component(group, world)),
                       starts < goals ? starts : goals);
    const auto shuffled = [&](const View<Cell>& pool, const View<int32_t>& begin, auto stream) {
        const int first = begin[map], count = begin[map + 1] - first;
        const Permutation order(uint64_t(count), world.rng.bits4(stream, 0, 0));
        return [=](int agent) { return pool[first + int(order(uint64_t(agent)))]; };
    };
    const auto start = shuffled(shared.start_pool, shared.start_begin, drawn_start);
    const auto goal = shuffled(shared.goal_pool, shared.goal_begin, drawn_goal);
    group.for_each(world.state.num_present[0], [&](int agent) {
        world.state.position[agent] = start(agent), world.state.goal[agent] = goal(agent);
    });
    group.sync();
}

/// Clears drawn obstacles at predefined starts and goals, as POGEMA does.
template <class Group, class W>
SIM_HD void free_given_cells(Group& group, W& world) {
    const int words = world.shared.grid_words, r = world.config.obs_radius;
    group.single([&] {
        const auto free = [&](Cell cell) {
            world.state.walls[(cell.row + r) * words + ((cell.column + r) >> 5)] &= ~(1u << ((cell.column + r) & 31));
        };
        for (int i = 0; i < int(world.shared.start.size()); ++i) free(world.shared.start[i]);
        for (int i = 0; i < int(world.shared.goal_list.size()); ++i) free(world.shared.goal_list[i]);
    });
    group.sync();
}

/// Uses the predefined starts and goals.
template <class Group, class W>
SIM_HD void place_as_given(Group& group, W& world) {
    choose_num_present(group, world, INT32_MAX, INT32_MAX);
    group.for_each(world.shared.num_agents, [&](int agent) {
        world.state.position[agent] = world.shared.start[agent];
        world.state.goal[agent] = world.shared.goal_list[world.shared.goal_first[agent]];
        world.state.goal_number[agent] = 0;
    });
    group.sync();
}

/// The seed of a world's POGEMA instance: worlds on the same map use consecutive seeds from the batch's seed, and every
/// later episode of a world adds 2^20.
template <class W>
SIM_HD uint64_t instance_seed(const W& world) {
    const uint32_t maps = world.shared.num_maps() > 0 ? uint32_t(world.shared.num_maps()) : 1;
    return world.rng.seed + world.rng.env / maps + (uint64_t{world.rng.episode} << 20);
}

/// POGEMA's random obstacles; the next function adds its noise beyond the wall, if the outside is not empty.
template <class Group, class W>
SIM_HD void draw_pogema_map(Group& group, W& world) {
    const PathfindingShared& shared = world.shared;
    int32_t* obstacle = world.state.order.first;
    group.single([&] {
        draw_obstacles(instance_seed(world), shared.law, shared.cells(),
                       [&](int cell, bool is) { obstacle[cell] = is; });
    });
    group.sync();
    build_walls(group, world, Cell{int16_t(shared.height), int16_t(shared.width)},
                [&](Cell cell) { return obstacle[index_of(world, cell)] != 0; });
}
template <class Group, class W>
SIM_HD void draw_pogema_noise(Group& group, W& world, const NumpyBernoulli& law) {
    const int r = world.config.obs_radius, words = world.shared.grid_words;
    const Cell size = world.state.map_size[0];
    group.single([&] {
        NumpyRng rng = numpy_rng(instance_seed(world));
        for (int row = 0; row < size.row + 2 * r; ++row) {
            for (int column = 0; column < size.column + 2 * r; ++column) {
                const bool is_noise = next_bernoulli(rng, law);
                const bool beyond = row < r - 1 || row > size.row + r || column < r - 1 || column > size.column + r;
                if (beyond && is_noise) world.state.walls[row * words + (column >> 5)] |= 1u << (column & 31);
            }
        }
    });
    group.sync();
}

/// Rebuilds POGEMA's instance of (map, seed) on one lane. Cells of a map that is smaller than the frame are numbered
/// within the frame, which preserves their order.
template <class Group, class W>
SIM_HD void place_as_pogema(Group& group, W& world, int map) {
    const PathfindingConfig& c = world.config;
    const PathfindingShared& shared = world.shared;
    const PathfindingState& state = world.state;
    const uint64_t seed = instance_seed(world);
    const int cells = shared.cells();
    const bool has_pools = shared.num_maps() > 0 && shared.start_begin[map + 1] > shared.start_begin[map];
    group.single([&] {
        int placed = shared.num_agents;
        if (has_pools) {
            const int starts = shared.start_begin[map + 1] - shared.start_begin[map],
                      goals = shared.goal_begin[map + 1] - shared.goal_begin[map];
            for (int i = 0; i < starts; ++i) state.start_pool[i] = shared.start_pool[shared.start_begin[map] + i];
            for (int i = 0; i < goals; ++i) state.goal_pool[i] = shared.goal_pool[shared.goal_begin[map] + i];
            shuffle_pools(seed, state.start_pool.first, starts, state.goal_pool.first, goals);
            for (int agent = 0; agent < shared.num_agents; ++agent)
                state.start[agent] = state.start_pool[agent], state.first_goal[agent] = state.goal_pool[agent];
        } else {
            int32_t* order = state.order.first;
            placed = place_agents<int32_t>(seed, shared.num_agents, cells, shared.width, listed_components(world),
                                           {order, order + cells, order + 2 * cells + 1}, state.start.first,
                                           state.first_goal.first);
        }
        state.num_present[0] = placed;
        if (c.is_lifelong()) start_goal_streams(seed, shared.num_agents, state.goal_stream.first);
    });
    group.sync();
    group.for_each(shared.num_agents, [&](int agent) {
        state.position[agent] = state.start[agent], state.goal[agent] = state.first_goal[agent];
    });
    group.sync();
}

/// Everything that a reset draws or copies.
template <class Group, class W>
SIM_HD void spawn(Group& group, W& world) {
    const PathfindingConfig& c = world.config;
    const PathfindingShared& shared = world.shared;
    const int maps = shared.num_maps();
    int map = 0;
    if (maps > 0)
        map = c.generator == MapGenerator::pogema ? int(world.rng.env % uint32_t(maps))
                                                  : world.rng.below(drawn_map, 0, 0, maps);
    group.single([&] { world.state.map_index[0] = map; });
    if (maps > 0)
        copy_pool_map(group, world, map);
    else if (c.generator == MapGenerator::pogema)
        draw_pogema_map(group, world);
    else
        draw_random_map(group, world);
    if (!c.empty_outside && c.generator == MapGenerator::pogema)
        draw_pogema_noise(group, world, maps > 0 ? shared.map_law[map] : shared.law);
    if (shared.start.size() > 0) free_given_cells(group, world);
    find_components_of(group, world);
    if (shared.start.size() > 0)
        place_as_given(group, world);
    else if (c.generator == MapGenerator::pogema)
        place_as_pogema(group, world, map);
    else if (maps > 0 && shared.start_begin[map + 1] > shared.start_begin[map])
        place_in_pools(group, world, map);
    else
        place_in_largest_component(group, world);
    group.for_each(shared.num_agents, [&](int agent) {
        if (agent >= world.state.num_present[0]) world.state.position[agent] = world.state.goal[agent] = Cell{0, 0};
        world.state.start[agent] = world.state.position[agent];
        world.state.first_goal[agent] = world.state.goal[agent];
    });
    group.sync();
}

}  // namespace flockstep::pathfinding
