#pragma once

#include <cstdint>
#include <type_traits>

#include "sim/contract/hd.h"
#include "sim/contract/name.h"

/// Typed handles through which rules access an environment's tensors: one constant each, listed once.
///
///   static constexpr Observation<"pose", float> pose{};
///   static constexpr Observation<"lights", Bit> lights{};
///   static constexpr Discrete<"gear"> gear{};
///   static constexpr Box<"motor"> motor{};
///   static constexpr auto tensors = tensor_list(pose, lights, gear, motor);
///
/// `spaces` defines which role has which observations and actions, and their shapes; outputs (PerAgent, PerEnv,
/// PerEpisode) exist for all roles. Rules access tensors through handles: out.row(pose, agent), action.choice(gear,
/// agent), outcome.value(damage, agent). A handle of the wrong kind or type, or one that is not listed, does not
/// compile. A handle used by several roles is a separate tensor for each of them.
namespace flockstep {

/// Element type of an observation that rules write as bits; when stored, each becomes 0 or 1 of a number type.
struct Bit {};

/// What a handle names.
enum class TensorKind { observation, discrete, multi_discrete, box, per_agent, per_env, per_episode };

/// Base of all handles. Handles are empty and free at run time; their types distinguish them.
template <Name name_, TensorKind kind_>
struct TensorHandle {
    /// The kind of tensor, and its name in Python, flags and checkpoints.
    static constexpr TensorKind kind = kind_;
    static constexpr const char* name = name_.text;
};
/// A part of an observation, written as T: float, uint8_t, int8_t or Bit. [num_envs, agents of the role, shape...]
template <Name name_, class T>
struct Observation : TensorHandle<name_, TensorKind::observation> {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, uint8_t> || std::is_same_v<T, int8_t> ||
                      std::is_same_v<T, Bit>,
                  "Observation: want float, uint8_t, int8_t or Bit");
    using type = T;  /// the element type that rules write
};
/// A part of an action: one integer from 0 to n - 1.
template <Name name_>
struct Discrete : TensorHandle<name_, TensorKind::discrete> {};
/// A part of an action: several integers, each with its own number of choices.
template <Name name_>
struct MultiDiscrete : TensorHandle<name_, TensorKind::multi_discrete> {};
/// A part of an action: several float32, each with its own bounds.
template <Name name_>
struct Box : TensorHandle<name_, TensorKind::box> {};

/// An output other than reward and flags: `size` numbers of type T (float, int32_t or uint8_t) that a step reports
/// through outcome.value(handle, ...). They are reset to 0 before every step. Their sum over an episode, in float32, is
/// a metric of the same name (NAME.0, NAME.1, ... if there are several components).
template <Name name_, TensorKind kind_, class T, int size_>
struct OutputHandle : TensorHandle<name_, kind_> {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, int32_t> || std::is_same_v<T, uint8_t>,
                  "PerAgent, PerEnv, PerEpisode: want float, int32_t or uint8_t");
    static_assert(size_ >= 1, "PerAgent, PerEnv, PerEpisode: want at least one number");
    using type = T;                     /// number type
    static constexpr int size = size_;  /// numbers per agent or world
};
/// Numbers per agent: shaped rewards, costs, collisions. [num_envs, num_agents], or [..., size] if size > 1. The metric
/// is the mean over the agents that took part, one per role.
template <Name name_, class T = float, int size = 1>
struct PerAgent : OutputHandle<name_, TensorKind::per_agent, T, size> {};
/// Numbers per world. [num_envs] or [num_envs, size].
template <Name name_, class T = float, int size = 1>
struct PerEnv : OutputHandle<name_, TensorKind::per_env, T, size> {};
/// Results per episode: like PerEnv, but the output holds the values reported by the step that ended the world's last
/// episode (0 before the first). The metric is their mean. Stored as float32: integers are exact up to 2^24.
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
/// H is a part of an action that consists of choices, to which action masks apply.
template <class H>
inline constexpr bool is_choice = H::kind == TensorKind::discrete || H::kind == TensorKind::multi_discrete;

/// The handles of an environment, in order.
template <class... Handles>
struct TensorList {
    /// Number of handles of each category.
    static constexpr int num_observations = (0 + ... + int(is_observation<Handles>));
    static constexpr int num_outputs = (0 + ... + int(is_output<Handles>));
    static constexpr int num_actions = int(sizeof...(Handles)) - num_observations - num_outputs;

    /// Index of H within its category: observations, actions or outputs; -1 if it is not listed.
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

/// Index of handle H within the observations, actions or outputs of Env, at compile time; a handle that is not listed
/// does not compile.
template <class Env, class H>
constexpr int index_of_tensor() {
    constexpr int index = TensorsOf<Env>::template index_of<H>();
    static_assert(index >= 0, "a tensor handle: want one of those in the environment's `tensors`");
    return index;
}
/// Returns f(handle) for action `index`; true if it is a Box or does not exist.
template <class Env, class F>
SIM_HD bool query_action(int index, F&& f) {
    bool answer = true;
    TensorsOf<Env>::for_each([&](auto handle) {
        if constexpr (is_choice<decltype(handle)>)
            if (index_of_tensor<Env, decltype(handle)>() == index) answer = f(handle);
    });
    return answer;
}

}  // namespace flockstep
