#pragma once

#include <cstdint>

#include "sim/engine/world_call.h"

/// Which choices are legal in a state: worked out once, in bits (Header::legal), by which the next actions are judged
/// and from which the masks are written.
namespace flockstep {

/// Choices of a MultiDiscrete part are numbered through its integers: number of choice `value` of integer k.
SIM_HD int choice_index(const ActionView& a, int k, int value) {
    int before = 0;
    for (int j = 0; j < k; ++j) before += a.n_each[j];
    return before + value;
}

/// One lane alone may ask.
template <class Env, class Group>
SIM_HD bool is_legal(const WorldCall<Env, Group>& call, const ActionView& a, int agent, int choice) {
    if constexpr (masks_actions<Env>)
        if (a.legal_words > 0)
            return call.header.legal[a.first_legal + (agent - a.first) * a.legal_words + choice / 32] >> (choice % 32) &
                   1;
    return true;
}

/// One word of 32 choices at a time.
template <class Env, class Group>
SIM_HD void ask_for_each_choice(WorldCall<Env, Group>& call, const ActionView& a, int part) {
    if (a.legal_words == 0) return;
    const int choices = a.n_each ? choice_index(a, a.size, 0) : a.n;
    call.group.for_each(a.count * a.legal_words, [&](int i) {
        const int agent = a.first + i / a.legal_words, first = i % a.legal_words * 32;
        uint32_t bits = 0;
        for (int k = 0; k < 32 && first + k < choices; ++k)
            bits |= uint32_t(ask_action<Env>(
                        part % TensorsOf<Env>::num_actions,
                        [&](auto handle) { return Env::allowed(call.world, agent, handle, first + k); }))
                    << k;
        call.header.legal[a.first_legal + i] = bits;
    });
}

/// Asks the rules, in this state. Ends with a sync.
template <class Env, class Group>
SIM_HD void find_legal_actions(WorldCall<Env, Group>& call) {
    if constexpr (masks_actions<Env>) {
        call.world.elapsed = call.header.elapsed[0];
        call.world.rng = {};
        if constexpr (has_legal_actions<Env>) {
            call.group.for_each(call.e.legal_words, [&](int i) { call.header.legal[i] = 0; });
            call.group.sync();
            Env::legal_actions(
                call.group, call.world,
                LegalActions<Env>{call.header.legal.first, call.header.legal.stride, call.e.actions, call.num_roles()});
        } else {
            for (int p = 0; p < call.num_action_parts(); ++p) ask_for_each_choice(call, call.action_part(p), p);
        }
        call.group.sync();
    }
}
/// Compiled once and called: see begin_episode_apart().
template <class Env, class Group>
SIM_NOINLINE void find_legal_actions_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldCall<Env, Group> call(group, e, e.config, env, place);
    find_legal_actions(call);
}

/// Where choices can be illegal: once the state is the one that the next actions will meet.
template <class Env, class Group>
SIM_HD void renew_legal_actions(WorldCall<Env, Group>& call) {
    if constexpr (masks_actions<Env>) {
        if (call.e.legal_words == 0) return;
        if constexpr (requires { Group::prefers_inlining; })
            find_legal_actions(call);
        else
            find_legal_actions_apart<Env, Group>(call.group, call.e, call.env, call.place);
    }
}

}  // namespace flockstep
