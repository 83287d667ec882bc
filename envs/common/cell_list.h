#pragma once

#include "envs/common/cell_grid.h"
#include "sim/contract/field.h"

/// Which of the things that move are in which cell, rebuilt when they have moved: a counting sort by all lanes of a
/// group, O(things + cells). Neither the lists nor the order of a visit depend on the number of lanes.
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

/// The lists of one world, as part of its Scratch (or of its State, as derived fields). Array: Field where it is small
/// enough to be staged, else Bulk. Memory: 4 bytes per cell, 4 per thing, 256 more.
template <template <class> class Array = Field>
struct CellList {
    static constexpr int num_chunks = 64;  /// parts in which counts are added up
    Array<int32_t> end;    // [cells] end of each cell's things in `item`; it begins where the cell before ends
    Array<int32_t> item;   // [things] by cell, within a cell in rising order
    Array<int32_t> chunk;  // [num_chunks] of cells: how many things are in those before

    /// For `fields` of the Scratch or State that it is part of; the fields' names are cell_end, cell_item, cell_chunk.
    template <class V>
    SIM_HD void fields(V& visit, int cells, int max_things) {
        visit("cell_end", end, cells), visit("cell_item", item, max_things), visit("cell_chunk", chunk, num_chunks);
    }
    /// First of a cell's things in `item`.
    SIM_HD int begin_of(int cell) const { return cell > 0 ? end[cell - 1] : 0; }
};

namespace detail {

/// Turns counts into the number of things in the cells before: chunks by many lanes, their sums by one.
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

/// Sorts item[begin, end) by insertion; they are few, and mostly in order already.
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

/// Fills the lists from cell_of(i) in [0, cells) for things i in [0, n), called twice for each; -1 leaves a thing out.
/// Together; what cell_of reads must be written before (group.sync), and the lists are ready for all lanes when it
/// returns. Seven syncs and two atomics per thing; a cell of k things costs up to k^2 / 2 moves where lanes came in the
/// worst order, none by one lane.
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
    group.for_each(n, [&](int i) {  // `end` walks from a cell's begin to its end
        if (const int cell = cell_of(i); cell >= 0) list.item[group.atomic_add(list.end[cell], 1)] = i;
    });
    group.sync();
    group.for_each(cells, [&](int cell) { detail::sort_items(list.item, list.begin_of(cell), list.end[cell]); });
    group.sync();
}

/// visit(i) for the things in cells first..last, one after the other: by cell, within a cell in rising order. By one
/// lane: two reads, and one per thing.
template <class List, class Visit>
SIM_HD void for_each_in_cells(const List& list, int first, int last, Visit&& visit) {
    for (int k = list.begin_of(first), end = list.end[last]; k < end; ++k) visit(int(list.item[k]));
}

/// visit(i) for the things in the cells of a window (see cell_grid.h), row after row, by one lane. These are all things
/// in the rectangle or disc, the one at its centre included, and some beside it.
template <template <class> class Array, class Visit>
SIM_HD void for_each_in_window(const CellList<Array>& list, const CellWindow& window, Visit&& visit) {
    for (int row = window.first_row; row <= window.last_row; ++row) {
        const CellRun run = columns_of(window, row);
        if (run.first <= run.last)
            for_each_in_cells(list, row * window.columns + run.first, row * window.columns + run.last, visit);
    }
}

}  // namespace flockstep
