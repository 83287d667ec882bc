#pragma once

#include "sim/contract/row_writer.h"
#include "sim/engine/agent_queue.h"
#include "sim/engine/world_call.h"

/// Observations of an environment that streams them (see row_writer.h): the agents of a world that have rows to write
/// are listed in order and assigned to the group's teams round-robin, without a group sync until all are done.
///
/// Rows of inactive agents are zero in the engine's own tensors. They are zeroed once, when the agent leaves: a flag
/// per agent tracks which rows may be nonzero.
namespace flockstep {

/// Bits of EpisodeState::rows_shown: the agent's rows in the engine's own tensors may be nonzero, in the observation or
/// in the final observation.
inline constexpr int shown_now = 1, shown_finally = 2;

template <class Env, class Group>
SIM_NOINLINE void stream_final_noinline(Group group, const EngineView<Env>& e, int64_t env, EnvMemory<Env> memory);

template <class Env, class Group>
class AgentStream {
  public:
    SIM_HD explicit AgentStream(const WorldCall<Env, Group>& call)
        : call_(call), memory_(call.memory.stage + call.memory.slot * call.e.stream.world_bytes) {}

    /// Observes all agents (`final`: into the final observations), or enqueues them for the second kernel. Collective;
    /// ends with a sync.
    SIM_HD void run(bool final) {
        if constexpr (has_queue)
            if (final) return stream_final_noinline<Env>(call_.group.alone(), call_.e, call_.env, call_.memory);
        int* const order = reinterpret_cast<int*>(memory_);
        int count = call_.num_agents();
        if constexpr (some_inactive<Env>) {
            const int shown = final ? shown_finally : shown_now;
            count = call_.group.compact(
                count,
                [&](int agent) { return call_.is_active(agent) || call_.episode_state.rows_shown[agent] & shown; },
                [&](int agent, int rank) { order[rank] = agent; });
            call_.group.sync();
        }
        if constexpr (has_queue)
            enqueue(count, order);
        else
            call_.group.for_each_team(count, call_.e.stream.num_teams, [&](auto& team, int index, int i) {
                observe(team, index, some_inactive<Env> ? order[i] : i, final);
            });
    }
    /// Writes one agent's rows, by the team that owns memory `index`.
    template <class Team>
    SIM_HD void observe(Team& team, int index, int agent, bool final) {
        if (call_.is_active(agent))
            show(team, index, agent, final);
        else
            clear(team, agent, final);
    }

  private:
    static constexpr bool has_queue = requires(Group & group) { group.queue(); };

    SIM_HD void enqueue(int count, const int* order) {
        const AgentQueue& queue = call_.group.queue();
        int& first =
            *reinterpret_cast<int*>(memory_ + call_.e.stream.order_bytes);  // the teams' memory is still unused
        call_.group.single([&] { first = call_.group.atomic_add(*queue.count, count); });
        call_.group.sync();
        call_.group.for_each(count, [&](int i) {
            queue.agents[first + i] = {int32_t(call_.env), some_inactive<Env> ? order[i] : i};
        });
        call_.group.sync();
    }
    SIM_HD int role_of(int agent) const {
        int role = 0;
        while (agent >= call_.e.roles[role].first + call_.e.roles[role].count) ++role;
        return role;
    }
    template <class Team>
    SIM_HD void show(Team& team, int index, int agent, bool final) {
        const int role = role_of(agent);
        char* const ring = memory_ + call_.e.stream.order_bytes + index * call_.e.stream.team_bytes;
        if constexpr (requires { team.poison(ring, 0); }) poison(team, role, agent, final, ring);
        const RowWriter<Env> out(call_.e.parts + call_.e.roles[role].first_part, ring, call_.env, role, agent, final);
        if constexpr (requires { typename Env::TeamScratch; })
            Env::observe_agent(team, call_.world, agent,
                               *reinterpret_cast<typename Env::TeamScratch*>(ring + call_.e.stream.ring_bytes), out);
        else
            Env::observe_agent(team, call_.world, agent, out);
        if constexpr (some_inactive<Env>)
            team.single([&] { call_.episode_state.rows_shown[agent] |= uint8_t(final ? shown_finally : shown_now); });
    }
    /// Zeroes the agent's rows in the engine's own tensors. If a launch binds some parts to other tensors, their own
    /// rows stay flagged for a later launch.
    template <class Team>
    SIM_HD void clear(Team& team, int agent, bool final) {
        const RoleView& r = call_.e.roles[role_of(agent)];
        for_each_wanted(r, [&](int p) {
            if (!final && call_.e.bound_parts >> p & 1) return;
            store_zeros(team.lane(), team.lanes(), call_.e.parts[p].rows(final, call_.env, agent),
                        call_.e.parts[p].agent_bytes);
        });
        if (final)
            team.single([&] { call_.episode_state.rows_shown[agent] &= uint8_t(~shown_finally); });
        else if (call_.e.bound_parts == 0)
            team.single([&] { call_.episode_state.rows_shown[agent] &= uint8_t(~shown_now); });
    }
    template <class F>
    SIM_HD void for_each_wanted(const RoleView& r, F&& f) const {
        for (int p = r.first_part; p < r.first_part + r.num_parts; ++p)
            if (call_.e.parts[p].wanted()) f(p);
    }
    /// Test mode of the CPU: exposes elements that observe_agent does not write, or reads before writing.
    template <class Team>
    SIM_HD void poison(Team& team, int role, int agent, bool final, char* ring) const {
        team.poison(ring, call_.e.stream.team_bytes);
        for_each_wanted(call_.e.roles[role], [&](int p) {
            team.poison(call_.e.parts[p].rows(final, call_.env, agent), call_.e.parts[p].agent_bytes);
        });
    }

    const WorldCall<Env, Group>& call_;
    char* const memory_;
};

/// Not inlined: rare, and it would increase the register use of the queue kernel.
template <class Env, class Group>
SIM_NOINLINE void stream_final_noinline(Group group, const EngineView<Env>& e, int64_t env, EnvMemory<Env> memory) {
    WorldCall<Env, Group> call(group, e, e.config, env, memory);
    call.world.elapsed = call.episode_state.elapsed[0];
    AgentStream<Env, Group>(call).run(true);
}

}  // namespace flockstep
