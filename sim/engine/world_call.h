#pragma once

#include <cstdint>

#include "sim/contract/world.h"
#include "sim/engine/world_layout.h"

namespace flockstep {

/// Compile-time knowledge about seeds: whether worlds may have their own.
enum class Seeds : int { any, shared };

/// One world during a call: the argument of the functions of a step, in world_engine.h and the headers that it
/// includes. Unless noted otherwise, those functions are collective.
template <class Env, class Group>
struct WorldCall {
    static constexpr bool is_specialized = has_specialized_sizes<Env, Group>;
    /// One role, one observation part of floats, one Discrete action without a mask; the number of agents is known.
    static constexpr bool is_plain = is_single_agent<Env> || is_specialized;

    Group& group;
    const EngineView<Env>& e;
    const int64_t env;
    const EnvMemory<Env> memory;
    EpisodeState episode_state;
    World<Env> world;

    /// `config`: e.config, or the result of specialized_config(). It must outlive this object and not be part of it: an
    /// object that points into itself cannot be kept in registers.
    SIM_HD WorldCall(Group& group, const EngineView<Env>& e, const typename Env::Config& config, int64_t env,
                     const EnvMemory<Env>& memory)
        : group(group), e(e), env(env), memory(memory), world(World<Env>{config, e.shared, {}, {}, {}, 0, e.all_envs}) {
        Binder<Group::tile_worlds> state{e.state_fields, memory.tile, env, memory.tile_worlds, memory.tile_index};
        visit_state(e, config, episode_state, world.state, state);
        Binder<Group::tile_worlds> scratch{e.scratch_fields, memory.scratch, env, memory.tile_worlds,
                                           memory.tile_index};
        visit_scratch(e, config, world.scratch, scratch);
    }

    SIM_HD static constexpr int constant_num_agents() {
        if constexpr (is_specialized) return Env::SpecializedSizes::template num_agents<typename Env::Config>();
        return 1;
    }
    SIM_HD int num_agents() const { return is_plain ? constant_num_agents() : e.num_agents; }
    SIM_HD int num_roles() const { return is_plain ? 1 : e.num_roles; }
    SIM_HD RoleView role(int r) const {
        if constexpr (is_plain) return {0, constant_num_agents(), 0, 1, 0, 0, RoleView::learns};
        return e.roles[r];
    }
    SIM_HD RoleView all_agents() const { return {0, num_agents(), 0, 0, 0, 0, RoleView::learns}; }
    /// Whether scripted policies control some roles.
    SIM_HD bool has_scripted() const { return !is_plain && e.num_scripted > 0; }

    SIM_HD int num_action_parts() const { return is_plain ? 1 : e.num_action_parts; }
    SIM_HD static ActionView action_part(const EngineView<Env>& e, int p) {
        ActionView a = e.actions[p];
        if constexpr (is_plain)
            a.first = a.first_word = 0, a.count = constant_num_agents(), a.size = 1, a.is_box = false,
            a.n_each = nullptr, a.default_choice_each = nullptr, a.legal_words = 0;
        return a;
    }
    SIM_HD ActionView action_part(int p) const { return action_part(e, p); }
    SIM_HD ActionLayout action_layout() const { return {e.action_offset, e.action_size}; }

    SIM_HD bool is_active(int agent) const {
        if constexpr (some_inactive<Env>) return Env::active(world, agent);
        return true;
    }
    SIM_HD uint8_t& terminated(int agent) const { return memory.rows.template flag<terminated_row>(agent); }
    SIM_HD uint8_t& truncated(int agent) const { return memory.rows.template flag<truncated_row>(agent); }

    /// `seeds`: shared if it is known that no world has its own seed: then the GPU keeps the seed in uniform registers.
    template <Seeds seeds = Seeds::any>
    SIM_HD Rng rng(Purpose purpose, uint32_t episode, uint32_t step) const {
        if constexpr (seeds == Seeds::any)
            if (const StreamKey* keys = e.control->keys) return {keys[env].seed, keys[env].env, episode, step, purpose};
        return {e.control->seed, uint32_t(e.first_env + env), episode, step, purpose};
    }
};

/// Calls f(constant) for each of the environment's own rows.
template <class Env, class F>
SIM_HD void for_each_own_row(F&& f) {
    RowTable<Env>::for_each([&](auto row) {
        if constexpr (row >= num_built_in_rows) f(row);
    });
}

}  // namespace flockstep
