#pragma once

#include "envs/pathfinding/settings.h"

namespace flockstep {

/// The state of a pathfinding world.
struct PathfindingState {
    using Config = PathfindingConfig;
    Field<Cell> position, goal;     // [num_agents]
    Field<uint8_t> finished;        // [num_agents], finish: 1 after arrival
    Field<int32_t> solved_at;       // [num_agents], nothing: step of the arrival after which it stayed, or -1
    Field<int32_t> num_present;     // agents of this world; the others are padding
    Field<int32_t> arrivals;        // in this episode so far
    Field<int32_t> arrival_steps;   // sum over arrivals of step + 1
    Field<Cell> map_size;           // height, width
    Bulk<uint32_t> walls;           // [grid_rows, grid_words] bits of the bordered grid, 1 = obstacle
    Bulk<uint32_t> occupancy;       // the same, soft_occupancy legacy: content of the agents window
    Bulk<Cell> start, first_goal;   // [num_agents] at the start of the episode
    Bulk<int32_t> last_on_goal;     // [num_agents] step at which the agent was last on a goal; pibt's priority
    Bulk<int32_t> goal_number;      // [num_agents] index in the agent's predefined sequence
    Bulk<NumpyRng> goal_stream;     // [num_agents] pogema, restart: generators of later goals
    Bulk<Cell> goal_pool;           // pogema: the goal pool as shuffled by the reset
    Bulk<Cell> start_pool;          // pogema: working memory of that reset
    Bulk<int32_t> map_index;        // in the pool
    Bulk<int32_t> component;        // [cells] derived: the component's first cell (pogema: its number); -1 obstacle
    Bulk<int32_t> component_size;   // [cells] derived: number of cells of the component that starts here
    Bulk<int32_t> component_begin;  // derived, pogema: see Components
    Bulk<int32_t> component_cells;
    Bulk<int32_t> order;           // derived, pogema: [cells] the order in which cells were tried, and working memory
    Bulk<int32_t> num_components;  // derived, pogema
    Bulk<uint16_t> distance;       // [num_agents, cells] derived: steps to the goal, 65535 unreachable
    Bulk<uint8_t> distance_u8;     // the same, saturated at 254; 255 unreachable; if costs are observed

    template <class V>
    SIM_HD void fields(const Config& c, const PathfindingShared& shared, V& visit) {
        const int n = shared.num_agents;
        const bool pogema = c.generator == MapGenerator::pogema, lifelong = c.is_lifelong();
        const bool legacy = c.has_legacy_occupancy();
        const int side = (shared.height > shared.width ? shared.height : shared.width), limit = c.max_episode_steps;
        visit("position", position, n).between(0, side - 1);
        visit("goal", goal, n).between(0, side - 1);
        visit("finished", finished, c.on_target == OnTarget::finish ? n : 0).between(0, 1);
        visit("solved_at", solved_at, c.on_target == OnTarget::nothing ? n : 0).between(-1, limit);
        visit("num_present", num_present, 1).between(0, n);
        visit("arrivals", arrivals, 1).between(0, double(n) * limit);
        visit("arrival_steps", arrival_steps, 1).between(0, double(n) * limit * limit);
        visit("map_size", map_size, 1).between(1, side);
        visit("walls", walls, shared.grid_rows, shared.grid_words);
        visit("occupancy", occupancy, legacy ? shared.grid_rows : 0, shared.grid_words);
        visit("start", start, n).between(0, side - 1);
        visit("first_goal", first_goal, n).between(0, side - 1);
        visit("last_on_goal", last_on_goal, shared.needs_distances ? n : 0).between(0, limit);
        visit("goal_number", goal_number, shared.goal_list.size() > 0 ? n : 0).between(0, 1e9);
        visit("goal_stream", goal_stream, pogema && lifelong ? n : 0);
        visit("goal_pool", goal_pool, pogema && shared.goal_pool.size() > 0 ? shared.cells() : 0).between(0, side - 1);
        visit("start_pool", start_pool, pogema && shared.start_pool.size() > 0 ? shared.cells() : 0)
            .between(0, side - 1);
        visit("map_index", map_index, 1).between(0, shared.num_maps() > 0 ? shared.num_maps() - 1 : 0);
        visit.derived("component", component, shared.cells());
        visit.derived("component_size", component_size, pogema ? 0 : shared.cells());
        visit.derived("component_begin", component_begin, pogema ? shared.cells() / 2 + 2 : 0);
        visit.derived("component_cells", component_cells, pogema ? shared.cells() : 0);
        visit.derived("order", order, pogema ? 3 * shared.cells() + 3 : 0);
        visit.derived("num_components", num_components, int(pogema));
        visit.derived("distance", distance, shared.needs_distances ? n : 0, shared.height, shared.width);
        visit.derived("distance_u8", distance_u8, shared.shows_cost ? n : 0, shared.height, shared.width);
    }
};

/// Working memory of one call.
struct PathfindingScratch {
    using Config = PathfindingConfig;
    static constexpr int max_teams = 8;
    Field<int32_t> key, occupant;  // hash table of cells: see CellTable
    Field<int32_t> by_cell;      // reset: component labels of small maps; pibt: the agent that reserved an entry's cell
    Field<int32_t> target_cell;  // [num_agents] cell, or -1: stays
    Field<uint8_t> wins_conflict, moved;      // [num_agents]
    Field<int32_t> renewed, num_renewed;      // agents with a new goal
    Field<uint32_t> walls, agent_bits;        // [grid_rows, grid_words] obstacles and agents of the bordered grid
    Field<uint32_t> frontier;                 // [teams, 3, height, map_words]
    Field<uint32_t> open;                     // [height, map_words] free cells
    Field<int32_t> rank, next_step, untried;  // [num_agents] pibt
    Field<uint8_t> bits;                      // [num_agents] intent
    Field<float> own_reward;                  // [num_agents] before it is shared

