#pragma once

#include <vector>

#include "envs/common/cell_grid.h"
#include "sim/contract/loader.h"
#include "sim/contract/world.h"

/// An index of things that never move (road segments, walls, trees): which of them lie near a place. The host builds it
/// once, with a grid for each map of a pool, into plain arrays that all worlds share.
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
    int32_t first_cell;  // place of its cell 0 in GridIndex::first
};

/// A thing in a cell. The cells of a thing are a rectangle: these columns, from first_row up.
struct GridEntry {
    int32_t item;  // number in the order in which its map's things were added, from 0
    int16_t first_column, last_column, first_row;
    int16_t column;  // of this cell
};

/// Entries are sorted by map, then by cell, then by item: the entries of a run of cells follow each other.
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

/// Collects the things of one map after the other; host. Things are points, or rectangles with sides along x and y.
/// Coordinates that are not within 1e30 of 0, a rectangle whose lower ones are not the lower, lists of different
/// lengths, and more than 2^31 - 1 entries throw std::invalid_argument; the builder is then as before.
class GridIndexBuilder {
  public:
    /// cell_size > 0: a half to a whole of the usual radius of a search. Grids that would have more than
    /// CellGrid::max_side cells a side get larger cells. A thing has an entry of 12 bytes in every cell of its
    /// rectangle, a grid 4 bytes for each of its cells. Throws std::invalid_argument for a size that is not > 0 or not
    /// finite.
    explicit GridIndexBuilder(float cell_size);

    /// The next map's things are points. Gives the order in which the index holds them: entry k of this map is point
    /// order[k]. Who keeps the points' data in that order can read runs of it (for_each_run) and do without entries.
    std::vector<int> add_points(const std::vector<Vec2>& points);
    /// The next map's things are rectangles [lower, upper]; equally long.
    void add_boxes(const std::vector<Vec2>& lower, const std::vector<Vec2>& upper);
    /// The next map's things are segments, by the rectangles around them.
    void add_segments(const std::vector<Vec2>& begin, const std::vector<Vec2>& end);

    /// The index of all maps so far, copied into the loader; its arrays live as long as the loader keeps them.
    GridIndex build(Loader& loader);

  private:
    float cell_size_;
    std::vector<IndexedGrid> grid_;
    std::vector<int32_t> first_{0};
    std::vector<GridEntry> entry_;
};

/// visit(first, last): the entries of each row of a window, as a range without its end. In a map of points, entry e is
/// point number e - index.first[grid.first_cell] of the builder's order. By one lane; reads two offsets a row and no
/// entry.
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

/// Whether an entry is the first of its thing in a window: the leftmost of its row, and no row below shows the thing.
/// run, run_below: the window's columns in the entry's row and in the one below, empty where there is none.
SIM_HD bool comes_first(const GridEntry& entry, int row, CellRun run, CellRun run_below) {
    if (entry.column > entry.first_column && entry.column > run.first) return false;
    const bool is_below = row > entry.first_row && run_below.first <= run_below.last &&
                          entry.first_column <= run_below.last && entry.last_column >= run_below.first;
    return !is_below;
}

/// each_of(n, f) for the entries of each row, where f(k) calls visit(item) for things that no row below has shown.
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

/// visit(item) once for each thing of a map that has a cell in the window: all that lie in it, and some beside it. By
/// one lane, in an order that depends on the map and the window alone. Costs a read of 12 bytes per entry.
template <class Visit>
SIM_HD void for_each_in_window(const GridIndex& index, int map, const CellWindow& window, Visit&& visit) {
    const auto each_of = [](int n, auto&& f) {
        for (int k = 0; k < n; ++k) f(k);
    };
    detail::for_each_in_rows(index, map, window, each_of, visit);
}
/// The same spread over the lanes of a group or team, a row after the other; no order, and no sync at the end.
template <class Group, class Visit>
SIM_HD void for_each_in_window(Group& group, const GridIndex& index, int map, const CellWindow& window, Visit&& visit) {
    const auto each_of = [&](int n, auto&& f) { group.for_each(n, f); };
    detail::for_each_in_rows(index, map, window, each_of, visit);
}

}  // namespace flockstep
