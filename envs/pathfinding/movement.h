#pragma once

#include "envs/pathfinding/grid.h"

/// POGEMA's three collision systems, in a parallel form. Source: POGEMA 2.0, envs and grid; see each function.
namespace flockstep::pathfinding {

/// Cells that agents want to enter, into scratch.want; nowhere for those that stay or face an obstacle.
template <class Group, class W>
SIM_HD void find_wants(Group& group, W& world, const Actions& action) {
    group.for_each(world.config.num_agents, [&](int agent) {
        const Cell to = neighbour(world.state.position[agent], action[agent]);
        const bool stays = action[agent] == 0 || !is_present(world, agent) || is_wall(world, to);
        world.scratch.want[agent] = stays ? nowhere : index_of(world, to);
    });
}

/// Whether an agent may compete for the cell it wants at all.
///   priority    agents move one after the other: the cell is empty, or its occupant has moved before
///   block_both  the cell is empty
///   soft        the occupant does not want to swap places
template <class Group, class W>
SIM_HD bool may_compete(const CellTable<Group, W>& table, const W& world, int agent) {
    const int want = world.scratch.want[agent];
    if (want == nowhere) return false;
    const int other = table.occupant(want);
    if (other == nobody) return true;
    if (world.config.collision_system == CollisionSystem::priority) return other < agent;
    if (world.config.collision_system == CollisionSystem::block_both) return false;
    return world.scratch.want[other] != index_of(world, world.state.position[agent]);
}

/// Whether an agent that competes really moves. Lowest index wins a cell; an occupied one is entered if its occupant
/// moves too. Walking from occupant to occupant ends at an empty cell, at somebody who stays, or (soft) back here: a
/// cycle rotates. A cell has one winner, so the walk cannot enter a cycle that it did not start in.
template <class W>
SIM_HD bool moves_on(const W& world, int agent) {
    const PathfindingScratch& scratch = world.scratch;
    if (world.config.collision_system == CollisionSystem::block_both)
        return scratch.moves[agent] && scratch.winner[scratch.want[agent]] == 1;
    for (int walker = agent;;) {
        if (!scratch.moves[walker]) return false;
        const int slot = scratch.want[walker];
        if (scratch.winner[slot] != walker) return false;
        walker = scratch.occupant[slot];
        if (walker == nobody || walker == agent) return true;
    }
}

/// Finds out who moves, into scratch.succeeds; positions stay as they are. `want` of competing agents becomes the entry
/// of their cell in the table.
template <class Group, class W>
SIM_HD void resolve_moves(Group& group, W& world) {
    const int n = world.config.num_agents;
    const bool counts = world.config.collision_system == CollisionSystem::block_both;
    CellTable<Group, W> table(group, world);
    table.enter_agents(counts ? 0 : INT32_MAX);
    group.for_each(n, [&](int agent) { world.scratch.moves[agent] = may_compete(table, world, agent); });
    group.sync();
    group.for_each(n, [&](int agent) {
        if (!world.scratch.moves[agent]) return;
        const int slot = table.insert(world.scratch.want[agent]);
        world.scratch.want[agent] = slot;
        if (counts)
            group.atomic_add(world.scratch.winner[slot], 1);
        else
            group.atomic_min(world.scratch.winner[slot], agent);
    });
    group.sync();
    group.for_each(n, [&](int agent) { world.scratch.succeeds[agent] = moves_on(world, agent); });
    group.sync();
}

template <class W>
SIM_HD void mark_legacy_occupancy(W& world, Cell cell, bool occupied) {
    const int r = world.config.obs_radius, column = cell.column + r;
    uint32_t& word = world.state.occupancy[(cell.row + r) * world.config.grid_words() + (column >> 5)];
    const uint32_t bit = 1u << (column & 31);
    word = occupied ? word | bit : word & ~bit;
}
/// The agents window of POGEMA up to 2.0 under soft: each agent in turn clears its old cell and marks its new one, so a
/// follower's mark is erased by a leader of higher index. `before` is where the agent stood.
template <class W>
SIM_HD void update_legacy_occupancy(W& world, int agent, Cell before) {
    mark_legacy_occupancy(world, before, false);
    mark_legacy_occupancy(world, world.state.position[agent], true);
}

}  // namespace flockstep::pathfinding
