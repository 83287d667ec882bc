#include <string>
#include <vector>

#include "envs/pathfinding/pathfinding.h"

/// Checks of a pathfinding world by set_fields, restore and --resume, beyond the limits of each field.
namespace flockstep {

namespace {
using namespace pathfinding;
using PathfindingWorld = World<Pathfinding>;

std::string cell_text(Cell cell) { return "[" + std::to_string(cell.row) + ", " + std::to_string(cell.column) + "]"; }
std::string refusal(const std::string& what, const std::string& got, const std::string& want) {
    return what + ": got " + got + ", want " + want;
}

/// A pool map must have the pool's size and obstacles; a drawn map must fit the frame and be surrounded by walls, so
/// that no agent can leave it.
std::string map_error(const PathfindingWorld& world) {
    const PathfindingShared& shared = world.shared;
    const Cell size = world.state.map_size[0];
    const int map = world.state.map_index[0];
    if (shared.num_maps() > 0 && size != shared.map_size[map])
        return refusal("map_size", cell_text(size),
                       cell_text(shared.map_size[map]) + " of map_index " + std::to_string(map));
    const Cell frame{int16_t(world.shared.height), int16_t(world.shared.width)};
    if (size.row > frame.row || size.column > frame.column)
        return refusal("map_size", cell_text(size), "at most " + cell_text(frame));
    const int words = (size.column + 31) / 32;
    for (int row = -1; row <= size.row; ++row)
        for (int column = -1; column <= size.column; ++column) {
            const Cell cell{int16_t(row), int16_t(column)};
            bool want = !is_on_map(world, cell);
            if (!want && shared.num_maps() == 0) continue;
            if (!want) want = shared.map_rows[shared.map_start[map] + row * words + column / 32] >> (column % 32) & 1;
            if (is_wall(world, cell) != want)
                return refusal("walls", (want ? "no obstacle at " : "an obstacle at ") + cell_text(cell),
                               want ? "one there" : "none there");
        }
    return "";
}

/// The cell must be a free cell of the map.
std::string cell_error(const PathfindingWorld& world, const std::string& what, Cell cell) {
    if (is_on_map(world, cell) && !is_wall(world, cell)) return "";
    return refusal(what, cell_text(cell), "a free cell of the map");
}

/// Padding must be within the frame too: windows are read around every agent.
std::string agents_error(const PathfindingWorld& world) {
    const PathfindingShared& shared = world.shared;
    for (int agent = world.state.num_present[0]; agent < shared.num_agents; ++agent)
        if (const Cell cell = world.state.position[agent]; cell.row >= shared.height || cell.column >= shared.width)
            return refusal("position of agent " + std::to_string(agent), cell_text(cell), "a cell of the map's frame");
    std::vector<uint8_t> is_taken(size_t(shared.cells()), 0);
    for (int agent = 0; agent < world.state.num_present[0]; ++agent) {
        const std::string of_agent = " of agent " + std::to_string(agent);
        const Cell cell = world.state.position[agent];
        std::string error = cell_error(world, "position" + of_agent, cell);
        if (error.empty()) error = cell_error(world, "goal" + of_agent, world.state.goal[agent]);
        if (!error.empty()) return error;
        if (!is_present(world, agent)) continue;
        uint8_t& taken = is_taken[size_t(index_of(world, cell))];
        if (taken) return refusal("position" + of_agent, cell_text(cell), "a cell where no other agent stands");
        taken = 1;
    }
    return "";
}

/// Checks what later goals are drawn from.
std::string goals_error(const PathfindingWorld& world) {
    const PathfindingConfig& c = world.config;
    const PathfindingShared& shared = world.shared;
    const int map = world.state.map_index[0];
    for (int agent = 0; agent < shared.num_agents && shared.goal_list.size() > 0; ++agent) {
        const int goals = shared.goal_first[agent + 1] - shared.goal_first[agent];
        if (world.state.goal_number[agent] >= goals)
            return refusal("goal_number of agent " + std::to_string(agent),
                           std::to_string(world.state.goal_number[agent]),
                           "an integer from 0 to " + std::to_string(goals - 1));
    }
    if (c.generator != MapGenerator::pogema) return "";
    for (int agent = 0; agent < world.state.num_present[0] && c.is_lifelong(); ++agent)
        if (world.state.goal_stream[agent].increment_low % 2 == 0)
            return refusal("goal_stream of agent " + std::to_string(agent), "an even increment", "an odd one");
    const int pool = shared.num_maps() > 0 ? shared.goal_begin[map + 1] - shared.goal_begin[map] : 0;
    for (int i = 0; i < pool; ++i)
        if (const std::string error = cell_error(world, "goal_pool", world.state.goal_pool[i]); !error.empty())
            return error;
    return "";
}
}  // namespace

std::string Pathfinding::state_error(const World<Pathfinding>& world) {
    for (const auto& judge : {map_error, agents_error, goals_error})
        if (const std::string error = judge(world); !error.empty()) return error;
    return "";
}

}  // namespace flockstep
