#pragma once

#include <cstdint>

#include "envs/common/numpy_random.h"
#include "envs/pathfinding/cell.h"
#include "sim/contract/hd.h"

/// POGEMA's instances from their seeds, bit for bit: obstacles, starts, goals and the later goals of lifelong episodes.
/// Source: POGEMA 2.0 (generator, grid and envs) and 1.4, recorded; both draw from `numpy.random.default_rng`.
///
/// Everything runs on one lane, host or device, on the caller's arrays. `Index` is the caller's integer type for cell
/// indices: uint16_t for maps of at most 65,535 cells, int32_t for any. No function allocates or throws.
namespace flockstep {

/// Marks "no component" and "no agent".
template <class Index>
constexpr Index no_index = static_cast<Index>(-1);

/// Draws obstacles: calls set(cell index, is obstacle) for every cell of a map of num_cells, row-major, from a fresh
/// generator. `law` is numpy_bernoulli(density). Density 0 draws no random numbers.
template <class Set>
SIM_HD void draw_obstacles(uint64_t seed, const NumpyBernoulli& law, int num_cells, Set set) {
    NumpyRng rng = numpy_rng(seed);
    for (int cell = 0; cell < num_cells; ++cell) set(cell, next_bernoulli(rng, law));
}

/// The 4-connected components of a map's free cells, numbered by their first cell in row-major order.
/// A map that many worlds share needs this once; all three arrays are read-only afterwards.
template <class Index>
struct Components {
    Index* label;  // [num_cells]: component of a cell, no_index for obstacles
    Index* begin;  // [max_components(num_cells) + 1]: component k holds cells[begin[k]] .. cells[begin[k + 1] - 1]
    Index* cells;  // [num_cells]: free cells by component, row-major within each
    int count;     // number of components
    int num_free;  // number of free cells

    SIM_HD int size(int component) const { return int(begin[component + 1]) - int(begin[component]); }
};

/// Maximum number of components of num_cells cells: a checkerboard's.
SIM_HD int max_components(int num_cells) { return (num_cells + 1) / 2; }

namespace instance_detail {

/// The root of a cell in a union-find forest whose parents have lower indices; halves the path on the way.
template <class Index>
SIM_HD Index find_root(Index* parent, Index cell) {
    while (parent[cell] != cell) {
        parent[cell] = parent[parent[cell]];
        cell = parent[cell];
    }
    return cell;
}

template <class Index>
SIM_HD void unite(Index* parent, Index a, Index b) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a < b) parent[b] = a;
    if (b < a) parent[a] = b;
}

/// Links every free cell to a lower one of its component, or to itself: roots are the first cells in row-major order.
template <class Index, class IsObstacle>
SIM_HD void link_cells(Index* parent, int height, int width, IsObstacle is_obstacle) {
    for (int row = 0, cell = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column, ++cell) {
            parent[cell] = is_obstacle(cell) ? no_index<Index> : static_cast<Index>(cell);
            if (parent[cell] == no_index<Index>) continue;
            const int left = cell - 1, up = cell - width;
            if (column > 0 && parent[left] != no_index<Index>) unite(parent, Index(left), Index(cell));
            if (row > 0 && parent[up] != no_index<Index>) unite(parent, Index(up), Index(cell));
        }
    }
}

/// Turns parents into component numbers, in place: a cell's parent has a lower index, so it is numbered before it.
template <class Index>
SIM_HD int number_components(Index* label, int num_cells) {
    int count = 0;
    for (int cell = 0; cell < num_cells; ++cell) {
        if (label[cell] == no_index<Index>) continue;
        label[cell] = label[cell] == Index(cell) ? Index(count++) : label[label[cell]];
    }
    return count;
}

}  // namespace instance_detail

/// Fills `components`, whose three arrays belong to the caller. is_obstacle(cell index) is called once per cell.
template <class Index, class IsObstacle>
SIM_HD void find_components(int height, int width, IsObstacle is_obstacle, Components<Index>& components) {
    const int num_cells = height * width;
    Index *label = components.label, *begin = components.begin;
    instance_detail::link_cells(label, height, width, is_obstacle);
    const int count = instance_detail::number_components(label, num_cells);
    // Counting sort by component. begin[k + 1] is first the size of component k, then its next free slot, then its end.
    for (int k = 0; k <= count; ++k) begin[k] = 0;
    for (int cell = 0; cell < num_cells; ++cell) {
        if (label[cell] != no_index<Index>) ++begin[label[cell] + 1];
    }
    Index total = 0;
    for (int k = 1; k <= count; ++k) {
        const Index size = begin[k];
        begin[k] = total;
        total = static_cast<Index>(total + size);
    }
    for (int cell = 0; cell < num_cells; ++cell) {
        if (label[cell] != no_index<Index>) components.cells[begin[label[cell] + 1]++] = static_cast<Index>(cell);
    }
    components.count = count;
    components.num_free = int(total);
}

