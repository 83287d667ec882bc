#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Connected components of the free cells of a grid, with 4-connectivity, by all lanes of a group. A component's label
/// is its first cell in row-major order, so results do not depend on the lanes. Cells are numbered row by row.
///
///   label_components(group, width, height, [&](int cell) { return !wall[cell]; }, world.scratch.label);
///   count_components(group, width * height, world.scratch.label, world.scratch.size);
///   const int main = largest_component(group, width * height, world.scratch.size);
namespace flockstep {

/// Sets label[cell] to the smallest cell index of its component, -1 where is_free(cell) is false; label: int32, [height
/// * width]. Label propagation with pointer jumping until nothing changes: each cell takes its neighbors' smallest
/// label and passes it to the cell that its own label points to; then labels jump to their root. The number of rounds
/// is about the logarithm of the longest path, each with a few loads per cell, a group.count and two syncs. Collective;
/// sync before the call what is_free reads. Ends with a sync.
template <class Group, class IsFree, class Labels>
SIM_HD void label_components(Group& group, int width, int height, IsFree&& is_free, const Labels& label) {
    const int cells = width * height;
    group.for_each(cells, [&](int cell) { label[cell] = is_free(cell) ? cell : -1; });
    group.sync();
    bool continues = true;
    while (continues) {
        const int changed = group.count(cells, [&](int cell) {
            const int own = label[cell];
            if (own < 0) return 0;
            int lowest = own;
            const auto look = [&](int other) {
                if (label[other] >= 0 && label[other] < lowest) lowest = label[other];
            };
            const int row = cell / width, column = cell - row * width;
            if (row > 0) look(cell - width);
            if (row + 1 < height) look(cell + width);
            if (column > 0) look(cell - 1);
            if (column + 1 < width) look(cell + 1);
            if (lowest == own) return 0;
            group.atomic_min(label[own], lowest);
            group.atomic_min(label[cell], lowest);
            return 1;
        });
        group.sync();
        group.for_each(cells, [&](int cell) {
            if (label[cell] < 0) return;
            int root = label[cell];
            while (label[root] != root) root = label[root];
            group.atomic_min(label[cell], root);
        });
        continues = changed > 0;
        group.sync();
    }
}

/// Sets size[cell] to the number of cells with label `cell`, 0 for cells that are not a label; label, size: int32,
/// [cells]. One atomic per free cell. Collective; two syncs, the last at the end.
template <class Group, class Labels, class Sizes>
SIM_HD void count_components(Group& group, int cells, const Labels& label, const Sizes& size) {
    group.for_each(cells, [&](int cell) { size[cell] = 0; });
    group.sync();
    group.for_each(cells, [&](int cell) {
        if (label[cell] >= 0) group.atomic_add(size[label[cell]], 1);
    });
    group.sync();
}

/// The label of the largest component, the first among equals; -1 if no cell is free. Collective: two group.min.
template <class Group, class Sizes>
SIM_HD int largest_component(Group& group, int cells, const Sizes& size) {
    const int best = -group.min(cells, [&](int cell) { return -size[cell]; });
    if (best <= 0) return -1;
    return group.min(cells, [&](int cell) { return size[cell] == best ? cell : INT32_MAX; });
}

}  // namespace flockstep
