#pragma once

#include <cstdint>

#include "sim/engine/world_call.h"

/// Which choices are legal in a state: computed once, as bits (EpisodeState::legal), which validate the next actions
/// and from which the masks are written.
namespace flockstep {

/// Choices of a MultiDiscrete part are numbered across its integers: index of choice `value` of integer k.
SIM_HD int choice_index(const ActionView& a, int k, int value) {
    int before = 0;
    for (int j = 0; j < k; ++j) before += a.n_each[j];
    return before + value;
}

/// May be called by a single lane.
template <class Env, class Group>
SIM_HD bool is_legal(const WorldCall<Env, Group>& call, const ActionView& a, int agent, int choice) {
    if constexpr (masks_actions<Env>)
        if (a.legal_words > 0)
            return call.episode_state.legal[a.first_legal + (agent - a.first) * a.legal_words + choice / 32] >>
                       (choice % 32) &
                   1;
    return true;
}

/// Computes one word of 32 choices at a time.
template <class Env, class Group>
SIM_HD void query_each_choice(WorldCall<Env, Group>& call, const ActionView& a, int part) {
    if (a.legal_words == 0) return;
    const int choices = a.n_each ? choice_index(a, a.size, 0) : a.n;
    call.group.for_each(a.count * a.legal_words, [&](int i) {
        const int agent = a.first + i / a.legal_words, first = i % a.legal_words * 32;
        uint32_t bits = 0;
        for (int k = 0; k < 32 && first + k < choices; ++k)
            bits |= uint32_t(query_action<Env>(
                        part % TensorsOf<Env>::num_actions,
                        [&](auto handle) { return Env::allowed(call.world, agent, handle, first + k); }))
                    << k;
        call.episode_state.legal[a.first_legal + i] = bits;
    });
}

/// Calls the rules for the current state. Ends with a sync.
template <class Env, class Group>
SIM_HD void compute_legal_actions(WorldCall<Env, Group>& call) {
    if constexpr (masks_actions<Env>) {
        call.world.elapsed = call.episode_state.elapsed[0];
        call.world.rng = {};
        if constexpr (has_legal_actions<Env>) {
            call.group.for_each(call.e.legal_words, [&](int i) { call.episode_state.legal[i] = 0; });
            call.group.sync();
            Env::legal_actions(call.group, call.world,
                               LegalActions<Env>{call.episode_state.legal.first, call.episode_state.legal.stride,
                                                 call.e.actions, call.num_roles()});
        } else {
            for (int p = 0; p < call.num_action_parts(); ++p) query_each_choice(call, call.action_part(p), p);
        }
        call.group.sync();
    }
}
/// Not inlined: see begin_episode_noinline().
template <class Env, class Group>
SIM_NOINLINE void compute_legal_actions_noinline(Group group, const EngineView<Env>& e, int64_t env,
                                                 EnvMemory<Env> memory) {
    WorldCall<Env, Group> call(group, e, e.config, env, memory);
    compute_legal_actions(call);
}

/// Call when the state is final for this step, so that the bits apply to the next actions. No-op if nothing can be
/// illegal.
template <class Env, class Group>
SIM_HD void update_legal_actions(WorldCall<Env, Group>& call) {
    if constexpr (masks_actions<Env>) {
        if (call.e.legal_words == 0) return;
        if constexpr (requires { Group::prefers_inlining; })
            compute_legal_actions(call);
        else
            compute_legal_actions_noinline<Env, Group>(call.group, call.e, call.env, call.memory);
    }
}

}  // namespace flockstep
