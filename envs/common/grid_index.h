#pragma once

#include <vector>

#include "envs/common/cell_grid.h"
#include "sim/contract/loader.h"
#include "sim/contract/world.h"

/// A spatial index of static things (road segments, walls, trees), for finding those near a place. The host builds it
/// once, with a grid for each map of a pool, as plain arrays shared by all worlds.
///
///   GridIndexBuilder builder(10.0f);
///   for (const Map& map : maps) builder.add_segments(map.begin, map.end);
///   Shared shared{builder.build(loader), ...};  // and in Shared::fields: index.fields(visit)
///   ...
///   const CellWindow window = window_around(world.shared.index.grid[map].cells, position, sight);
///   for_each_in_window(world.shared.index, map, window, [&](int segment) { ... });
namespace flockstep {

/// The grid of one map.
struct IndexedGrid {
    CellGrid cells;
    int32_t first_cell;  // index of its cell 0 in GridIndex::first
};

/// A thing in a cell. The cells of a thing form a rectangle: these columns, from first_row up.
struct GridEntry {
    int32_t item;  // index in the order in which its map's things were added, from 0
    int16_t first_column, last_column, first_row;
    int16_t column;  // of this cell
};

/// Entries are sorted by map, then by cell, then by item: the entries of consecutive cells are contiguous.
struct GridIndex {
    View<IndexedGrid> grid;  // [maps]
    View<int32_t> first;     // [cells of all grids + 1] first entry of each cell
    View<GridEntry> entry;   // [entries]
    /// For Shared::fields.
    template <class V>
    void fields(V& visit) {
        visit("grid", grid), visit("first", first), visit("entry", entry);
    }
};

/// Collects the things of one map after another; host only. Things are points, or axis-aligned rectangles. Throws
/// std::invalid_argument, leaving the builder unchanged, for coordinates beyond 1e30 in magnitude, rectangles with
/// lower > upper, lists of different lengths, and more than 2^31 - 1 entries.
class GridIndexBuilder {
  public:
    /// cell_size > 0: choose half to all of the typical search radius. Grids that would have more than
    /// CellGrid::max_side cells per side get larger cells. A thing takes an entry of 12 bytes in every cell of its
    /// rectangle, a grid 4 bytes per cell. Throws std::invalid_argument for a size that is not positive and finite.
    explicit GridIndexBuilder(float cell_size);

    /// Adds a map whose things are points. Returns the order in which the index stores them: entry k of this map is
    /// point order[k]. Callers that store the points' data in that order can read contiguous runs (for_each_run)
    /// without loading entries.
    std::vector<int> add_points(const std::vector<Vec2>& points);
    /// Adds a map whose things are rectangles [lower, upper]; lists of equal length.
    void add_boxes(const std::vector<Vec2>& lower, const std::vector<Vec2>& upper);
    /// Adds a map whose things are segments, indexed by their bounding rectangles.
    void add_segments(const std::vector<Vec2>& begin, const std::vector<Vec2>& end);

    /// The index of all maps added so far, copied into the loader, which owns its arrays.
    GridIndex build(Loader& loader);

  private:
    float cell_size_;
    std::vector<IndexedGrid> grid_;
    std::vector<int32_t> first_{0};
    std::vector<GridEntry> entry_;
};

/// Calls visit(first, last) with the entries [first, last) of each row of a window. In a map of points, entry e is
/// point e - index.first[grid.first_cell] in the builder's order. By one lane; loads two offsets per row and no
/// entries.
template <class Visit>
SIM_HD void for_each_run(const GridIndex& index, int map, const CellWindow& window, Visit&& visit) {
    const int32_t* first = &index.first[index.grid[map].first_cell];
    for (int row = window.first_row; row <= window.last_row; ++row) {
        const CellRun run = columns_of(window, row);
        const int32_t* of_row = first + row * window.columns;
        if (run.first <= run.last && of_row[run.first] < of_row[run.last + 1])
            visit(of_row[run.first], of_row[run.last + 1]);
    }
}

namespace detail {

/// Whether an entry is the first of its thing in a window: the leftmost of its row, with the thing in no row below.
/// run, run_below: the window's columns in the entry's row and in the one below, empty if there is none.
SIM_HD bool comes_first(const GridEntry& entry, int row, CellRun run, CellRun run_below) {
    if (entry.column > entry.first_column && entry.column > run.first) return false;
    const bool is_below = row > entry.first_row && run_below.first <= run_below.last &&
                          entry.first_column <= run_below.last && entry.last_column >= run_below.first;
    return !is_below;
}

/// Calls each_of(n, f) for the entries of each row, where f(k) calls visit(item) for things not seen in a lower row.
template <class EachOf, class Visit>
SIM_HD void for_each_in_rows(const GridIndex& index, int map, const CellWindow& window, EachOf&& each_of,
                             Visit&& visit) {
    const int32_t* first = &index.first[index.grid[map].first_cell];
    CellRun below{0, -1};
    for (int row = window.first_row; row <= window.last_row; ++row) {
        const CellRun run = columns_of(window, row);
        if (run.first <= run.last) {
            const int32_t* of_row = first + row * window.columns;
            const GridEntry* entries = &index.entry[of_row[run.first]];
            each_of(of_row[run.last + 1] - of_row[run.first], [&](int k) {
                if (comes_first(entries[k], row, run, below)) visit(entries[k].item);
            });
        }
        below = run;
    }
}

}  // namespace detail

/// Calls visit(item) once for each thing of a map with a cell in the window: all things inside, and some outside. By
/// one lane, in an order that depends only on the map and the window. Costs a load of 12 bytes per entry.
template <class Visit>
SIM_HD void for_each_in_window(const GridIndex& index, int map, const CellWindow& window, Visit&& visit) {
    const auto each_of = [](int n, auto&& f) {
        for (int k = 0; k < n; ++k) f(k);
    };
    detail::for_each_in_rows(index, map, window, each_of, visit);
}
/// The same, distributed over the lanes of a group or team, row by row; unordered, and no sync at the end.
template <class Group, class Visit>
SIM_HD void for_each_in_window(Group& group, const GridIndex& index, int map, const CellWindow& window, Visit&& visit) {
    const auto each_of = [&](int n, auto&& f) { group.for_each(n, f); };
    detail::for_each_in_rows(index, map, window, each_of, visit);
}

}  // namespace flockstep
