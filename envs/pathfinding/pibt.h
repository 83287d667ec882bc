#pragma once

#include "envs/pathfinding/distance.h"

/// PIBT: priority inheritance with backtracking, a fast centralized planner, as a scripted policy. Source: Okumura,
/// Machida, Defago, Tamura 2022 (Artificial Intelligence 310), without the swap rule of later work. All its moves
/// succeed under `soft` collisions; the other two systems block some of them.
namespace flockstep::pathfinding {

inline constexpr RandomStream<"pibt_rank", Purpose::policy, Draws{0, 1}> rank_ties{};
inline constexpr RandomStream<"pibt_actions", Purpose::policy, Draws{4, 4}> action_ties{};

/// Sorts agents by priority into scratch.rank: longest time since the last goal first; ties in random order.
template <class Group, class W>
SIM_HD void rank_agents(Group& group, W& world) {
    const int n = world.shared.num_agents;
    const auto age = [&](int agent) { return world.elapsed - world.state.last_on_goal[agent]; };
    const auto tie = [&](int agent) { return world.rng.bits(rank_ties, agent, 0); };
    group.for_each(n, [&](int agent) { world.scratch.target_cell[agent] = int(tie(agent) >> 1); });
    group.sync();
    group.for_each(n, [&](int agent) {
        int ahead = 0;
        const bool present = is_present(world, agent);
        for (int other = 0; other < n; ++other) {
            const bool other_present = is_present(world, other);
            if (other_present != present) {
                ahead += other_present;
                continue;
            }
            const int mine = age(agent), theirs = age(other), my_tie = world.scratch.target_cell[agent],
                      their_tie = world.scratch.target_cell[other];
            if (theirs != mine)
                ahead += theirs > mine;
            else if (their_tie != my_tie)
                ahead += their_tie > my_tie;
            else
                ahead += other < agent;
        }
        world.scratch.rank[ahead] = agent;
    });
    group.sync();
}

/// The agent's five actions, closest cell to the goal first, ties in random order: three bits each, terminated by 7.
template <class W>
SIM_HD int order_actions(const W& world, int agent) {
    const Words random = world.rng.bits4(action_ties, agent, 0);
    uint32_t key[5];
    int count = 0, order = 0;
    for (int action = 0; action < 5; ++action) {
        const Cell to = neighbor(world.state.position[agent], action);
        const int distance = action == 0 || !is_wall(world, to) ? distance_at(world, agent, to) : -1;
        if (distance < 0) continue;
        const uint32_t tie = action == 0 ? 4095u : random.word[action - 1] >> 20;  // waiting comes last among ties
        key[count++] = uint32_t(distance) << 15 | tie << 3 | uint32_t(action);
    }
    for (int i = 0; i < count; ++i) {  // rank sort: no two keys are equal
        int rank = 0;
        for (int j = 0; j < count; ++j) rank += key[j] < key[i];
        order |= int(key[i] & 7u) << (3 * rank);
    }
    return order | 7 << (3 * count);
}

/// The serial core, on one lane, with an explicit stack. scratch.untried holds each agent's remaining actions,
/// next_step its chosen action (-1: none yet), target_cell the agent that pushed it. A cell is reserved by storing the
/// agent that will be there in scratch.by_cell at the cell's entry.
template <class Group, class W>
struct PibtCore {
    CellTable<Group, W>& table;
    W& world;

    SIM_HD int cell_after(int agent, int action) const {
        return index_of(world, neighbor(world.state.position[agent], action));
    }
    SIM_HD int reserved_by(int cell) const {
        const int slot = table.find(cell);
        return slot < 0 ? no_agent : world.scratch.by_cell[slot];
    }
    SIM_HD void reserve(int agent, int action) {
        world.scratch.by_cell[table.insert(cell_after(agent, action))] = agent;
        world.scratch.next_step[agent] = action;
    }

    /// Decides for `first` and all agents that it pushes.
    SIM_HD void decide(int first) {
        world.scratch.target_cell[first] = no_agent;
        for (int agent = first; agent != no_agent;) {
            const int pushed = advance(agent);
            if (pushed == settled) {
                agent = succeed(agent);
            } else if (pushed == stuck) {
                reserve(agent, 0);  // it stays; the agent that pushed it tries its next action
                agent = world.scratch.target_cell[agent];
            } else {
                world.scratch.target_cell[pushed] = agent;
                agent = pushed;
            }
        }
    }

  private:
    static constexpr int settled = -2, stuck = -3;
    /// Tries the agent's next actions until one succeeds (settled), needs another agent to move first (that agent), or
    /// none is left (stuck).
    SIM_HD int advance(int agent) {
        for (;;) {
            const int action = world.scratch.untried[agent] & 7;
            if (action == 7) return stuck;
            world.scratch.untried[agent] >>= 3;
            const int cell = cell_after(agent, action);
            if (reserved_by(cell) != no_agent) continue;
            const int other = table.occupant(cell);
            const bool swaps =
                other != no_agent && other != agent && world.scratch.next_step[other] >= 0 &&
                cell_after(other, world.scratch.next_step[other]) == index_of(world, world.state.position[agent]);
            if (swaps) continue;
            reserve(agent, action);
            if (other == no_agent || other == agent || world.scratch.next_step[other] >= 0) return settled;
            return other;
        }
    }
    /// All agents that pushed this one succeed: unwinds the stack.
    SIM_HD int succeed(int agent) {
        while (agent != no_agent) agent = world.scratch.target_cell[agent];
        return no_agent;
    }
};

/// Calls act(agent, action) with each agent's decision.
template <class Group, class W, class Act>
SIM_HD void act_by_pibt(Group& group, W& world, Act act) {
    const int n = world.shared.num_agents;
    rank_agents(group, world);
    CellTable<Group, W> table(group, world);
    group.for_each(PathfindingScratch::table_size(world.shared), [&](int i) { world.scratch.by_cell[i] = no_agent; });
    table.enter_agents();
    group.for_each(n, [&](int agent) {
        world.scratch.untried[agent] = order_actions(world, agent);
        world.scratch.next_step[agent] = -1;
    });
    group.sync();
    group.single([&] {
        PibtCore<Group, W> core{table, world};
        for (int i = 0; i < n; ++i) {
            const int agent = world.scratch.rank[i];
            if (is_present(world, agent) && world.scratch.next_step[agent] < 0) core.decide(agent);
        }
    });
    group.sync();
    group.for_each(
        n, [&](int agent) { act(agent, world.scratch.next_step[agent] > 0 ? world.scratch.next_step[agent] : 0); });
}

}  // namespace flockstep::pathfinding
