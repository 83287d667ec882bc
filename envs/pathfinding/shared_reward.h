#pragma once

#include "envs/pathfinding/grid.h"

namespace flockstep::pathfinding {

/// Mixes each present agent's reward with the mean of those of the other present agents nearby, so that stepping aside
/// for one of them pays.
template <class Group, class W, class Outcome>
SIM_HD void share_rewards(Group& group, W& world, const Outcome& outcome) {
    const PathfindingConfig& c = world.config;
    const int n = world.shared.num_agents, r = c.shared_reward_radius, width = world.shared.width;
    group.sync();
    group.for_each(n, [&](int agent) { world.scratch.own_reward[agent] = outcome.reward(agent); });
    CellTable<Group, W> table(group, world);
    table.enter_agents();
    const Cell size = world.state.map_size[0];
    const auto within = [](int cell, int side) { return cell < 0 ? 0 : cell < side ? cell : side; };
    group.for_each(n, [&](int agent) {
        if (!is_present(world, agent)) return;
        const Cell here = world.state.position[agent];
        const int bottom = within(here.row + r + 1, size.row), right = within(here.column + r + 1, size.column);
        float sum = 0.0f;
        int others = 0;
        for (int row = within(here.row - r, size.row); row < bottom; ++row) {
            for (int column = within(here.column - r, size.column); column < right; ++column) {
                const int other = table.occupant(row * width + column);
                if (other == no_agent || other == agent) continue;
                sum += world.scratch.own_reward[other];
                ++others;
            }
        }
        if (others == 0) return;
        const float own = (1.0f - c.shared_reward) * world.scratch.own_reward[agent];
        outcome.reward(agent) = own + c.shared_reward * (sum / float(others));
    });
}

}  // namespace flockstep::pathfinding
