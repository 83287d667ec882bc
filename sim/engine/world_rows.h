#pragma once

#include <type_traits>

#include "sim/engine/world_call.h"

/// The rows of a world's outputs (see rows.h) during a step: cleared before the rules run, completed after them, and
/// copied from staging memory.
namespace flockstep {

/// How many numbers a world has in row `row`.
template <class Env, class Group, class Row>
SIM_HD int numbers_in(const WorldCall<Env, Group>& call, Row row) {
    constexpr RowInfo info = RowTable<Env>::rows[row];
    return info.size * (info.is_per_agent() ? call.num_agents() : 1);
}
/// Clears the outputs that rules write. No sync.
template <class Env, class Group>
SIM_HD void clear_outcome(WorldCall<Env, Group>& call) {
    call.group.for_each(call.num_agents(), [&](int agent) {
        call.memory.rows.reward(agent) = 0.0f;
        call.terminated(agent) = 0;
        call.truncated(agent) = 0;
    });
    if constexpr (RowTable<Env>::num_own > 0)
        for_each_own_row<Env>([&](auto row) {
            call.group.for_each(numbers_in(call, row), [&](int i) { call.memory.rows.template number<row>(i) = 0; });
        });
}

/// Writes the flags that belong to the observation; `starts`: it is the first of an episode. No sync.
template <class Env, class Group>
SIM_HD void write_output_rows(WorldCall<Env, Group>& call, bool starts) {
    const RowPointers<Env>& rows = call.memory.rows;
    call.group.for_each(call.num_agents(), [&](int agent) {
        rows.template flag<episode_start_row>(agent) = starts;
        rows.template flag<active_row>(agent) = call.is_active(agent);
        if constexpr (some_wait<Env>)
            rows.template flag<acts_row>(agent) = Env::acts(call.world, agent);
        else
            rows.template flag<acts_row>(agent) = 1;
    });
}

/// Copies the staged rows of agents that learn to the outputs.
template <class Env, class Group>
SIM_HD void move_rows(WorldCall<Env, Group>& call) {
    using Table = RowTable<Env>;
    if (!call.memory.moves_rows) return;
    call.group.sync();
    Table::for_each([&](auto row) {
        constexpr RowInfo info = Table::rows[row];
        if (!call.e.rows[row]) return;
        const int first = info.is_per_agent() ? call.e.first_learner * info.size : 0;
        const int count = info.size * (info.is_per_agent() ? call.e.num_learners : 1);
        auto* to = &call.memory.rows.template number<row>(0);
        to = reinterpret_cast<decltype(to)>(call.e.rows[row]) + call.env * count;
        call.group.for_each(count, [&](int i) { to[i] = call.memory.rows.template number<row>(first + i); });
    });
}

}  // namespace flockstep
