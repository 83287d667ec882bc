#pragma once

#include <cstdint>
#include <type_traits>

#include "sim/contract/declared.h"
#include "sim/contract/group.h"
#include "sim/contract/observation.h"
#include "sim/contract/world.h"
#include "sim/engine/engine_view.h"

/// How one world lies in memory, and what its environment has and has not, for the steps of world_engine.h and for the
/// backends that lay out the memory.
namespace flockstep {

/// Everything about a batch that its steps need; passed by value to kernels.
template <class Env>
struct EngineView : EngineCommon {
    typename Env::Config config;
    SharedOf<Env> shared;  // its views point at slots, which a pool that is replaced changes
};

/// What the engine itself remembers of a world; lies in front of the environment's own fields.
struct Header {
    Field<int32_t> elapsed;       // steps since the reset
    Field<uint32_t> episode;      // resets since the batch was seeded
    Field<uint8_t> ended;         // NEXT_STEP, DISABLED: the episode is over, and the world waits for its reset
    Field<uint8_t> end_flags;     // [num_agents] DISABLED: how the episode ended, 1 terminated + 2 truncated
    Field<uint8_t> took_part;     // [num_agents] active before some step of this episode
    Field<float> episode_return;  // by role: rewards so far, summed over its agents
    Field<float> sums;            // the same of own outputs: PerAgent numbers by role, then PerEnv numbers
    Field<float> results;         // PerEpisode numbers of the last episode
    Field<uint32_t> legal;        // bits of the legal choices, where choices can be illegal
    Field<int64_t> agent_steps;   // of active agents since the statistics were cleared
    Bulk<double> statistics;      // [metrics, 4], of the episodes that ended since they were cleared: see Statistic
    Field<uint8_t> rows_shown;    // [num_agents] which of its rows may hold numbers: see AgentStream

    /// `some_inactive`: agents can be inactive, so that agent-steps are counted. `is_streamed`: observations
    /// are. Table: the environment's RowTable.
    template <class Table, class V>
    SIM_HD void fields(const EngineCommon& e, bool some_inactive, bool is_streamed, Table, V& visit) {
        const int metrics = e.statistics ? e.num_metrics : 0;
        const bool waits = e.mode != AutoresetMode::same_step;
        visit("elapsed", elapsed, 1).between(0, e.max_episode_steps - (waits ? 0 : 1));
        visit("episode", episode, 1);
        visit("ended", ended, int(waits)).between(0, 1);
        visit("end_flags", end_flags, e.mode == AutoresetMode::disabled ? e.num_agents : 0).between(0, 3);
        visit("took_part", took_part, e.statistics && some_inactive ? e.num_agents : 0).between(0, 1);
        visit("episode_return", episode_return, e.statistics ? e.num_roles : 0).any_value();
        visit("output_sums", sums, e.statistics ? Table::agent_sums * e.num_roles + Table::env_sums : 0).any_value();
        visit("results", results, Table::num_results).any_value();
        visit.derived("legal_actions", legal, e.legal_words);
        visit("agent_steps", agent_steps, int(e.statistics && some_inactive)).between(0, 9e18);
        visit("statistics", statistics, metrics, num_statistics).any_value();
        if (is_streamed && some_inactive) visit.derived("rows_shown", rows_shown, e.num_agents);  // not the world's
    }
};

/// The memory of one world during a call: where its tile, scratch, actions and rows lie, staged or not.
template <class Env>
struct Place {
    char* tile;
    int tile_index, tile_worlds;
    char* scratch;
    int32_t* action;  // and as many words more where roles are scripted
    RowPointers<Env> rows;
    char* stage;
    int slot;          // among the worlds that share `stage`
    bool flush_later;  // the caller moves the staged bytes and floats of all these worlds together
    bool moves_rows;   // the rows are staged, and this world moves its own
};

/// Agents can be inactive: absent, or gone before the episode's end.
template <class Env>
inline constexpr bool some_inactive = requires(const World<Env>& world) {
    Env::active(world, 0);
};
/// Agents can be waiting for another's turn.
template <class Env>
inline constexpr bool some_wait = requires(const World<Env>& world) {
    Env::acts(world, 0);
};
/// There is a global state besides what agents observe.
template <class Env>
inline constexpr bool has_world_state = requires(HostGroup& group, World<Env>& world,
                                                 const ObservationWriter<Env>& out) {
    Env::observe_state(group, world, out);
};
/// Environments of one agent with one observation part of float32 and one Discrete action say so: what follows from it
/// is then known to the compiler.
template <class Env>
inline constexpr bool is_single = requires {
    Env::single_agent_floats;
};
/// Such a world by one lane of a GPU: its action, reward, flags and observation are in registers.
template <class Env, class Group>
inline constexpr bool keeps_row = is_single<Env>&& requires {
    Group::keeps_rows;
};

/// The rules call some choices illegal: they have `legal_actions`, or `allowed` for some part.
template <class Env>
inline constexpr bool has_legal_actions = requires(HostGroup& group, World<Env>& world,
                                                   const LegalActions<Env>& legal) {
    Env::legal_actions(group, world, legal);
};
template <class Env>
inline constexpr bool masks_actions = has_legal_actions<Env> || []<class... H>(TensorList<H...>) {
    return (false || ... || [] {
        if constexpr (is_choice<H>) return requires(const World<Env>& world) {
                Env::allowed(world, 0, H{}, 0);
            };
        return false;
    }());
}(TensorsOf<Env>{});

template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, const typename Env::Config& config, Header& header,
                        typename Env::State& state, V& visit) {
    header.fields(e, some_inactive<Env>, is_streamed<Env>, RowTable<Env>{}, visit);
    if constexpr (requires { state.fields(config, e.shared, visit); })
        state.fields(config, e.shared, visit);
    else
        state.fields(config, visit);
}
template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, Header& header, typename Env::State& state, V& visit) {
    visit_state(e, e.config, header, state, visit);
}
template <class Env, class V>
SIM_HD void visit_scratch(const EngineView<Env>& e, const typename Env::Config& config, ScratchOf<Env>& scratch,
                          V& visit) {
    if constexpr (requires { scratch.fields(config, e.shared, visit); })
        scratch.fields(config, e.shared, visit);
    else
        scratch.fields(config, visit);
}

/// The group runs kernels in which the environment's usual sizes are constants.
template <class Env, class Group>
inline constexpr bool has_usual_sizes = requires {
    Group::usual_sizes;
};
/// Settings as rules see them: those of the batch; or a copy in which the sizes are constants.
template <class Env, class Group>
using ConfigSeen = std::conditional_t<has_usual_sizes<Env, Group>, typename Env::Config, const typename Env::Config&>;
template <class Env, class Group>
SIM_HD ConfigSeen<Env, Group> config_seen(const EngineView<Env>& e) {
    if constexpr (has_usual_sizes<Env, Group>) {
        typename Env::Config config = e.config;
        Env::UsualSizes::apply(config);
        return config;
    } else {
        return e.config;
    }
}

}  // namespace flockstep
