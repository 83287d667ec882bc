#pragma once

#include <cstdint>
#include <type_traits>

#include "sim/contract/hd.h"
#include "sim/contract/name.h"

/// The tensors of an environment as its rules name them: typed handles, one constant each, listed once.
///
///   static constexpr Observation<"pose", float> pose{};
///   static constexpr Observation<"lights", Bit> lights{};
///   static constexpr Discrete<"gear"> gear{};
///   static constexpr Box<"motor"> motor{};
///   static constexpr auto tensors = tensor_list(pose, lights, gear, motor);
///
/// `spaces` says which role has which observations and actions, and their shapes; outputs (PerAgent, PerEnv,
/// PerEpisode) are there for all. Rules write and read through them: out.row(pose, agent), action.choice(gear, agent),
/// outcome.value(damage, agent). A handle of the wrong kind or type, or one that is not listed,
/// does not compile. A handle that several roles have is a tensor of each of them.
namespace flockstep {

/// An observation that rules write as bits; on its way to memory each becomes 0 or 1 of a number type.
struct Bit {};

/// What a handle names.
enum class TensorKind { observation, discrete, multi_discrete, box, per_agent, per_env, per_episode };

/// What every handle has. Handles are empty: they cost nothing at run time, and their types tell them apart.
template <Name name_, TensorKind kind_>
struct TensorHandle {
    /// What it is, and the name by which Python, flags and checkpoints know it.
    static constexpr TensorKind kind = kind_;
    static constexpr const char* name = name_.text;
};
/// A part of an observation, written as T: float, uint8_t, int8_t or Bit. [num_envs, agents of the role, shape...]
template <Name name_, class T>
struct Observation : TensorHandle<name_, TensorKind::observation> {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, uint8_t> || std::is_same_v<T, int8_t> ||
                      std::is_same_v<T, Bit>,
                  "Observation: want float, uint8_t, int8_t or Bit");
    using type = T;  /// of the elements, as rules write them
};
/// A part of an action: one integer from 0 to n - 1.
template <Name name_>
struct Discrete : TensorHandle<name_, TensorKind::discrete> {};
/// A part of an action: several integers, each with choices of its own.
template <Name name_>
struct MultiDiscrete : TensorHandle<name_, TensorKind::multi_discrete> {};
/// A part of an action: several float32, each within bounds of its own.
template <Name name_>
struct Box : TensorHandle<name_, TensorKind::box> {};

/// An output beside reward and flags: `size` numbers of type T (float, int32_t or uint8_t) that a step reports through
/// outcome.value(handle, ...). They start from 0 at every step, and their sum over an episode is a metric of the same
/// name (of components NAME.0, NAME.1, ... where there are several), added in float32.
template <Name name_, TensorKind kind_, class T, int size_>
struct OutputHandle : TensorHandle<name_, kind_> {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, int32_t> || std::is_same_v<T, uint8_t>,
                  "PerAgent, PerEnv, PerEpisode: want float, int32_t or uint8_t");
    static_assert(size_ >= 1, "PerAgent, PerEnv, PerEpisode: want at least one number");
    using type = T;                     /// of the numbers
    static constexpr int size = size_;  /// numbers per agent or world
};
/// Numbers of each agent: shaped rewards, costs, collisions. [num_envs, num_agents], or [..., size] where size > 1. The
/// metric is a mean over the agents that took part, one for every role.
template <Name name_, class T = float, int size = 1>
struct PerAgent : OutputHandle<name_, TensorKind::per_agent, T, size> {};
/// Numbers of each world. [num_envs] or [num_envs, size].
template <Name name_, class T = float, int size = 1>
struct PerEnv : OutputHandle<name_, TensorKind::per_env, T, size> {};
/// The same, but what the output shows is what the step reported that ended a world's last episode (0 before the
/// first): results. The metric is the mean of these. Kept as float32: integers are exact up to 2^24.
template <Name name_, class T = float, int size = 1>
struct PerEpisode : OutputHandle<name_, TensorKind::per_episode, T, size> {};

/// H is an Observation.
template <class H>
inline constexpr bool is_observation = H::kind == TensorKind::observation;
/// H is a PerAgent, PerEnv or PerEpisode.
template <class H>
inline constexpr bool is_output =
    H::kind == TensorKind::per_agent || H::kind == TensorKind::per_env || H::kind == TensorKind::per_episode;
/// H is a Discrete, MultiDiscrete or Box.
template <class H>
inline constexpr bool is_action = !is_observation<H> && !is_output<H>;
/// A part of an action that consists of choices, which masks are about.
template <class H>
inline constexpr bool is_choice = H::kind == TensorKind::discrete || H::kind == TensorKind::multi_discrete;

/// The handles of an environment, in order.
template <class... Handles>
struct TensorList {
    /// How many handles of each side there are.
    static constexpr int num_observations = (0 + ... + int(is_observation<Handles>));
    static constexpr int num_outputs = (0 + ... + int(is_output<Handles>));
    static constexpr int num_actions = int(sizeof...(Handles)) - num_observations - num_outputs;

    /// Place of H among the handles of its side, observations, actions or outputs; -1 if it is not listed.
    template <class H>
    static constexpr int index_of() {
        int index = -1, next = 0;
        const auto visit = [&]<class Each>(Each) {
            if (is_observation<Each> != is_observation<H> || is_output<Each> != is_output<H>) return;
            if (std::is_same_v<Each, H>) index = next;
            ++next;
        };
        (visit(Handles{}), ...);
        return index;
    }
    /// Calls f(handle) for each, in order.
    template <class F>
    SIM_HD static constexpr void for_each(F&& f) {
        (f(Handles{}), ...);
    }
};
/// For `static constexpr auto tensors = tensor_list(...)`.
template <class... Handles>
constexpr TensorList<Handles...> tensor_list(Handles...) {
    return {};
}

/// The TensorList of Env.
template <class Env>
using TensorsOf = std::remove_const_t<decltype(Env::tensors)>;

/// Place of handle H among the observations, actions or outputs of Env, at compile time; a handle that is not listed
/// does not compile.
template <class Env, class H>
constexpr int index_of_tensor() {
    constexpr int index = TensorsOf<Env>::template index_of<H>();
    static_assert(index >= 0, "a tensor handle: want one of those in the environment's `tensors`");
    return index;
}
/// f(handle) of action `index`, a bool; true if it is a Box or there is none.
template <class Env, class F>
SIM_HD bool ask_action(int index, F&& f) {
    bool answer = true;
    TensorsOf<Env>::for_each([&](auto handle) {
        if constexpr (is_choice<decltype(handle)>)
            if (index_of_tensor<Env, decltype(handle)>() == index) answer = f(handle);
    });
    return answer;
}

}  // namespace flockstep
