#pragma once

#include "envs/pathfinding/grid.h"

/// POGEMA's three collision systems, parallelized. Source: POGEMA 2.0, envs and grid; see each function.
namespace flockstep::pathfinding {

/// Writes the cells that agents want to enter to scratch.target_cell; no_cell for those that stay or face an obstacle.
/// move(agent): the agent's action.
template <class Group, class W, class Move>
SIM_HD void find_target_cells(Group& group, W& world, Move move) {
    group.for_each(world.shared.num_agents, [&](int agent) {
        const int choice = move(agent);
        const Cell to = neighbor(world.state.position[agent], choice);
        const bool stays = choice == 0 || !is_present(world, agent) || is_wall(world, to);
        world.scratch.target_cell[agent] = stays ? no_cell : index_of(world, to);
    });
}

/// Whether an agent at `cell` may compete for its target cell; `occupant` is the agent there.
///   priority    agents move one after another: the cell is empty, or its occupant moves earlier
///   block_both  the cell is empty
///   soft        the occupant does not want to swap places
template <class W>
SIM_HD bool may_compete(const W& world, int agent, int cell, int occupant) {
    if (occupant == no_agent) return true;
    if (world.config.collision_system == CollisionSystem::priority) return occupant < agent;
    if (world.config.collision_system == CollisionSystem::block_both) return false;
    return world.scratch.target_cell[occupant] != cell;
}

/// Whether an agent wins its target cell, before it is known whether the occupant leaves: the lowest index wins; under
/// block_both an agent with a rival never wins. Rivals are in the cells next to the target. Past the map's edge, the
/// index is that of a cell in another row, but agents there do not have this target.
template <class Group, class W>
SIM_HD bool wins_cell(const CellTable<Group, W>& table, const W& world, int agent) {
    const int target = world.scratch.target_cell[agent];
    if (target == no_cell) return false;
    const int occupant = table.occupant(target);
    if (!may_compete(world, agent, index_of(world, world.state.position[agent]), occupant)) return false;
    const int width = world.shared.width, cells = world.shared.cells();
    const bool refuses_rivals = world.config.collision_system == CollisionSystem::block_both;
    const auto loses_to = [&](int cell) {
        if (cell < 0 || cell >= cells) return false;
        const int rival = table.occupant(cell);
        if (rival == no_agent || rival == agent || world.scratch.target_cell[rival] != target) return false;
        return (refuses_rivals || rival < agent) && may_compete(world, rival, cell, occupant);
    };
    return !(loses_to(target - width) || loses_to(target + width) || loses_to(target - 1) || loses_to(target + 1));
}

/// Whether an agent can actually move: the winner of an occupied cell enters it if the occupant moves too. Following
/// the chain of occupants ends at an empty cell, at an agent that stays, or (soft) back at this agent: a cycle rotates.
/// A cell has one winner, so the chain cannot enter a cycle that does not contain this agent.
template <class Group, class W>
SIM_HD bool can_move(const CellTable<Group, W>& table, const W& world, int agent) {
    for (int walker = agent;;) {
        if (!world.scratch.wins_conflict[walker]) return false;
        walker = table.occupant(world.scratch.target_cell[walker]);
        if (walker == no_agent || walker == agent) return true;
    }
}

/// Determines which agents move, into scratch.moved; does not change positions.
template <class Group, class W, class Move>
SIM_HD void resolve_moves(Group& group, W& world, Move move) {
    const int n = world.shared.num_agents;
    CellTable<Group, W> table(group, world);
    find_target_cells(group, world, move);
    table.enter_agents();
    group.for_each(n, [&](int agent) { world.scratch.wins_conflict[agent] = wins_cell(table, world, agent); });
    group.sync();
    group.for_each(n, [&](int agent) { world.scratch.moved[agent] = can_move(table, world, agent); });
}

template <class W>
SIM_HD void mark_legacy_occupancy(W& world, Cell cell, bool occupied) {
    const int r = world.config.obs_radius, column = cell.column + r;
    uint32_t& word = world.state.occupancy[(cell.row + r) * world.shared.grid_words + (column >> 5)];
    const uint32_t bit = 1u << (column & 31);
    word = occupied ? word | bit : word & ~bit;
}
/// The agents window of POGEMA up to 2.0 under soft: each agent in turn clears its old cell and marks its new one, so a
/// follower's mark is erased by a leader of higher index. `before` is the agent's previous cell.
template <class W>
SIM_HD void update_legacy_occupancy(W& world, int agent, Cell before) {
    mark_legacy_occupancy(world, before, false);
    mark_legacy_occupancy(world, world.state.position[agent], true);
}

}  // namespace flockstep::pathfinding
