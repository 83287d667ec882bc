#pragma once

#include <cstdint>

#include "sim/field.h"
#include "sim/hd.h"
#include "sim/random.h"
#include "sim/tensors.h"

/// What the functions of an environment are given. The contract itself is described in environment.h.
namespace flockstep {

/// Read-only data that all worlds use: one array of a Shared struct. The host loads it, the engine uploads it.
template <class T>
struct View {
    using value_type = T;
    const T* data = nullptr;
    int64_t size = 0;
    SIM_HD const T& operator[](int64_t i) const { return data[i]; }
};

/// Stands in for Shared or Scratch where an environment has none.
struct Nothing {
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
template <class Env>
using SharedOf = decltype(detail::shared_of<Env>());
template <class Env>
using ScratchOf = decltype(detail::scratch_of<Env>());

/// One world as its rules see it.
template <class Env>
struct World {
    const typename Env::Config& config;
    const SharedOf<Env>& shared;
    typename Env::State state;
    ScratchOf<Env> scratch;  // holds garbage before each call of reset, derive, step, act, prepare; of observe if
                             // there is no prepare
    Rng rng;                 // of this reset or step; not for derive and observe
    int elapsed;             // steps since the reset; the one under way is not counted
};

/// Where the words of a world's actions lie: handle after handle, [num_agents, size] each, floats as their bits. Rows
/// of agents whose role has no such part mean nothing.
struct ActionLayout {
    const int* offset;  // first word of each action handle
    const int* size;    // words per agent

    template <class Env, class H>
    SIM_HD int index(H, int agent, int k) const {
        constexpr int part = index_of_tensor<Env, H>();
        if constexpr (H::kind == TensorKind::discrete && TensorsOf<Env>::num_actions == 1) return agent;
        if constexpr (H::kind == TensorKind::discrete) return offset[part] + agent;
        return offset[part] + agent * size[part] + k;
    }
};

/// The actions of one world's step, judged: what was out of range or illegal was replaced.
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

/// Where a scripted policy writes its actions; they start from 0.
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
    template <class H>
    SIM_HD void set_value(H handle, int agent, int k, float value) const {
        static_assert(H::kind == TensorKind::box, "set_value: want a Box handle");
        __builtin_memcpy(&words[layout.template index<Env>(handle, agent, k)], &value, 4);
    }
};

/// What a step reports. Rewards start from 0 and flags from false; rules write what differs.
template <class Env>
struct Outcome {
    float* rewards;
    uint8_t* terminations;
    SIM_HD float& reward(int agent) const { return rewards[agent]; }
    /// True from the step in which the agent's episode ended by the rules until the reset.
    SIM_HD uint8_t& terminated(int agent) const { return terminations[agent]; }
};

/// Agents [first, last) of one role: what one call of observe is to write.
struct AgentRange {
    int role, first, last;
};

}  // namespace flockstep
