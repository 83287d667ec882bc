#pragma once

#include <cstdint>

#include "sim/contract/field.h"
#include "sim/contract/hd.h"
#include "sim/contract/part_view.h"
#include "sim/contract/random_streams.h"
#include "sim/contract/rows.h"
#include "sim/contract/tensors.h"
#include "sim/contract/view.h"

/// What the functions of an environment are given. The contract itself is described in environment.h.
///
///   template <class Group>
///   SIM_HD static void step(Group& group, World<Pursuit>& world, const Actions<Pursuit>& action,
///                           const Outcome<Pursuit>& outcome) {
///       group.for_each(world.config.num_agents, [&](int agent) {
///           const int to = world.state.cell[agent] + offset_of(action.choice(move, agent));
///           if (!world.shared.wall[to]) world.state.cell[agent] = to;
///           outcome.reward(agent) = to == world.state.goal[0] ? 1.0f : 0.0f;
///           outcome.terminated(agent) = to == world.state.goal[0];
///       });
///   }
///
/// All of it is plain data of the call; no function waits, and none checks an index.
namespace flockstep {

/// Stands in for Shared or Scratch where an environment has none.
struct Nothing {
    /// Visits nothing.
    template <class... Arguments>
    SIM_HD void fields(Arguments&&...) {}
};
namespace detail {
template <class Env>
auto shared_of() {
    if constexpr (requires { typename Env::Shared; })
        return typename Env::Shared{};
    else
        return Nothing{};
}
template <class Env>
auto scratch_of() {
    if constexpr (requires { typename Env::Scratch; })
        return typename Env::Scratch{};
    else
        return Nothing{};
}
}  // namespace detail
/// Env::Shared, or Nothing.
template <class Env>
using SharedOf = decltype(detail::shared_of<Env>());
/// Env::Scratch, or Nothing.
template <class Env>
using ScratchOf = decltype(detail::scratch_of<Env>());

/// Sizes that most users have: kernels of one lane per world are compiled once more, in which these members of Config
/// are constants, at their default values, so that loops over agents unroll. The first is the number of agents.
template <auto first, auto... others>
struct ConstantSizes {
    /// Sets the members to their defaults.
    template <class Config>
    SIM_HD static constexpr void apply(Config& config) {
        constexpr Config usual{};
        config.*first = usual.*first;
        ((config.*others = usual.*others), ...);
    }
    /// The default of the first member.
    template <class Config>
    static constexpr int num_agents() {
        return Config{}.*first;
    }
};

/// One world as its rules see it.
template <class Env>
struct World {
    const typename Env::Config& config;
    const SharedOf<Env>& shared;
    typename Env::State state;
    ScratchOf<Env> scratch;  // holds garbage before each call of reset, derive, step, act, prepare; of observe if
                             // there is no prepare
    StreamRng<Env> rng;      // of this reset, step or act; the other functions draw nothing
    int elapsed;             // steps since the reset; the one under way is not counted
    int64_t all_envs = 1;    // worlds of the run, those of all ranks
};

/// Where the words of a world's actions lie: handle after handle, [num_agents, size] each, floats as their bits. Rows
/// of agents whose role has no such part mean nothing.
struct ActionLayout {
    const int* offset;  // first word of each action handle
    const int* size;    // words per agent

    /// The word of number k of an agent's part.
    template <class Env, class H>
    SIM_HD int index(H, int agent, int k) const {
        constexpr int part = index_of_tensor<Env, H>();
        if constexpr (H::kind == TensorKind::discrete && TensorsOf<Env>::num_actions == 1) return agent;
        if constexpr (H::kind == TensorKind::discrete) return offset[part] + agent;
        return offset[part] + agent * size[part] + k;
    }
};

/// The actions of one world's step, judged: what was out of range or illegal was replaced by the default choice, a
/// float out of its bounds by the nearer one, NaN by the lower. Where BatchOptions::illegal_actions passes them,
/// illegal choices are here as they came; they are in range. Read from staged memory.
template <class Env>
struct Actions {
    const int32_t* words;
    ActionLayout layout;

