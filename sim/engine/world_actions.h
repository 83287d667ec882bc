#pragma once

#include <cstdint>
#include <cstring>

#include "sim/engine/legal_actions.h"
#include "sim/engine/world_call.h"

/// The actions of a step: fetched as they were given, chosen for roles that scripted policies play, then judged. In
/// place.action a world has one word for each number, floats as their bits.
namespace flockstep {

/// A word of an action tensor; int64 that no int32 holds becomes -1.
SIM_HD int32_t given_word(const ActionView& a, int64_t at) {
    if (!a.is_int64) return static_cast<const int32_t*>(a.input)[at];
    const int64_t value = static_cast<const int64_t*>(a.input)[at];
    return value == int32_t(value) ? int32_t(value) : -1;
}
/// Brings the world's actions to place.action as they were given. No sync. Without a WorldCall, since that of a step is
/// not made before the state is there.
template <class Env, class Group>
SIM_HD void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env, const Place<Env>& place) {
    using Call = WorldCall<Env, Group>;
    for (int p = 0; p < (Call::is_plain ? 1 : e.num_action_parts); ++p) {
        const ActionView a = Call::action_part(e, p);
        if (!Call::is_plain && e.num_scripted > 0 && !a.input) continue;
        int32_t* to = place.action + a.first_word;
        const int64_t start = env * a.env_stride;
        group.for_each(a.count * a.size, [&](int i) { to[i] = given_word(a, start + i); });
    }
}

/// The default choice of word i.
SIM_HD int fallback(const ActionView& a, int i) {
    return a.fallback_each ? a.fallback_each[a.component(i)] : a.fallback;
}

/// Remembers the first refused action of the batch, for the host to read; see ActionError. One lane.
template <class Env, class Group>
SIM_HD void report(WorldCall<Env, Group>& call, int code, int part, int agent, int integer, int64_t value) {
    ActionError& error = call.e.control->error;
    if (!call.is_active(agent) || !compare_exchange_zero(error.code, code)) return;
    error.part = part, error.agent = agent - call.e.first_learner, error.integer = integer, error.value = value;
    error.env = call.env, error.step = call.header.elapsed[0];
}
template <class Env, class Group>
SIM_HD int32_t judge_choice(WorldCall<Env, Group>& call, const ActionView& a, int part, int i, int32_t value) {
    const int agent = a.agent(i), k = a.component(i), n = a.n_each ? a.n_each[k] : a.n;
    const bool in_range = value >= 0 && value < n;
    if (in_range && (call.e.illegal_actions == IllegalActions::pass || value == fallback(a, i) ||
                     is_legal(call, a, agent, choice_index(a, k, value))))
        return value;
    const int64_t at = call.env * a.env_stride + i;
    report(call, in_range ? 2 : 1, part, agent, k,
           a.is_int64 && a.input ? static_cast<const int64_t*>(a.input)[at] : value);
    return fallback(a, i);
}
template <class Env, class Group>
SIM_HD int32_t judge_float(WorldCall<Env, Group>& call, const ActionView& a, int part, int i, int32_t word) {
    float value;
    memcpy(&value, &word, 4);
    const int k = a.component(i);
    if (value >= a.low[k] && value <= a.high[k]) return word;
    report(call, 1, part, a.agent(i), k, word);
    return int32_t(float_bits(value > a.high[k] ? a.high[k] : a.low[k]));
}
/// What is out of range or illegal becomes the default choice (Box: the nearest bound) and is reported. Ends with a
/// sync.
template <class Env, class Group>
SIM_HD void judge_actions(WorldCall<Env, Group>& call) {
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        int32_t* words = call.place.action + a.first_word;
        call.group.for_each(a.count * a.size, [&](int i) {
            words[i] = a.is_box ? judge_float(call, a, p, i, words[i]) : judge_choice(call, a, p, i, words[i]);
        });
    }
    call.group.sync();
}

