#pragma once

#include <cstdint>
#include <cstring>

#include "sim/engine/legal_actions.h"
#include "sim/engine/world_call.h"

/// The actions of a step: loaded from the input tensors, computed for roles with scripted policies, then validated. In
/// memory.action a world has one word per number, floats as their bits.
namespace flockstep {

/// A word of an action tensor; an int64 that does not fit an int32 becomes -1.
SIM_HD int32_t load_action_word(const ActionView& a, int64_t at) {
    if (!a.is_int64) return static_cast<const int32_t*>(a.input)[at];
    const int64_t value = static_cast<const int64_t*>(a.input)[at];
    return value == int32_t(value) ? int32_t(value) : -1;
}
/// Loads the world's actions into memory.action without validation. No sync. Takes no WorldCall, because a step only
/// creates that once the state is loaded.
template <class Env, class Group>
SIM_HD void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env, const EnvMemory<Env>& memory) {
    using Call = WorldCall<Env, Group>;
    for (int p = 0; p < (Call::is_plain ? 1 : e.num_action_parts); ++p) {
        const ActionView a = Call::action_part(e, p);
        if (!Call::is_plain && e.num_scripted > 0 && !a.input) continue;
        int32_t* to = memory.action + a.first_word;
        const int64_t start = env * a.env_stride;
        group.for_each(a.count * a.size, [&](int i) { to[i] = load_action_word(a, start + i); });
    }
}

/// The default choice for word i.
SIM_HD int default_choice(const ActionView& a, int i) {
    return a.default_choice_each ? a.default_choice_each[a.component(i)] : a.default_choice;
}

/// Records the batch's first invalid action, for the host to read; see ActionError. By one lane.
template <class Env, class Group>
SIM_HD void report_error(WorldCall<Env, Group>& call, int code, int part, int agent, int integer, int64_t value) {
    ActionError& error = call.e.control->error;
    if (!call.is_active(agent) || !compare_exchange_zero(error.code, code)) return;
    error.part = part, error.agent = agent - call.e.first_learner, error.integer = integer, error.value = value;
    error.env = call.env, error.step = call.episode_state.elapsed[0];
}
template <class Env, class Group>
SIM_HD int32_t validate_choice(WorldCall<Env, Group>& call, const ActionView& a, int part, int i, int32_t value) {
    const int agent = a.agent(i), k = a.component(i), n = a.n_each ? a.n_each[k] : a.n;
    const bool in_range = value >= 0 && value < n;
    if (in_range && (call.e.illegal_actions == IllegalActions::pass || value == default_choice(a, i) ||
                     is_legal(call, a, agent, choice_index(a, k, value))))
        return value;
    const int64_t at = call.env * a.env_stride + i;
    report_error(call, in_range ? 2 : 1, part, agent, k,
                 a.is_int64 && a.input ? static_cast<const int64_t*>(a.input)[at] : value);
    return default_choice(a, i);
}
template <class Env, class Group>
SIM_HD int32_t validate_float(WorldCall<Env, Group>& call, const ActionView& a, int part, int i, int32_t word) {
    float value;
    memcpy(&value, &word, 4);
    const int k = a.component(i);
    if (value >= a.low[k] && value <= a.high[k]) return word;
    report_error(call, 1, part, a.agent(i), k, word);
    return int32_t(float_bits(value > a.high[k] ? a.high[k] : a.low[k]));
}
/// Replaces actions that are out of range or illegal by the default choice (Box: the nearest bound) and reports them.
/// Ends with a sync.
template <class Env, class Group>
SIM_HD void validate_actions(WorldCall<Env, Group>& call) {
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        int32_t* words = call.memory.action + a.first_word;
        call.group.for_each(a.count * a.size, [&](int i) {
            words[i] = a.is_box ? validate_float(call, a, p, i, words[i]) : validate_choice(call, a, p, i, words[i]);
        });
    }
    call.group.sync();
}

/// Uniformly random: floats within their bounds, choices among the legal ones.
template <class Env, class Group>
SIM_HD void act_randomly(WorldCall<Env, Group>& call, const Rng& drawn, uint32_t draw, int32_t* words) {
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
/// Computes a policy's actions for the current state into `words`, an array of a world's size; -1 is the random policy.
/// Ends with a sync.
template <class Env, class Group>
SIM_HD void run_policy(WorldCall<Env, Group>& call, int policy, uint32_t draw, int32_t* words) {
    call.world.elapsed = call.episode_state.elapsed[0];
    const Rng drawn = call.rng(policy < 0 ? Purpose::action : Purpose::policy, call.episode_state.episode[0],
                               uint32_t(call.world.elapsed) + 1);
    call.world.rng = drawn;
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        call.group.for_each(a.count * a.size,
                            [&](int i) { words[a.first_word + i] = a.is_box ? 0 : default_choice(a, i); });
    }
    call.group.sync();
    if (policy < 0)
        act_randomly(call, drawn, draw, words);
    else if constexpr (requires { Env::act(call.group, call.world, policy, ActionWriter<Env>{}); })
        Env::act(call.group, call.world, policy, ActionWriter<Env>{words, call.action_layout()});
    call.group.sync();
}
/// The same, stored to the engine's own action tensors.
template <class Env, class Group>
SIM_HD void act(WorldCall<Env, Group>& call, int policy, uint32_t draw) {
    run_policy(call, policy, draw, call.memory.action);
    for (int p = 0; p < call.num_action_parts(); ++p) {
        const ActionView a = call.action_part(p);
        if (call.has_scripted() && !a.own) continue;
        const int32_t* from = call.memory.action + a.first_word;
        int32_t* to = a.own + call.env * a.env_stride;
        call.group.for_each(a.count * a.size, [&](int i) { to[i] = from[i]; });
    }
}

/// Whether a previous role has the same policy.
SIM_HD bool policy_has_run(const EngineCommon& e, int r) {
    for (int before = 0; before < r; ++before)
        if (e.roles[before].policy == e.roles[r].policy) return true;
    return false;
}
template <class Env, class Group>
SIM_HD void copy_role_actions(WorldCall<Env, Group>& call, int r, const int32_t* words) {
    constexpr int handles = TensorsOf<Env>::num_actions;
    for (int p = r * handles; p < (r + 1) * handles; ++p) {
        const ActionView a = call.action_part(p);
        call.group.for_each(a.count * a.size,
                            [&](int i) { call.memory.action[a.first_word + i] = words[a.first_word + i]; });
    }
}
/// Computes the actions of scripted roles, running each policy once.
template <class Env, class Group>
SIM_HD void play_scripted_roles(WorldCall<Env, Group>& call) {
    int32_t* const words = call.memory.action + call.e.action_words;
    for (int r = 0; r < call.num_roles(); ++r) {
        if (call.e.roles[r].policy == RoleView::learns || policy_has_run(call.e, r)) continue;
        run_policy(call, call.e.roles[r].policy, 0, words);
        for (int other = r; other < call.num_roles(); ++other)
            if (call.e.roles[other].policy == call.e.roles[r].policy) copy_role_actions(call, other, words);
        call.group.sync();
    }
}
/// Compiled once and called: see begin_episode_noinline().
template <class Env, class Group>
SIM_NOINLINE void play_scripted_roles_noinline(Group group, const EngineView<Env>& e, int64_t env,
                                               EnvMemory<Env> memory) {
    WorldCall<Env, Group> call(group, e, e.config, env, memory);
    play_scripted_roles(call);
}

}  // namespace flockstep
