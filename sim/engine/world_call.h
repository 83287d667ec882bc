#pragma once

#include <cstdint>

#include "sim/contract/world.h"
#include "sim/engine/world_layout.h"

namespace flockstep {

/// Whether worlds may have seeds of their own, as the compiler knows it.
enum class Seeds : int { any, shared };

/// One world during a call, by all lanes of a group: what the functions of a step are given, those of world_engine.h
/// and of the headers that it includes. Unless they say otherwise, all lanes call them together.
template <class Env, class Group>
struct WorldCall {
    static constexpr bool is_usual = has_usual_sizes<Env, Group>;
    /// One role, one observation part of floats, one Discrete action without a mask; the number of agents is known.
    static constexpr bool is_plain = is_single<Env> || is_usual;

    Group& group;
    const EngineView<Env>& e;
    const int64_t env;
    const Place<Env> place;
    Header header;
    World<Env> world;

    /// `config`: e.config, or what config_seen() made of it. It must outlive this object, and lie apart from it: an
    /// object that points into itself does not fit into registers.
    SIM_HD WorldCall(Group& group, const EngineView<Env>& e, const typename Env::Config& config, int64_t env,
                     const Place<Env>& place)
        : group(group), e(e), env(env), place(place), world(World<Env>{config, e.shared, {}, {}, {}, 0, e.all_envs}) {
        Binder<Group::tile_worlds> state{e.state_fields, place.tile, env, place.tile_worlds, place.tile_index};
        visit_state(e, config, header, world.state, state);
        Binder<Group::tile_worlds> scratch{e.scratch_fields, place.scratch, env, place.tile_worlds, place.tile_index};
        visit_scratch(e, config, world.scratch, scratch);
    }

    SIM_HD static constexpr int known_agents() {
        if constexpr (is_usual) return Env::UsualSizes::template num_agents<typename Env::Config>();
        return 1;
    }
    SIM_HD int num_agents() const { return is_plain ? known_agents() : e.num_agents; }
    SIM_HD int num_roles() const { return is_plain ? 1 : e.num_roles; }
    SIM_HD RoleView role(int r) const {
        if constexpr (is_plain) return {0, known_agents(), 0, 1, 0, 0, RoleView::learns};
        return e.roles[r];
    }
    SIM_HD RoleView all_agents() const { return {0, num_agents(), 0, 0, 0, 0, RoleView::learns}; }
    /// Roles are played inside a step.
    SIM_HD bool has_scripted() const { return !is_plain && e.num_scripted > 0; }

    SIM_HD int num_action_parts() const { return is_plain ? 1 : e.num_action_parts; }
    SIM_HD static ActionView action_part(const EngineView<Env>& e, int p) {
        ActionView a = e.actions[p];
        if constexpr (is_plain)
            a.first = a.first_word = 0, a.count = known_agents(), a.size = 1, a.is_box = false, a.n_each = nullptr,
            a.fallback_each = nullptr, a.legal_words = 0;
        return a;
    }
    SIM_HD ActionView action_part(int p) const { return action_part(e, p); }
    SIM_HD ActionLayout action_layout() const { return {e.action_offset, e.action_size}; }

    SIM_HD bool is_active(int agent) const {
        if constexpr (some_inactive<Env>) return Env::active(world, agent);
        return true;
    }
    SIM_HD uint8_t& terminated(int agent) const { return place.rows.template flag<terminated_row>(agent); }
    SIM_HD uint8_t& truncated(int agent) const { return place.rows.template flag<truncated_row>(agent); }

    /// `seeds`: shared where it is known that no world has a seed of its own: then a GPU keeps the seed in registers of
    /// the warp.
    template <Seeds seeds = Seeds::any>
    SIM_HD Rng rng(Purpose purpose, uint32_t episode, uint32_t step) const {
        if constexpr (seeds == Seeds::any)
            if (const StreamKey* keys = e.control->keys) return {keys[env].seed, keys[env].env, episode, step, purpose};
        return {e.control->seed, uint32_t(e.first_env + env), episode, step, purpose};
    }
};

/// f(constant): with each of the environment's own rows.
template <class Env, class F>
SIM_HD void for_each_own_row(F&& f) {
    RowTable<Env>::for_each([&](auto row) {
        if constexpr (row >= num_built_in_rows) f(row);
    });
}

}  // namespace flockstep
