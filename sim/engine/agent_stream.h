#pragma once

#include "sim/engine/world_engine.h"  // which includes this file at its end

/// Observations of an environment that streams them (see row_writer.h): the agents of a world that have something to
/// write are listed in order and dealt to the group's teams in turn, with no sync of the group until all are done.
///
/// Rows of agents that are not active are zero in the engine's own tensors. They are written when the agent leaves, and
/// not again: a flag of each agent says where numbers may lie.
namespace flockstep {

/// Bits of Header::rows_shown: the agent's rows in the engine's own tensors hold numbers, of the observation or of the
/// last final observation.
inline constexpr int shown_now = 1, shown_finally = 2;

template <class Env, class Group>
class AgentStream {
  public:
    SIM_HD AgentStream(Group& group, const EngineView<Env>& e, int64_t env, const Place<Env>& place,
                       const Header& header, const World<Env>& world)
        : group_(group),
          e_(e),
          env_(env),
          header_(header),
          world_(world),
          memory_(place.stage + place.slot * e.stream.world_bytes) {}

    /// Observes, for `final` into the final observations. All lanes of the group; ends with a sync.
    SIM_HD void run(bool final) {
        int* const order = reinterpret_cast<int*>(memory_);
        int count = e_.num_agents;
        if constexpr (some_inactive<Env>) {
            const int shown = final ? shown_finally : shown_now;
            count = group_.compact(
                count, [&](int agent) { return is_active(agent) || header_.rows_shown[agent] & shown; },
                [&](int agent, int rank) { order[rank] = agent; });
            group_.sync();
        }
        group_.for_each_team(count, e_.stream.num_teams, [&](auto& team, int index, int i) {
            const int agent = some_inactive<Env> ? order[i] : i;
            if (is_active(agent))
                show(team, index, agent, final);
            else
                clear(team, agent, final);
        });
    }

  private:
    SIM_HD bool is_active(int agent) const {
        if constexpr (some_inactive<Env>) return Env::active(world_, agent);
        return true;
    }
    SIM_HD int role_of(int agent) const {
        int role = 0;
        while (agent >= e_.roles[role].first + e_.roles[role].count) ++role;
        return role;
    }
    template <class Team>
    SIM_HD void show(Team& team, int index, int agent, bool final) {
        const int role = role_of(agent);
        char* const ring = memory_ + e_.stream.order_bytes + index * e_.stream.team_bytes;
        if constexpr (requires { team.poison(ring, 0); }) poison(team, role, agent, final, ring);
        const RowWriter<Env> out(e_.parts + e_.roles[role].first_part, ring, env_, role, agent, final);
        if constexpr (requires { typename Env::TeamScratch; })
            Env::observe_agent(team, world_, agent,
                               *reinterpret_cast<typename Env::TeamScratch*>(ring + e_.stream.ring_bytes), out);
        else
            Env::observe_agent(team, world_, agent, out);
        if constexpr (some_inactive<Env>)
            team.single([&] { header_.rows_shown[agent] |= uint8_t(final ? shown_finally : shown_now); });
    }
    /// Zeros where the engine's own tensors hold numbers. While a launch writes some parts elsewhere, their own rows
    /// may have to wait.
    template <class Team>
    SIM_HD void clear(Team& team, int agent, bool final) {
        const RoleView& r = e_.roles[role_of(agent)];
        for_each_wanted(r, [&](int p) {
            if (!final && e_.bound_parts >> p & 1) return;
            send_zeros(team.lane(), team.lanes(), e_.parts[p].rows(final, env_, agent), e_.parts[p].agent_bytes);
        });
        if (final)
            team.single([&] { header_.rows_shown[agent] &= uint8_t(~shown_finally); });
        else if (e_.bound_parts == 0)
            team.single([&] { header_.rows_shown[agent] &= uint8_t(~shown_now); });
    }
    template <class F>
    SIM_HD void for_each_wanted(const RoleView& r, F&& f) const {
        for (int p = r.first_part; p < r.first_part + r.num_parts; ++p)
            if (e_.parts[p].wanted()) f(p);
    }
    /// The CPU's test mode: what observe_agent does not write, or reads before it wrote it, shows.
    template <class Team>
    SIM_HD void poison(Team& team, int role, int agent, bool final, char* ring) const {
        team.poison(ring, e_.stream.team_bytes);
        for_each_wanted(e_.roles[role],
                        [&](int p) { team.poison(e_.parts[p].rows(final, env_, agent), e_.parts[p].agent_bytes); });
    }

    Group& group_;
    const EngineView<Env>& e_;
    const int64_t env_;
    const Header& header_;
    const World<Env>& world_;
    char* const memory_;
};

}  // namespace flockstep