    /// An agent's choice: of a Discrete part, or integer k of a MultiDiscrete part.
    template <class H>
    SIM_HD int choice(H handle, int agent, int k = 0) const {
        static_assert(is_choice<H>, "choice: want a Discrete or MultiDiscrete handle");
        return words[layout.template index<Env>(handle, agent, k)];
    }
    /// Float k of an agent's Box part.
    template <class H>
    SIM_HD float value(H handle, int agent, int k = 0) const {
        static_assert(H::kind == TensorKind::box, "value: want a Box handle");
        float result;
        __builtin_memcpy(&result, &words[layout.template index<Env>(handle, agent, k)], 4);
        return result;
    }
};

/// Where a scripted policy writes its actions; choices start from the parts' default choices, floats from 0.
template <class Env>
struct ActionWriter {
    int32_t* words;
    ActionLayout layout;

    /// The integer that becomes an agent's choice: see Actions.
    template <class H>
    SIM_HD int32_t& choice(H handle, int agent, int k = 0) const {
        static_assert(is_choice<H>, "choice: want a Discrete or MultiDiscrete handle");
        return words[layout.template index<Env>(handle, agent, k)];
    }
    /// Sets float k of an agent's Box part. Judged like actions from outside.
    template <class H>
    SIM_HD void set_value(H handle, int agent, int k, float value) const {
        static_assert(H::kind == TensorKind::box, "set_value: want a Box handle");
        __builtin_memcpy(&words[layout.template index<Env>(handle, agent, k)], &value, 4);
    }
};

/// What a step reports. All numbers start from 0 and flags from false; rules write what differs.
template <class Env>
struct Outcome {
    RowPointers<Env> rows;

    /// An agent's reward of this step.
    SIM_HD float& reward(int agent) const { return rows.reward(agent); }
    /// Whether the agent's episode has ended by the rules: to be written in every step from then on until the reset,
    /// since it starts from false. The world's ends once it is true of all agents that are active.
    SIM_HD uint8_t& terminated(int agent) const { return rows.template flag<terminated_row>(agent); }
    /// Number k of an agent's PerAgent output.
    template <class H>
    SIM_HD typename H::type& value(H, int agent, int k = 0) const requires(H::kind == TensorKind::per_agent) {
        constexpr int row = num_built_in_rows + index_of_tensor<Env, H>();
        return rows.template number<row>(agent * H::size + k);
    }
    /// Number k of the world's PerEnv or PerEpisode output.
    template <class H>
    SIM_HD typename H::type& value(H, int k = 0) const requires(is_output<H>&& H::kind != TensorKind::per_agent) {
        constexpr int row = num_built_in_rows + index_of_tensor<Env, H>();
        return rows.template number<row>(k);
    }
};

/// Which choices are legal, as `legal_actions` tells the engine: bits that start from 0.
template <class Env>
struct LegalActions {
    uint32_t* bits;
    int stride;               // of the words: worlds may be interleaved
    const ActionView* parts;  // [roles, action handles]
    int num_roles;

    /// Allows a choice in range: of a Discrete part, or of a MultiDiscrete part, counted through its integers. By any
    /// lane: an atomic. Does nothing for an agent whose role has no such part.
    template <class Group, class H>
    SIM_HD void allow(Group& group, H, int agent, int choice) const {
        static_assert(is_choice<H>, "allow: want a Discrete or MultiDiscrete handle");
        if (uint32_t* word = find(H{}, agent, choice / 32)) group.atomic_or(*word, 1u << (choice % 32));
    }
    /// The same for choices [32 word, 32 word + 32), which it sets and forbids at once, by the one lane that writes
    /// this word: a store.
    template <class H>
    SIM_HD void set_word(H, int agent, int word, uint32_t choices) const {
        static_assert(is_choice<H>, "set_word: want a Discrete or MultiDiscrete handle");
        if (uint32_t* to = find(H{}, agent, word)) *to = choices;
    }

  private:
    template <class H>
    SIM_HD uint32_t* find(H, int agent, int word) const {
        for (int role = 0; role < num_roles; ++role) {
            const ActionView& part = parts[role * TensorsOf<Env>::num_actions + index_of_tensor<Env, H>()];
            const int at = agent - part.first;
            if (part.legal_words > 0 && at >= 0 && at < part.count)
                return bits + (part.first_legal + at * part.legal_words + word) * stride;
        }
        return nullptr;
    }
};

/// What a metric of the rules is about: a world (`metric`); or agents (`agent_metric`), as a mean over those that took
/// part, of all roles or of each role.
enum class MetricScope : int { env, agent, role };

/// Agents [first, last) of one role: what one call of observe is to write.
struct AgentRange {
    int role, first, last;
};

}  // namespace flockstep
