#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "sim/engine/world_call.h"

/// Statistics accumulated during an episode and recorded at its end: agent-steps, sums of rewards and of the
/// environment's own outputs, results, and metric values.
namespace flockstep {

/// The environment's own outputs are accumulated like rewards: by role, or per world.
template <class Env>
inline constexpr bool has_sums = RowTable<Env>::agent_sums + RowTable<Env>::env_sums > 0;

/// How many numbers of rows of the same kind precede those of row `row`.
template <class Env>
consteval int sums_before(int row) {
    using Table = RowTable<Env>;
    int before = 0;
    for (int other = num_built_in_rows; other < row; ++other)
        if (Table::rows[other].kind == Table::rows[row].kind) before += Table::rows[other].size;
    return before;
}

/// By one lane, when an episode starts.
template <class Env, class Group>
SIM_HD void clear_sums(WorldCall<Env, Group>& call) {
    using Table = RowTable<Env>;
    const int num_sums = Table::agent_sums * call.num_roles() + Table::env_sums;
    for (int role = 0; call.e.statistics && role < call.num_roles(); ++role)
        call.episode_state.episode_return[role] = 0.0f;
    for (int i = 0; has_sums<Env> && call.e.statistics && i < num_sums; ++i) call.episode_state.sums[i] = 0.0f;
}
/// When an episode starts. No sync.
template <class Env, class Group>
SIM_HD void clear_participants(WorldCall<Env, Group>& call) {
    if (call.e.statistics && some_inactive<Env>)
        call.group.for_each(call.num_agents(), [&](int agent) { call.episode_state.took_part[agent] = 0; });
}

/// Before the rules run: an agent-step counts if the agent was active before it.
template <class Env, class Group>
SIM_HD void count_agent_steps(WorldCall<Env, Group>& call) {
    if (!call.e.statistics) return;
    if constexpr (some_inactive<Env>) {
        const int count = call.group.count(call.num_agents(), [&](int agent) {
            const bool counts = call.is_active(agent);
            if (counts) call.episode_state.took_part[agent] = 1;
            return counts;
        });
        call.group.single([&] { call.episode_state.agent_steps[0] += count; });
    }
}

// Separate functions for each row, because nvcc 13.0 drops an `if constexpr` that follows another one in a generic
// lambda.
template <int row, class Env, class Group>
SIM_HD void add_agents_to_sums(WorldCall<Env, Group>& call) {
    constexpr int size = RowTable<Env>::rows[row].size, before = sums_before<Env>(row);
    for (int r = 0; r < call.num_roles(); ++r)
        for (int k = 0; k < size; ++k) {
            const RoleView of = call.role(r);
            const float total = call.group.sum(of.count, [&](int i) {
                return float(call.memory.rows.template number<row>((of.first + i) * size + k));
            });
            call.group.single([&] { call.episode_state.sums[before * call.num_roles() + r * size + k] += total; });
        }
}
template <int row, class Env, class Group>
SIM_HD void add_world_to_sums(WorldCall<Env, Group>& call) {
    using Table = RowTable<Env>;
    constexpr int before = sums_before<Env>(row);
    call.group.for_each(Table::rows[row].size, [&](int k) {
        call.episode_state.sums[Table::agent_sums * call.num_roles() + before + k] +=
            float(call.memory.rows.template number<row>(k));
    });
}
template <class Env, class Group>
SIM_HD void add_own_outputs(WorldCall<Env, Group>& call) {
    using Table = RowTable<Env>;
    for_each_own_row<Env>([&](auto row) {
        constexpr int which = row;
        if constexpr (Table::rows[which].is_per_agent())
            add_agents_to_sums<which>(call);
        else if constexpr (Table::rows[which].kind == TensorKind::per_env)
            add_world_to_sums<which>(call);
    });
}
/// After the rules have run: adds rewards and the environment's own outputs. No sync.
template <class Env, class Group>
SIM_HD void add_to_sums(WorldCall<Env, Group>& call) {
    if (!call.e.statistics) return;
    for (int index = 0; index < call.num_roles(); ++index) {
        const RoleView r = call.role(index);
        const float total = call.group.sum(r.count, [&](int i) { return call.memory.rows.reward(r.first + i); });
        call.group.single([&] { call.episode_state.episode_return[index] += total; });
    }
    if constexpr (has_sums<Env>) add_own_outputs(call);
}

/// When the batch is seeded. No sync.
template <class Env, class Group>
SIM_HD void clear_results(WorldCall<Env, Group>& call) {
    call.group.for_each(RowTable<Env>::num_results, [&](int i) { call.episode_state.results[i] = 0.0f; });
}
template <int row, class Env, class Group>
SIM_HD void write_results_of(WorldCall<Env, Group>& call, bool ended) {
    constexpr int before = sums_before<Env>(row);
    call.group.for_each(RowTable<Env>::rows[row].size, [&](int k) {
        auto& number = call.memory.rows.template number<row>(k);
        float& result = call.episode_state.results[before + k];
        if (ended) result = float(number);
        number = std::decay_t<decltype(number)>(result);
    });
}
/// PerEpisode rows hold the values reported by the step that ended the last episode; `ended`: this step did. Ends with
/// a sync if there are such rows.
template <class Env, class Group>
SIM_HD void write_results(WorldCall<Env, Group>& call, bool ended) {
    using Table = RowTable<Env>;
    if constexpr (Table::num_results > 0) {
        call.group.sync();
        for_each_own_row<Env>([&](auto row) {
            constexpr int which = row;
            if constexpr (Table::rows[which].kind == TensorKind::per_episode) write_results_of<which>(call, ended);
        });
        call.group.sync();
    }
}

/// Whether an agent was active before some step of the episode. May be called by a single lane.
template <class Env, class Group>
SIM_HD bool took_part(const WorldCall<Env, Group>& call, int agent) {
    if constexpr (some_inactive<Env>) return call.episode_state.took_part[agent] != 0;
    return true;
}
/// How many agents of a role took part in the episode.
template <class Env, class Group>
SIM_HD int participants(WorldCall<Env, Group>& call, const RoleView& r) {
    if constexpr (some_inactive<Env>)
        return call.group.count(r.count, [&](int i) { return took_part(call, r.first + i); });
    return r.count;
}
/// The value of a metric for the episode that has just ended; per-agent metrics are means over `agents` agents of `of`.
template <class Env, class Group>
SIM_HD float value_of(WorldCall<Env, Group>& call, const MetricView& metric, const RoleView& of, int agents) {
    const EpisodeState& episode_state = call.episode_state;
    if (metric.kind == MetricKind::episode_return) return episode_state.episode_return[metric.role] / float(agents);
    if (metric.kind == MetricKind::episode_length) return float(call.world.elapsed);
    if constexpr (has_sums<Env>) {
        if (metric.kind == MetricKind::agent_sum) return episode_state.sums[metric.index] / float(agents);
        if (metric.kind == MetricKind::env_sum) return episode_state.sums[metric.index];
    }
    if constexpr (requires { Env::agent_metric(call.world, 0, 0); })
        if (metric.kind == MetricKind::agent_metric)
            return call.group.sum(of.count, [&](int i) {
                const int agent = of.first + i;
                return took_part(call, agent) ? Env::agent_metric(call.world, agent, metric.index) : 0.0f;
            }) / float(agents);
    if constexpr (RowTable<Env>::num_results > 0)
        if (metric.kind == MetricKind::episode_value) return episode_state.results[metric.index];
    if constexpr (requires { Env::metric(call.group, call.world, 0); })
        return Env::metric(call.group, call.world, metric.index);
    return 0.0f;
}
/// Adds an episode that has just ended to the world's statistics. An episode without agents does not count; a role
/// without agents has no mean, recorded as NaN if it is the first episode.
template <class Env, class Group>
SIM_HD void record_episode(WorldCall<Env, Group>& call) {
    if (participants(call, call.all_agents()) == 0) return;
    for (int m = 0; m < call.e.num_metrics; ++m) {
        const MetricView metric = call.e.metrics[m];
        const RoleView of = metric.role < 0 ? call.all_agents() : call.role(metric.role);
        const int agents = participants(call, of);
        if (agents == 0) {
            call.group.single([&] {
                call.group.set_if_zero(call.episode_state.statistics[m * num_statistics + first_statistic],
                                       std::numeric_limits<double>::quiet_NaN());
            });
            continue;
        }
        const float value = value_of(call, metric, of, agents);
        call.group.single([&] {
            double* const statistic = &call.episode_state.statistics[m * num_statistics];
            call.group.set_if_zero(statistic[first_statistic], value == 0.0f ? -0.0 : double(value));
            call.group.accumulate(statistic[sum_statistic], double(value));
            call.group.accumulate(statistic[square_statistic], double(value) * double(value));
            call.group.accumulate(statistic[count_statistic], 1.0);
        });
    }
    call.group.sync();
}

}  // namespace flockstep
