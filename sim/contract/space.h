#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/contract/tensors.h"

/// Observation and action spaces: roles, and the shapes, bounds and types of their parts. Host only, except DType and
/// constexpr functions.
///
///   static Spaces spaces(const Config& c) {
///       Spaces spaces;
///       spaces.add("chaser", c.num_chasers).observation(pose, {4}, {-1}, {1}).discrete(move, 5);
///       spaces.add("evader", 1).observation(pose, {4}).discrete(move, 5).default_choice({2}).scripted("flee");
///       return spaces;
///   }
namespace flockstep {

/// Number types of outputs, fields and actions. `bit` is only a source type, in which rules write an observation part:
/// one bit per element, expanded to a number type when it is stored.
enum class DType : uint8_t {
    bit,
    uint8,
    int8,
    bfloat16,
    float32,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float64
};

/// Bytes of one number; a bit counts as 0.
constexpr int size_of(DType dtype) {
    constexpr int sizes[] = {0, 1, 1, 2, 4, 2, 2, 4, 4, 8, 8, 8};
    return sizes[int(dtype)];
}
/// "uint8", "float32" and so on: numpy's names, where numpy has the type.
const char* name_of(DType dtype);
/// "[4, 1]".
std::string shape_text(const std::vector<int64_t>& shape);
/// The type with this name, if an observation can have it: uint8, int8, bfloat16, float32. Throws std::invalid_argument
/// for any other.
DType observation_dtype(const std::string& name);

/// The type of a C++ number. bool is uint8; types that are not numbers give uint64 (see element_of for structs).
template <class T>
constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, uint8_t> || std::is_same_v<T, bool>)
        return DType::uint8;
    else if constexpr (std::is_same_v<T, int8_t>)
        return DType::int8;
    else if constexpr (std::is_same_v<T, float>)
        return DType::float32;
    else if constexpr (std::is_same_v<T, double>)
        return DType::float64;
    else if constexpr (std::is_same_v<T, int16_t>)
        return DType::int16;
    else if constexpr (std::is_same_v<T, uint16_t>)
        return DType::uint16;
    else if constexpr (std::is_same_v<T, int32_t>)
        return DType::int32;
    else if constexpr (std::is_same_v<T, uint32_t>)
        return DType::uint32;
    else if constexpr (sizeof(T) == 8 && std::is_signed_v<T>)
        return DType::int64;
    else
        return DType::uint64;
}

/// The type in which rules write an observation handle's elements.
template <class T>
constexpr DType source_dtype_of() {
    if constexpr (std::is_same_v<T, Bit>)
        return DType::bit;
    else
        return dtype_of<T>();
}

/// Means "no bound".
inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// One named part of an observation, a separate tensor: [num_envs, agents of the role, shape...].
struct ObservationPart {
    std::string name;
    DType source_dtype;      // how rules write it: bit, uint8, int8 or float32
    std::vector<int> shape;  // per agent
    std::vector<float> low;  // bounds: one for all elements, or one per element
    std::vector<float> high;
    bool enabled = true;           // false: the settings disable this part; it keeps its index and is never written
    DType dtype = DType::float32;  // storage type; follows the source type unless BatchOptions::dtypes overrides it
    int num_flags = 0;             // > 0: an integer holds this many flags in its lowest bits
    bool is_state = false;         // for the critic only: not part of the policy's observation

    /// Elements per agent: the product of shape, 1 if it is empty.
    int elements() const {
        int count = 1;
        for (int n : shape) count *= n;
        return count;
    }
    bool operator==(const ObservationPart&) const = default;
};

/// Fills in the type's default bounds if none are given; stored as uint8 if written as bits, else in the source type.
ObservationPart make_observation(std::string name, DType source_dtype, std::vector<int> shape, std::vector<float> low,
                                 std::vector<float> high);

/// One part of an action. Discrete: one integer in [0, n[0]). MultiDiscrete: n.size() integers. Box: `size` floats.
struct ActionPart {
    /// Of Discrete, MultiDiscrete and Box handles.
    enum class Kind : uint8_t { discrete, multi_discrete, box };
    std::string name;
    Kind kind;
    std::vector<int> n;               // choices per integer
    int size = 1;                     // integers or floats per agent
    std::vector<float> low, high;     // Box only: bounds of each float
    std::vector<int> default_choice;  // integers: replaces a choice that is out of range or illegal

    bool operator==(const ActionPart&) const = default;
};

/// A kind of agent: agents [first, first + count) of every world, with their own observation and action parts.
struct Role {
    std::string name;
    int first = 0, count = 0;
    std::vector<ObservationPart> observation_parts;
    std::vector<ObservationPart> state_parts;  // filled in by the engine: the parts for the critic only
    std::vector<ActionPart> action_parts;
    std::string policy;  // scripted policy that controls this role inside a step; "": the caller supplies actions