    /// An entry per cell is cheaper than hashing if agents are dense; pibt also looks up their neighbor cells.
    SIM_HD static bool has_direct_table(const PathfindingShared& shared) {
        const int cells = shared.cells();
        return cells <= 4096 && cells <= shared.num_agents * (shared.needs_distances ? 64 : 24);
    }
    /// Number of table entries: a hash table is at most half full.
    SIM_HD static int table_size(const PathfindingShared& shared) {
        if (has_direct_table(shared)) return shared.cells();
        const int needed = shared.num_agents * (shared.needs_distances ? 12 : 4);
        int size = 64;
        while (size < needed) size *= 2;
        return size;
    }
    SIM_HD static int num_teams(const PathfindingShared& shared) {
        const int bytes = 3 * shared.height * shared.map_words() * 4, fitting = 16384 / bytes;
        const int warps = shared.num_agents <= 32 ? 1 : shared.num_agents <= 128 ? 4 : max_teams;  // of a group
        return fitting < 1 ? 1 : fitting < warps ? fitting : warps;
    }
    SIM_HD static bool copies_walls(const PathfindingShared& shared) {
        return shared.grid_rows * shared.grid_words <= 4096;
    }
    /// With few agents, labels would be most of a world's shared memory and reduce occupancy.
    SIM_HD static bool labels_here(const PathfindingShared& shared) {
        return shared.cells() <= 2048 && shared.cells() <= 32 * shared.num_agents;
    }

    template <class V>
    SIM_HD void fields(const Config& c, const PathfindingShared& shared, V& visit) {
        const int n = shared.num_agents, table = table_size(shared),
                  grid = copies_walls(shared) ? shared.grid_rows * shared.grid_words : 0;
        const int map = shared.height * shared.map_words(), planned = shared.needs_distances ? n : 0;
        visit("key", key, has_direct_table(shared) ? 0 : table);
        visit("occupant", occupant, table);
        const int labels = labels_here(shared) ? shared.cells() : 0, reserved = shared.needs_distances ? table : 0;
        visit("by_cell", by_cell, labels > reserved ? labels : reserved);
        visit("target_cell", target_cell, n);
        visit("wins_conflict", wins_conflict, n);
        visit("moved", moved, n);
        visit("renewed", renewed, n);
        visit("num_renewed", num_renewed, 1);
        visit("walls", walls, grid);
        visit("agent_bits", agent_bits, shared.grid_rows * shared.grid_words);
        visit("frontier", frontier, shared.needs_distances ? num_teams(shared) * 3 * map : 0);
        visit("open", open, shared.needs_distances ? map : 0);
        visit("rank", rank, planned);
        visit("next_step", next_step, planned);
        visit("untried", untried, planned);
        visit("bits", bits, planned);
        visit("own_reward", own_reward, c.shared_reward > 0.0f ? n : 0);
    }
};

}  // namespace flockstep
