#pragma once

#include <cstdint>

#include "sim/contract/field.h"
#include "sim/contract/hd.h"
#include "sim/contract/part_view.h"
#include "sim/contract/random_streams.h"
#include "sim/contract/rows.h"
#include "sim/contract/tensors.h"
#include "sim/contract/view.h"

/// The arguments of an environment's functions. The contract itself is described in environment.h.
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
/// All of them are plain data, valid during the call; no function waits or checks indices.
namespace flockstep {

/// Used as Shared or Scratch if an environment has none.
struct Nothing {
    /// Visits no fields.
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

/// Sizes to specialize for: kernels with one lane per world are compiled a second time with these members of Config as
/// constants, at their default values, so that loops over agents unroll. The first is the number of agents.
template <auto first, auto... others>
struct ConstantSizes {
    /// Sets the members to their defaults.
    template <class Config>
    SIM_HD static constexpr void apply(Config& config) {
        constexpr Config defaults{};
        config.*first = defaults.*first;
        ((config.*others = defaults.*others), ...);
    }
    /// The default of the first member.
    template <class Config>
    static constexpr int num_agents() {
        return Config{}.*first;
    }
};

/// One world, as passed to its rules.
template <class Env>
struct World {
    const typename Env::Config& config;
    const SharedOf<Env>& shared;
    typename Env::State state;
    ScratchOf<Env> scratch;  // uninitialized before each call of reset, derive, step, act and prepare; also of observe
                             // if there is no prepare
    StreamRng<Env> rng;      // for this reset, step or act; the other functions draw no random numbers
    int elapsed;             // steps since the reset, not counting the current one
    int64_t all_envs = 1;    // number of worlds over all ranks
};

/// Layout of a world's action words: one array per handle, [num_agents, size] each, floats as their bits. Rows of
/// agents whose role does not have the part are unused.
struct ActionLayout {
    const int* offset;  // first word of each action handle
    const int* size;    // words per agent

    /// Index of the word for number k of an agent's part.
    template <class Env, class H>
    SIM_HD int index(H, int agent, int k) const {
        constexpr int part = index_of_tensor<Env, H>();
        if constexpr (H::kind == TensorKind::discrete && TensorsOf<Env>::num_actions == 1) return agent;
        if constexpr (H::kind == TensorKind::discrete) return offset[part] + agent;
        return offset[part] + agent * size[part] + k;
    }
};

/// The validated actions of one world's step: choices that are out of range or illegal are replaced by the default
/// choice, floats are clamped to their bounds, NaN becomes the lower bound. If BatchOptions::illegal_actions passes
/// them, illegal choices are unchanged; they are always in range. Read from staged memory.
template <class Env>
struct Actions {
    const int32_t* words;
    ActionLayout layout;

    /// An agent's choice for a Discrete part, or integer k of a MultiDiscrete part.
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

/// Receives a scripted policy's actions; choices are initialized to the parts' default choices, floats to 0.
template <class Env>
struct ActionWriter {
    int32_t* words;
    ActionLayout layout;

    /// Reference to an agent's choice: see Actions::choice.
    template <class H>
    SIM_HD int32_t& choice(H handle, int agent, int k = 0) const {
        static_assert(is_choice<H>, "choice: want a Discrete or MultiDiscrete handle");
        return words[layout.template index<Env>(handle, agent, k)];
    }
    /// Sets float k of an agent's Box part. Validated like the caller's actions.
    template <class H>
    SIM_HD void set_value(H handle, int agent, int k, float value) const {
        static_assert(H::kind == TensorKind::box, "set_value: want a Box handle");
        __builtin_memcpy(&words[layout.template index<Env>(handle, agent, k)], &value, 4);
    }
};

/// The outputs of a step. All numbers are initialized to 0 and flags to false; rules only write what differs.
template <class Env>
struct Outcome {
    RowPointers<Env> rows;

    /// An agent's reward for this step.
    SIM_HD float& reward(int agent) const { return rows.reward(agent); }
    /// Whether the agent's episode has ended by the rules. Must be set in every step until the reset, since it starts
    /// as false. The world's episode ends when it is true for all active agents.
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

/// The legal choices that `legal_actions` reports: bits that are initialized to 0.
template <class Env>
struct LegalActions {
    uint32_t* bits;
    int stride;               // between words: worlds may be interleaved
    const ActionView* parts;  // [roles, action handles]
    int num_roles;

    /// Marks a choice, which must be in range, as legal: of a Discrete part, or of a MultiDiscrete part, numbered
    /// across its integers. By any lane: an atomic. No-op for an agent whose role does not have the part.
    template <class Group, class H>
    SIM_HD void allow(Group& group, H, int agent, int choice) const {
        static_assert(is_choice<H>, "allow: want a Discrete or MultiDiscrete handle");
        if (uint32_t* word = find(H{}, agent, choice / 32)) group.atomic_or(*word, 1u << (choice % 32));
    }
    /// Sets the legality of choices [32 word, 32 word + 32) with one store; only one lane may write a given word.
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

/// The scope of an environment's metric: a world (`metric`); or agents (`agent_metric`), averaged over those that took
/// part, of all roles or of each role.
enum class MetricScope : int { env, agent, role };

/// Agents [first, last) of one role, which one call of observe writes.
struct AgentRange {
    int role, first, last;
};

}  // namespace flockstep