    bool operator==(const Role&) const = default;

    // Builder methods, for chaining; a handle must be in the environment's `tensors`, otherwise making a batch throws
    // std::logic_error.

    /// Adds observation part `handle` with `shape` per agent. Bounds: one for all elements or one each; by default
    /// unbounded for floats, 0..1 for bits, the type's range for bytes.
    template <class H>
    Role& observation(H, std::vector<int> shape, std::vector<float> low = {}, std::vector<float> high = {}) {
        static_assert(is_observation<H>, "observation: want an Observation handle");
        return add_observation(H::name, source_dtype_of<typename H::type>(), std::move(shape), std::move(low),
                               std::move(high));
    }
    /// The same for the critic only: a global state that differs between agents. Policies do not see it.
    template <class H>
    Role& state(H handle, std::vector<int> shape, std::vector<float> low = {}, std::vector<float> high = {}) {
        observation(handle, std::move(shape), std::move(low), std::move(high));
        observation_parts.back().is_state = true;
        return *this;
    }
    /// Applies to the observation part added last, which must exist: false disables it.
    Role& enabled_if(bool enabled);
    /// Applies to the observation part added last, of uint8: each number holds 1 to 8 flags, which policies receive as
    /// separate inputs; its bounds become 0 and 2^num_flags - 1. Throws std::invalid_argument for other parts.
    Role& bit_flags(int num_flags);
    /// Adds a choice of one out of n: int32 actions, [num_envs, count].
    template <class H>
    Role& discrete(H, int n) {
        static_assert(H::kind == TensorKind::discrete, "discrete: want a Discrete handle");
        return add_action({H::name, ActionPart::Kind::discrete, {n}, 1, {}, {}, {0}});
    }
    /// Adds a choice of one out of n[k] for each k: int32, [num_envs, count, n.size()].
    template <class H>
    Role& multi_discrete(H, std::vector<int> n) {
        static_assert(H::kind == TensorKind::multi_discrete, "multi_discrete: want a MultiDiscrete handle");
        const int size = int(n.size());
        return add_action(
            {H::name, ActionPart::Kind::multi_discrete, std::move(n), size, {}, {}, std::vector<int>(size_t(size), 0)});
    }
    /// Adds low.size() floats, each with its own bounds: float32, [num_envs, count, low.size()]. Throws
    /// std::invalid_argument if high has another length.
    template <class H>
    Role& box(H, std::vector<float> low, std::vector<float> high) {
        static_assert(H::kind == TensorKind::box, "box: want a Box handle");
        const int size = int(low.size());
        return add_action({H::name, ActionPart::Kind::box, {}, size, std::move(low), std::move(high), {}});
    }
    /// Applies to the Discrete or MultiDiscrete part added last: the choice (for each integer) that replaces one that
    /// is out of range or illegal, 0 by default. It is always accepted, whether or not the action mask marks it as
    /// legal. Throws std::invalid_argument unless there is one in range for each integer of the part.
    Role& default_choice(std::vector<int> choices);
    /// A scripted policy of the environment controls this role inside every step, unless BatchOptions::scripted
    /// overrides it. Roles that learn must be contiguous, and there must be at least one, otherwise making a batch
    /// throws std::invalid_argument, as it does for a policy that is unknown or cannot run under these settings.
    Role& scripted(std::string by_policy);

    /// Whether the caller supplies its actions.
    bool learns() const { return policy.empty(); }

  private:
    Role& add_observation(std::string part, DType source_dtype, std::vector<int> shape, std::vector<float> low,
                          std::vector<float> high);
    Role& add_action(ActionPart part);
};

/// Observation and action spaces by role.
struct Spaces {
    std::vector<Role> roles;
    std::vector<ObservationPart> state_parts;  // global state of the world: see state()
    // Filled in by the engine:
    bool has_action_mask = false;                              // the rules define `allowed` or `legal_actions`
    std::vector<std::string> observation_names, action_names;  // of the environment's handles, in order

    /// Adds a role for the next `count` agents. The reference is valid until the next add().
    Role& add(std::string role, int count);
    /// Adds a part that describes the whole world, for centralized critics: [num_envs, shape...], written by the
    /// environment's `observe_state`. Bounds: see Role::observation.
    template <class H>
    Spaces& state(H, std::vector<int> shape, std::vector<float> low = {}, std::vector<float> high = {}) {
        static_assert(is_observation<H>, "state: want an Observation handle");
        state_parts.push_back(make_observation(H::name, source_dtype_of<typename H::type>(), std::move(shape),
                                               std::move(low), std::move(high)));
        return *this;
    }
    /// Agents of all roles.
    int num_agents() const;
    bool operator==(const Spaces&) const = default;
};

}  // namespace flockstep