/// Uniformly: floats between their bounds, choices among the legal ones.
template <class Env, class Group>
SIM_HD void act_at_random(WorldCall<Env, Group>& call, const Rng& drawn, uint32_t draw, int32_t* words) {
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        int32_t* to = words + a.first_word;
        call.group.for_each(a.count * a.size, [&](int i) {
            const int agent = a.agent(i), k = a.component(i);
            const uint32_t bits = drawn.bits(uint32_t(agent), (draw + uint32_t(a.first_draw + k)) & 16383u);
            if (a.is_box) {
                to[i] = int32_t(float_bits(a.low[k] + (a.high[k] - a.low[k]) * unit_float(bits)));
                return;
            }
            const int n = a.n_each ? a.n_each[k] : a.n, first = a.n_each ? choice_index(a, k, 0) : 0;
            int permitted = 0;
            for (int c = 0; c < n; ++c) permitted += is_legal(call, a, agent, first + c);
            int rank = int((uint64_t{bits} * uint32_t(permitted)) >> 32);
            for (int c = 0; c < n; ++c)
                if (is_legal(call, a, agent, first + c) && rank-- == 0) to[i] = c;
        });
    }
}
/// A policy's actions for this state into `words`, which are as long as a world's actions; -1 is random. Ends with a
/// sync.
template <class Env, class Group>
SIM_HD void choose_actions(WorldCall<Env, Group>& call, int policy, uint32_t draw, int32_t* words) {
    call.world.elapsed = call.header.elapsed[0];
    const Rng drawn = call.rng(policy < 0 ? Purpose::action : Purpose::policy, call.header.episode[0],
                               uint32_t(call.world.elapsed) + 1);
    call.world.rng = drawn;
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        call.group.for_each(a.count * a.size, [&](int i) { words[a.first_word + i] = a.is_box ? 0 : fallback(a, i); });
    }
    call.group.sync();
    if (policy < 0)
        act_at_random(call, drawn, draw, words);
    else if constexpr (requires { Env::act(call.group, call.world, policy, ActionWriter<Env>{}); })
        Env::act(call.group, call.world, policy, ActionWriter<Env>{words, call.action_layout()});
    call.group.sync();
}
/// The same, into the engine's own action tensors.
template <class Env, class Group>
SIM_HD void act(WorldCall<Env, Group>& call, int policy, uint32_t draw) {
    choose_actions(call, policy, draw, call.place.action);
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        if (call.has_scripted() && !a.own) continue;
        const int32_t* from = call.place.action + a.first_word;
        int32_t* to = a.own + call.env * a.env_stride;
        call.group.for_each(a.count * a.size, [&](int i) { to[i] = from[i]; });
    }
}

/// A role before this one has the same policy.
SIM_HD bool is_played(const EngineCommon& e, int r) {
    for (int before = 0; before < r; ++before)
        if (e.roles[before].policy == e.roles[r].policy) return true;
    return false;
}
template <class Env, class Group>
SIM_HD void take_actions(WorldCall<Env, Group>& call, int r, const int32_t* words) {
    constexpr int handles = TensorsOf<Env>::num_actions;
    for (int p = r * handles; p < (r + 1) * handles; ++p) {
        const ActionView a = call.action_part(p);
        call.group.for_each(a.count * a.size,
                            [&](int i) { call.place.action[a.first_word + i] = words[a.first_word + i]; });
    }
}
/// Roles that scripted policies play, each policy once.
template <class Env, class Group>
SIM_HD void play_scripted_roles(WorldCall<Env, Group>& call) {
    int32_t* const words = call.place.action + call.e.action_words;
    for (int r = 0; r < call.num_roles(); ++r) {
        if (call.e.roles[r].policy == RoleView::learns || is_played(call.e, r)) continue;
        choose_actions(call, call.e.roles[r].policy, 0, words);
        for (int other = r; other < call.num_roles(); ++other)
            if (call.e.roles[other].policy == call.e.roles[r].policy) take_actions(call, other, words);
        call.group.sync();
    }
}
/// Compiled once and called: see begin_episode_apart().
template <class Env, class Group>
SIM_NOINLINE void play_scripted_roles_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldCall<Env, Group> call(group, e, e.config, env, place);
    play_scripted_roles(call);
}

}  // namespace flockstep
