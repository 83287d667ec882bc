#pragma once

#include "envs/pathfinding/state.h"

/// Cells of one world: obstacles, the bordered grid of bits, and a table from cells to agents.
/// `W` is World<Pathfinding> throughout; cells are row-major indices on a map of shared.width columns.
namespace flockstep::pathfinding {

inline constexpr int no_agent = -1, no_cell = -1;

/// The cell that an action leads to: 0 stays, 1 up, 2 down, 3 left, 4 right.
SIM_HD Cell neighbor(Cell cell, int action) {
    return {int16_t(cell.row + (action == 2) - (action == 1)), int16_t(cell.column + (action == 4) - (action == 3))};
}

/// Bit of a cell in rows of `words` words; `bits` is a Field or a Bulk.
template <class Bits>
SIM_HD bool bit_at(const Bits& bits, int words, int row, int column) {
    return bits[row * words + (column >> 5)] >> (column & 31) & 1;
}
template <class Group, class Bits>
SIM_HD void set_bit(Group& group, const Bits& bits, int words, int row, int column) {
    group.atomic_or(bits[row * words + (column >> 5)], 1u << (column & 31));
}
/// `count` <= 32 bits of a row starting at `column`; bits past the row's last word are 0.
template <class Bits>
SIM_HD uint32_t bits_from(const Bits& bits, int words, int row, int column, int count) {
    const int word = column >> 5, shift = column & 31;
    uint32_t value = bits[row * words + word] >> shift;
    if (shift + count > 32 && word + 1 < words) value |= bits[row * words + word + 1] << (32 - shift);
    return count == 32 ? value : value & ((1u << count) - 1);
}

template <class W>
SIM_HD bool is_wall(const W& world, Cell cell) {
    const int r = world.config.obs_radius;
    return bit_at(world.state.walls, world.shared.grid_words, cell.row + r, cell.column + r);
}
template <class W>
SIM_HD int index_of(const W& world, Cell cell) {
    return cell_index(cell, world.shared.width);
}
template <class W>
SIM_HD bool is_on_map(const W& world, Cell cell) {
    const Cell size = world.state.map_size[0];
    return cell.row >= 0 && cell.column >= 0 && cell.row < size.row && cell.column < size.column;
}
template <class W>
SIM_HD bool is_present(const W& world, int agent) {
    if (agent >= world.state.num_present[0]) return false;
    return world.config.on_target != OnTarget::finish || !world.state.finished[agent];
}

/// A table from cells to agents in scratch memory, filled by all lanes concurrently: an entry per cell if the map is
/// small relative to the number of agents, otherwise open addressing. The slot of a hashed entry depends on scheduling;
/// lookups do not.
template <class Group, class W>
struct CellTable {
    Group& group;
    W& world;
    bool is_direct;
    int mask;

    SIM_HD CellTable(Group& group, W& world)
        : group(group),
          world(world),
          is_direct(PathfindingScratch::has_direct_table(world.shared)),
          mask(PathfindingScratch::table_size(world.shared) - 1) {}

    /// Removes all entries; new ones start with `occupant`.
    SIM_HD void clear(int occupant = no_agent) {
        group.for_each(mask + 1, [&](int i) { world.scratch.occupant[i] = occupant; });
        if (!is_direct) group.for_each(mask + 1, [&](int i) { world.scratch.key[i] = no_cell; });
    }
    /// The entry of a cell, inserted if there is none.
    SIM_HD int insert(int cell) {
        if (is_direct) return cell;
        for (int slot = first_slot(cell);; slot = (slot + 1) & mask) {
            const int old = group.atomic_exchange_if(world.scratch.key[slot], no_cell, cell);
            if (old == no_cell || old == cell) return slot;
        }
    }
    /// The entry of a cell, or -1.
    SIM_HD int find(int cell) const {
        if (is_direct) return cell;
        for (int slot = first_slot(cell);; slot = (slot + 1) & mask) {
            const int key = world.scratch.key[slot];
            if (key == cell) return slot;
            if (key == no_cell) return -1;
        }
    }
    SIM_HD int occupant(int cell) const {
        const int slot = find(cell);
        return slot < 0 ? no_agent : world.scratch.occupant[slot];
    }
    /// Enters all present agents at their cells. Contains a sync before and after.
    SIM_HD void enter_agents() {
        clear();
        group.sync();
        group.for_each(world.shared.num_agents, [&](int agent) {
            if (!is_present(world, agent)) return;
            world.scratch.occupant[insert(index_of(world, world.state.position[agent]))] = agent;
        });
        group.sync();
    }

  private:
    SIM_HD int first_slot(int cell) const {
        const uint32_t hash = uint32_t(cell) * 2654435761u;
        return int((hash ^ hash >> 15) & uint32_t(mask));
    }
};

/// Builds the bordered grid of a map of `size` cells: its obstacles, the wall around it, and free cells beyond.
/// is_obstacle(cell) is called for the map's own cells.
template <class Group, class W, class IsObstacle>
SIM_HD void build_walls(Group& group, W& world, Cell size, IsObstacle is_obstacle) {
    const int words = world.shared.grid_words, r = world.config.obs_radius;
    group.for_each(world.shared.grid_rows * words, [&](int i) {
        const int row = i / words - r, first = i % words * 32 - r;
        uint32_t bits = 0;
        for (int k = 0; k < 32; ++k) {
            const int column = first + k;
            const bool beyond = row < -1 || row > size.row || column < -1 || column > size.column;
            if (beyond) continue;
            const bool on_wall = row == -1 || row == size.row || column == -1 || column == size.column;
            if (on_wall || is_obstacle(Cell{int16_t(row), int16_t(column)})) bits |= 1u << k;
        }
        world.state.walls[i] = bits;
    });
    group.single([&] { world.state.map_size[0] = size; });
    group.sync();
}

/// Whether a cell of the frame (shared.height x shared.width) is free; cells outside a smaller map are not.
template <class W>
SIM_HD bool is_free(const W& world, int cell) {
    const Cell c = cell_at(cell, world.shared.width);
    return is_on_map(world, c) && !is_wall(world, c);
}

}  // namespace flockstep::pathfinding
