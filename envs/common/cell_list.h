#pragma once

#include "envs/common/cell_grid.h"
#include "sim/contract/field.h"

/// Lists of the moving things in each cell, rebuilt after they have moved: a counting sort by all lanes of a group,
/// O(things + cells). The lists and the order of visits do not depend on the number of lanes.
///
///   struct Scratch { CellList<> near; ... void fields(...) { near.fields(visit, grid.cells(), num_agents), ...; } };
///   fill_cell_list(group, world.scratch.near, grid.cells(), num_agents,
///                  [&](int i) { return active(world, i) ? grid.cell_of(position(world, i)) : -1; });
///   group.for_each(num_agents, [&](int i) {
///       for_each_in_window(world.scratch.near, window_around(grid, position(world, i), sight), [&](int j) {
///           if (j != i && squared_length(position(world, j) - position(world, i)) <= sight * sight) ...
///       });
///   });
namespace flockstep {

/// The lists of one world, as part of its Scratch (or of its State, as derived fields). Array: Field if it is small
/// enough to be staged, otherwise Bulk. Memory: 4 bytes per cell, 4 per thing, plus 256.
template <template <class> class Array = Field>
struct CellList {
    static constexpr int num_chunks = 64;  /// chunks of cells for the prefix sum
    Array<int32_t> end;    // [cells] end of each cell's things in `item`; they start at the previous cell's end
    Array<int32_t> item;   // [things] by cell, in ascending order within a cell
    Array<int32_t> chunk;  // [num_chunks] number of things in previous chunks

    /// Call from `fields` of the enclosing Scratch or State; the field names are cell_end, cell_item, cell_chunk.
    template <class V>
    SIM_HD void fields(V& visit, int cells, int max_things) {
        visit("cell_end", end, cells), visit("cell_item", item, max_things), visit("cell_chunk", chunk, num_chunks);
    }
    /// Index of a cell's first thing in `item`.
    SIM_HD int begin_of(int cell) const { return cell > 0 ? end[cell - 1] : 0; }
};

namespace detail {

/// Exclusive prefix sum of the counts: chunks in parallel, their sums by one lane.
template <class Group, class List>
SIM_HD void sum_before_cells(Group& group, const List& list, int cells) {
    const int chunks = List::num_chunks, size = (cells + chunks - 1) / chunks;
    const auto for_each_cell = [&](int chunk, auto&& f) {
        for (int cell = chunk * size; cell < cells && cell < (chunk + 1) * size; ++cell) f(list.end[cell]);
    };
    group.for_each(chunks, [&](int chunk) {
        int sum = 0;
        for_each_cell(chunk, [&](int count) { sum += count; });
        list.chunk[chunk] = sum;
    });
    group.sync();
    group.single([&] {
        for (int chunk = 0, before = 0; chunk < chunks; ++chunk) {
            const int sum = list.chunk[chunk];
            list.chunk[chunk] = before, before += sum;
        }
    });
    group.sync();
    group.for_each(chunks, [&](int chunk) {
        int before = list.chunk[chunk];
        for_each_cell(chunk, [&](int32_t& slot) {
            const int count = slot;
            slot = before, before += count;
        });
    });
}

/// Insertion sort of item[begin, end): few items, mostly in order already.
template <class Items>
SIM_HD void sort_items(const Items& item, int begin, int end) {
    for (int i = begin + 1; i < end; ++i) {
        const int moved = item[i];
        int place = i;
        for (; place > begin && item[place - 1] > moved; --place) item[place] = item[place - 1];
        item[place] = moved;
    }
}

}  // namespace detail

/// Fills the lists from cell_of(i) in [0, cells) for things i in [0, n), called twice for each; -1 omits a thing.
/// Collective; sync before the call what cell_of reads; the lists are visible to all lanes when it returns. Seven
/// syncs, and two atomics per thing; sorting a cell of k things takes up to k^2 / 2 moves in the worst case, none with
/// one lane.
template <class Group, class List, class CellOf>
SIM_HD void fill_cell_list(Group& group, const List& list, int cells, int n, CellOf&& cell_of) {
    group.for_each(cells, [&](int cell) { list.end[cell] = 0; });
    group.sync();
    group.for_each(n, [&](int i) {
        if (const int cell = cell_of(i); cell >= 0) group.atomic_add(list.end[cell], 1);
    });
    group.sync();
    detail::sum_before_cells(group, list, cells);
    group.sync();
    group.for_each(n, [&](int i) {  // `end` advances from a cell's begin to its end
        if (const int cell = cell_of(i); cell >= 0) list.item[group.atomic_add(list.end[cell], 1)] = i;
    });
    group.sync();
    group.for_each(cells, [&](int cell) { detail::sort_items(list.item, list.begin_of(cell), list.end[cell]); });
    group.sync();
}

/// Calls visit(i) for the things in cells first..last: by cell, in ascending order within a cell. By one lane: two
/// loads, and one per thing.
template <class List, class Visit>
SIM_HD void for_each_in_cells(const List& list, int first, int last, Visit&& visit) {
    for (int k = list.begin_of(first), end = list.end[last]; k < end; ++k) visit(int(list.item[k]));
}

/// Calls visit(i) for the things in the cells of a window (see cell_grid.h), row by row, by one lane. These are all
/// things in the rectangle or disc, including the one at its center, and some outside.
template <template <class> class Array, class Visit>
SIM_HD void for_each_in_window(const CellList<Array>& list, const CellWindow& window, Visit&& visit) {
    for (int row = window.first_row; row <= window.last_row; ++row) {
        const CellRun run = columns_of(window, row);
        if (run.first <= run.last)
            for_each_in_cells(list, row * window.columns + run.first, row * window.columns + run.last, visit);
    }
}

}  // namespace flockstep
