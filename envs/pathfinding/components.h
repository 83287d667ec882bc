#pragma once

#include "envs/pathfinding/grid.h"
#include "envs/pathfinding/instance.h"

/// Connected components of the free cells, by all lanes. A component's name is its first cell in row-major order.
namespace flockstep::pathfinding {

/// Sets label[cell] to the smallest cell index of its component, -1 for obstacles. Lanes lower labels until nothing
/// changes: each cell takes its neighbours' smallest label and hands it to the cell that its own label names; then
/// labels jump to their label's label. The fixed point does not depend on the order.
template <class Group, class W, class Labels>
SIM_HD void label_components(Group& group, W& world, const Labels& label) {
    const int cells = world.config.cells(), width = world.config.width, height = world.config.height;
    group.for_each(cells, [&](int cell) { label[cell] = is_free(world, cell) ? cell : -1; });
    group.sync();
    bool goes_on = true;
    while (goes_on) {
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
        goes_on = changed > 0;
        group.sync();
    }
}

/// POGEMA's own lists of cells by component, where its goal streams index them.
template <class W>
SIM_HD Components<int32_t> listed_components(const W& world) {
    return {world.state.component.first, world.state.component_begin.first, world.state.component_cells.first,
            world.state.num_components[0], 0};
}

/// Rebuilds `component` and what goes with it.
template <class Group, class W>
SIM_HD void find_components_of(Group& group, W& world) {
    const int cells = world.config.cells();
    if (world.config.generator == MapGenerator::pogema) {
        group.single([&] {
            Components<int32_t> components = listed_components(world);
            find_components<int32_t>(
                world.config.height, world.config.width, [&](int cell) { return !is_free(world, cell); }, components);
            world.state.num_components[0] = components.count;
        });
        group.sync();
        return;
    }
    if (PathfindingScratch::labels_here(world.config)) {
        label_components(group, world, world.scratch.by_cell);
        group.for_each(cells, [&](int cell) { world.state.component[cell] = world.scratch.by_cell[cell]; });
    } else {
        label_components(group, world, world.state.component);
    }
    group.for_each(cells, [&](int cell) { world.state.component_size[cell] = 0; });
    group.sync();
    group.for_each(cells, [&](int cell) {
        if (world.state.component[cell] >= 0)
            group.atomic_add(world.state.component_size[world.state.component[cell]], 1);
    });
    group.sync();
}

/// The largest component, the first of equals; -1 on a map without free cells.
template <class Group, class W>
SIM_HD int largest_component(Group& group, W& world) {
    const int cells = world.config.cells();
    const int best = -group.min(cells, [&](int cell) { return -world.state.component_size[cell]; });
    if (best <= 0) return -1;
    return group.min(cells, [&](int cell) { return world.state.component_size[cell] == best ? cell : INT32_MAX; });
}

}  // namespace flockstep::pathfinding
