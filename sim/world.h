#pragma once

#include <cstdint>

#include "sim/field.h"
#include "sim/hd.h"
#include "sim/random.h"

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
    ScratchOf<Env> scratch;  // holds garbage before each call of reset, derive, step, act and observe
    Rng rng;                 // of this reset or step; not for derive and observe
    int elapsed;             // steps since the reset; the one under way is not counted
};

/// The actions of one world's step. Values out of range or forbidden were already replaced by 0 (Box: clipped).
struct Actions {
    const int32_t* words;       // all parts, one after the other: [agents of the role, size], floats as their bits
    const int* offset_of_part;  // first word of a part
    const int* first_of_part;   // first agent of its role
    const int* size_of_part;    // words per agent

    /// The choice of an agent where every role's action is one Discrete part.
    SIM_HD int operator[](int agent) const { return words[agent]; }
    /// Integer k of an agent's Discrete (k = 0) or MultiDiscrete part. Parts are numbered through all roles.
    SIM_HD int choice(int part, int agent, int k = 0) const { return words[index(part, agent, k)]; }
    /// Float k of an agent's Box part.
    SIM_HD float value(int part, int agent, int k = 0) const {
        float result;
        __builtin_memcpy(&result, &words[index(part, agent, k)], 4);
        return result;
    }

  private:
    SIM_HD int index(int part, int agent, int k) const {
        return offset_of_part[part] + (agent - first_of_part[part]) * size_of_part[part] + k;
    }
};

/// Where a scripted policy writes its actions, in the same layout.
struct ActionWriter {
    int32_t* words;
    SIM_HD int32_t& operator[](int agent) const { return words[agent]; }
};

/// What a step reports. Rewards start from 0 and flags from false; rules write what differs.
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
