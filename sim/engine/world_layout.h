#pragma once

#include <cstdint>
#include <type_traits>

#include "sim/contract/declared.h"
#include "sim/contract/group.h"
#include "sim/contract/observation.h"
#include "sim/contract/world.h"
#include "sim/engine/engine_view.h"

/// The memory layout of one world, and traits of its environment, for world_engine.h and for the backends.
namespace flockstep {

/// Everything about a batch that its steps need; passed to kernels by value.
template <class Env>
struct EngineView : EngineCommon {
    typename Env::Config config;
    SharedOf<Env> shared;  // its views point to slots, which change when shared data is replaced
};

/// The engine's own state of a world; stored before the environment's fields.
struct EpisodeState {
    Field<int32_t> elapsed;       // steps since the reset
    Field<uint32_t> episode;      // resets since the batch was seeded
    Field<uint8_t> ended;         // NEXT_STEP, DISABLED: the episode is over and the world waits for its reset
    Field<uint8_t> end_flags;     // [num_agents] DISABLED: how the episode ended, 1 terminated + 2 truncated
    Field<uint8_t> took_part;     // [num_agents] was active before some step of this episode
    Field<float> episode_return;  // by role: rewards so far, summed over its agents
    Field<float> sums;            // the same for own outputs: PerAgent numbers by role, then PerEnv numbers
    Field<float> results;         // PerEpisode numbers of the last episode
    Field<uint32_t> legal;        // bits of the legal choices, if choices can be illegal
    Field<int64_t> agent_steps;   // of active agents since the statistics were cleared
    Bulk<double> statistics;      // [metrics, 4], of episodes that ended since the last clear: see Statistic
    Field<uint8_t> rows_shown;    // [num_agents] which of its rows may be nonzero: see AgentStream

    /// `some_inactive`: agents can be inactive, so agent-steps are counted. `is_streamed`: observations are streamed.
    /// Table: the environment's RowTable.
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
        if (is_streamed && some_inactive)
            visit.derived("rows_shown", rows_shown, e.num_agents);  // not part of the world's state
    }
};

/// The memory of one world during a call: its tile, scratch, actions and rows, staged or not.
template <class Env>
struct EnvMemory {
    char* tile;
    int tile_index, tile_worlds;
    char* scratch;
    int32_t* action;  // twice as many words if roles are scripted
    RowPointers<Env> rows;
    char* stage;
    int slot;          // index among the worlds that share `stage`
    bool flush_later;  // the caller stores the staged bytes and floats of all these worlds together
    bool moves_rows;   // the rows are staged, and this world stores its own
};

/// Agents can be inactive: absent, or gone before the episode ends.
template <class Env>
inline constexpr bool some_inactive = requires(const World<Env>& world) {
    Env::active(world, 0);
};
/// Agents may have to wait for another agent's turn.
template <class Env>
inline constexpr bool some_wait = requires(const World<Env>& world) {
    Env::acts(world, 0);
};
/// There is a global state besides the agents' observations.
template <class Env>
inline constexpr bool has_world_state = requires(HostGroup& group, World<Env>& world,
                                                 const ObservationWriter<Env>& out) {
    Env::observe_state(group, world, out);
};
/// The environment declares that it has one agent with one observation part of float32 and one Discrete action, so the
/// compiler can specialize the code.
template <class Env>
inline constexpr bool is_single_agent = requires {
    Env::single_agent_floats;
};
/// Such a world on one GPU lane: its action, reward, flags and observation are kept in registers.
template <class Env, class Group>
inline constexpr bool keeps_row = is_single_agent<Env>&& requires {
    Group::keeps_rows;
};

/// Some choices can be illegal: the rules have `legal_actions`, or `allowed` for some part.
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
SIM_HD void visit_state(const EngineView<Env>& e, const typename Env::Config& config, EpisodeState& episode_state,
                        typename Env::State& state, V& visit) {
    episode_state.fields(e, some_inactive<Env>, is_streamed<Env>, RowTable<Env>{}, visit);
    if constexpr (requires { state.fields(config, e.shared, visit); })
        state.fields(config, e.shared, visit);
    else
        state.fields(config, visit);
}
template <class Env, class V>
SIM_HD void visit_state(const EngineView<Env>& e, EpisodeState& episode_state, typename Env::State& state, V& visit) {
    visit_state(e, e.config, episode_state, state, visit);
}
template <class Env, class V>
SIM_HD void visit_scratch(const EngineView<Env>& e, const typename Env::Config& config, ScratchOf<Env>& scratch,
                          V& visit) {
    if constexpr (requires { scratch.fields(config, e.shared, visit); })
        scratch.fields(config, e.shared, visit);
    else
        scratch.fields(config, visit);
}

/// The group runs kernels in which the environment's SpecializedSizes are constants.
template <class Env, class Group>
inline constexpr bool has_specialized_sizes = requires {
    Group::specialized_sizes;
};
/// The settings passed to rules: those of the batch, or a copy in which the specialized sizes are constants.
template <class Env, class Group>
using SpecializedConfig =
    std::conditional_t<has_specialized_sizes<Env, Group>, typename Env::Config, const typename Env::Config&>;
template <class Env, class Group>
SIM_HD SpecializedConfig<Env, Group> specialized_config(const EngineView<Env>& e) {
    if constexpr (has_specialized_sizes<Env, Group>) {
        typename Env::Config config = e.config;
        Env::SpecializedSizes::apply(config);
        return config;
    } else {
        return e.config;
    }
}

}  // namespace flockstep
