#pragma once

#include "envs/common/components.h"
#include "envs/pathfinding/grid.h"
#include "envs/pathfinding/instance.h"

/// Labels each free cell with its component: the component's first cell, or POGEMA's numbering.
namespace flockstep::pathfinding {

/// POGEMA's lists of cells by component, which its goal streams index.
template <class W>
SIM_HD Components<int32_t> listed_components(const W& world) {
    return {world.state.component.first, world.state.component_begin.first, world.state.component_cells.first,
            world.state.num_components[0], 0};
}

/// Rebuilds `component` and the fields derived from it.
template <class Group, class W>
SIM_HD void find_components_of(Group& group, W& world) {
    const int cells = world.shared.cells(), width = world.shared.width, height = world.shared.height;
    if (world.config.generator == MapGenerator::pogema) {
        group.single([&] {
            Components<int32_t> components = listed_components(world);
            find_components<int32_t>(
                height, width, [&](int cell) { return !is_free(world, cell); }, components);
            world.state.num_components[0] = components.count;
        });
        group.sync();
        return;
    }
    const auto free = [&](int cell) { return is_free(world, cell); };
    if (PathfindingScratch::labels_here(world.shared)) {
        label_components(group, width, height, free, world.scratch.by_cell);
        group.for_each(cells, [&](int cell) { world.state.component[cell] = world.scratch.by_cell[cell]; });
    } else {
        label_components(group, width, height, free, world.state.component);
    }
    count_components(group, cells, world.state.component, world.state.component_size);
}

/// The largest component, the first among equals; -1 on a map without free cells.
template <class Group, class W>
SIM_HD int largest_component(Group& group, W& world) {
    return flockstep::largest_component(group, world.shared.cells(), world.state.component_size);
}

}  // namespace flockstep::pathfinding
