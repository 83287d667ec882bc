#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

namespace flockstep {

/// Number types of outputs, fields and actions. `bit` exists only as the form in which an observation part is written:
/// one bit per element, spread to a number type on its way to memory.
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
/// "uint8", "float32" and so on.
const char* name_of(DType dtype);
/// "[4, 1]".
std::string shape_text(const std::vector<int64_t>& shape);
/// The type of that name, among those an observation may have; throws std::invalid_argument.
DType observation_dtype(const std::string& name);

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

inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// One named part of an observation: a tensor of its own, [num_envs, agents of the role, shape...].
struct ObservationPart {
    std::string name;
    DType written;           // how rules write it: bit, uint8, int8 or float32
    std::vector<int> shape;  // of one agent
    std::vector<float> low;  // bounds: one for all elements, or one per element
    std::vector<float> high;
    bool enabled = true;           // a part that the configuration leaves out keeps its number and is never written
    DType dtype = DType::float32;  // how it is stored; the natural one unless BatchOptions::dtypes says otherwise
    int num_flags =
        0;  // > 0: an integer is that many answers of yes or no in its lowest bits, which a policy sees apart

    int elements() const {
        int count = 1;
        for (int n : shape) count *= n;
        return count;
    }
};

/// One part of an action. Discrete: one integer in [0, n[0]). MultiDiscrete: n.size() integers. Box: `size` floats.
struct ActionPart {
    enum class Kind : uint8_t { discrete, multi_discrete, box };
    std::string name;
    Kind kind;
    std::vector<int> n;       // choices per integer
    int size = 1;             // integers or floats per agent
    float low = 0, high = 0;  // Box only
};

/// A kind of agent: agents [first, first + count) of every world, with observation and action parts of their own.
struct Role {
    std::string name;
    int first = 0, count = 0;
    std::vector<ObservationPart> observation;
    std::vector<ActionPart> action;

    /// Chainable builders. Bounds default to all floats, 0..1 for bits, and the type's range for bytes.
    Role& observes(std::string part, DType written, std::vector<int> shape, std::vector<float> low = {},
                   std::vector<float> high = {});
    Role& disabled_unless(bool enabled);  // the part added last
    Role& as_flags(int num_flags);        // the part added last, of bytes: bounds become all flags or none
    Role& chooses(std::string part, int n);
    Role& chooses_each(std::string part, std::vector<int> n);
    Role& sets(std::string part, int size, float low, float high);
};

/// What agents see and do, by role. Observation and action parts are numbered through all roles in order of
/// declaration: those are the part numbers that rules use.
struct Spaces {
    std::vector<Role> roles;
    bool has_action_mask = false;  // filled in by the engine: the rules define `allowed`

    Role& add(std::string role, int count);
    int num_agents() const;
};

}  // namespace flockstep