/// Working memory of place_agents; may be reused afterwards.
template <class Index>
struct PlacementScratch {
    Index* order;    // [num_cells]: free cells in the order in which they are tried
    Index* room;     // [max_components]: cells of a component not yet reserved for a start or its goal
    Index* waiting;  // [max_components]: the agent of a component that has a start but no goal yet
};

/// Draws starts and goals of num_agents agents from a fresh generator; start and goal of an agent lie in one component,
/// and no cell is used twice. The first n agents of an instance are the instance of n agents. Returns how many agents
/// were placed: fewer than num_agents means that the map is too small (POGEMA then raises ValueError, OverflowError in
/// 1.4), and start and goal beyond that number are unspecified. start, goal: [num_agents].
template <class Index>
SIM_HD int place_agents(uint64_t seed, int num_agents, int num_cells, int width, const Components<Index>& components,
                        PlacementScratch<Index> scratch, Cell* start, Cell* goal) {
    const Index* label = components.label;
    Index *order = scratch.order, *room = scratch.room, *waiting = scratch.waiting;
    int num_free = 0;
    for (int cell = 0; cell < num_cells; ++cell) {
        if (label[cell] != no_index<Index>) order[num_free++] = static_cast<Index>(cell);
    }
    NumpyRng rng = numpy_rng(seed);
    numpy_shuffle(rng, num_free, [&](uint32_t i, uint32_t j) {
        const Index cell = order[i];
        order[i] = order[j];
        order[j] = cell;
    });
    for (int k = 0; k < components.count; ++k) {
        room[k] = static_cast<Index>(components.size(k));
        waiting[k] = no_index<Index>;
    }
    // POGEMA keeps a stack of waiting starts per component; it never holds more than one.
    int num_starts = 0, num_goals = 0;
    for (int i = 0; i < num_free && num_goals < num_agents; ++i) {
        const Index component = label[order[i]];
        if (waiting[component] != no_index<Index>) {
            goal[waiting[component]] = cell_at(order[i], width);
            waiting[component] = no_index<Index>;
            ++num_goals;
        } else if (num_starts < num_agents && room[component] >= 2) {
            start[num_starts] = cell_at(order[i], width);
            room[component] = static_cast<Index>(room[component] - 2);
            waiting[component] = static_cast<Index>(num_starts++);
        }
    }
    return num_goals;
}

/// Shuffles the pools of a map in place, as a reset does: agent i then starts at starts[i] with goal goals[i]. POGEMA
/// shuffles the lists left by the previous reset of the same object; its benchmark uses a fresh copy of the map's lists
/// for every reset.
SIM_HD void shuffle_pools(uint64_t seed, Cell* starts, int num_starts, Cell* goals, int num_goals) {
    NumpyRng rng = numpy_rng(seed);
    const auto shuffle = [&rng](Cell* list, int count) {
        numpy_shuffle(rng, count, [list](uint32_t i, uint32_t j) {
            const Cell cell = list[i];
            list[i] = list[j];
            list[j] = cell;
        });
    };
    shuffle(starts, num_starts);
    shuffle(goals, num_goals);
}

/// The generators of lifelong goals, one for each agent: streams[agent], independent of time and of the other agents.
SIM_HD void start_goal_streams(uint64_t seed, int num_agents, NumpyRng* streams) {
    NumpyRng rng = numpy_rng(seed);
    for (int agent = 0; agent < num_agents; ++agent) streams[agent] = numpy_rng(next_bounded(rng, 2147483646u));
}

/// The next goal of an agent at `current`: any other cell of its component, or `current` itself if there is no other
/// (where POGEMA would loop forever).
template <class Index>
SIM_HD Cell next_goal(NumpyRng& stream, Cell current, int width, const Components<Index>& components) {
    const Index here = static_cast<Index>(cell_index(current, width));
    const Index component = components.label[here];
    const Index* cells = components.cells + components.begin[component];
    const int size = components.size(component);
    if (size <= 1) return current;
    Index drawn = here;
    while (drawn == here) drawn = cells[next_bounded(stream, size - 1)];
    return cell_at(drawn, width);
}

/// The next goal from a goal pool in the order of shuffle_pools. POGEMA intends to redraw if the goal is the current
/// cell, but compares it with the current cell shifted by its border of obs_radius: so a goal may repeat, and which
/// draws are rejected depends on obs_radius. A pool of one returns that cell.
SIM_HD Cell next_pool_goal(NumpyRng& stream, Cell current, const Cell* pool, int pool_size, int obs_radius) {
    const Cell rejected{static_cast<int16_t>(current.row + obs_radius),
                        static_cast<int16_t>(current.column + obs_radius)};
    if (pool_size == 1) return pool[0];
    Cell drawn = rejected;
    while (drawn == rejected) drawn = pool[next_bounded(stream, pool_size - 1)];
    return drawn;
}

/// Index of the next goal in an explicit sequence, which wraps around; the first goal is number 0.
SIM_HD int next_in_sequence(int position, int length) { return position + 1 < length ? position + 1 : 0; }

}  // namespace flockstep
