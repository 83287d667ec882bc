#include "sim/contract/space.h"

#include <stdexcept>

#include "sim/contract/config.h"

namespace flockstep {

const char* name_of(DType dtype) {
    constexpr const char* names[] = {"bit",    "uint8", "int8",   "bfloat16", "float32", "int16",
                                     "uint16", "int32", "uint32", "int64",    "uint64",  "float64"};
    return names[int(dtype)];
}

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string text = "[";
    for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
    return text + "]";
}

DType observation_dtype(const std::string& name) {
    for (DType dtype : {DType::uint8, DType::int8, DType::bfloat16, DType::float32})
        if (name == name_of(dtype)) return dtype;
    throw std::invalid_argument("dtype: got " + in_quotes(name) + ", want uint8, int8, bfloat16 or float32");
}

ObservationPart make_observation(std::string name, DType source_dtype, std::vector<int> shape, std::vector<float> low,
                                 std::vector<float> high) {
    const auto bound = [&](float bit, float u8, float i8, float f32) {
        return source_dtype == DType::bit     ? bit
               : source_dtype == DType::uint8 ? u8
               : source_dtype == DType::int8  ? i8
                                              : f32;
    };
    if (low.empty()) low = {bound(0, 0, -128, -infinity)};
    if (high.empty()) high = {bound(1, 255, 127, infinity)};
    ObservationPart part{std::move(name), source_dtype, std::move(shape), std::move(low), std::move(high)};
    part.dtype = source_dtype == DType::bit ? DType::uint8 : source_dtype;
    return part;
}

Role& Role::add_observation(std::string part, DType source_dtype, std::vector<int> shape, std::vector<float> low,
                            std::vector<float> high) {
    observation_parts.push_back(
        make_observation(std::move(part), source_dtype, std::move(shape), std::move(low), std::move(high)));
    return *this;
}

Role& Role::default_choice(std::vector<int> choices) {
    ActionPart& part = action_parts.back();
    bool fits = choices.size() == part.n.size() && !choices.empty();
    for (size_t k = 0; fits && k < choices.size(); ++k) fits = choices[k] >= 0 && choices[k] < part.n[k];
    if (!fits)
        throw std::invalid_argument("default choice of action part " + part.name + ": got " +
                                    std::to_string(choices.size()) + " integers, want one in range for each of its " +
                                    std::to_string(part.n.size()));
    part.default_choice = std::move(choices);
    return *this;
}

Role& Role::scripted(std::string by_policy) {
    policy = std::move(by_policy);
    return *this;
}

Role& Role::enabled_if(bool enabled) {
    observation_parts.back().enabled = enabled;
    return *this;
}

Role& Role::bit_flags(int num_flags) {
    ObservationPart& part = observation_parts.back();
    if (part.source_dtype != DType::uint8 || num_flags < 1 || num_flags > 8)
        throw std::invalid_argument("observation part " + part.name + ": got " + std::to_string(num_flags) +
                                    " flags of type " + name_of(part.source_dtype) +
                                    ", want 1 to 8 flags of type uint8");
    part.num_flags = num_flags;
    part.low = {0}, part.high = {float((1 << num_flags) - 1)};
    return *this;
}

Role& Role::add_action(ActionPart part) {
    if (part.kind == ActionPart::Kind::box && part.low.size() != part.high.size())
        throw std::invalid_argument("action part " + part.name + ": got " + std::to_string(part.low.size()) +
                                    " lower and " + std::to_string(part.high.size()) +
                                    " upper bounds, want one of each for every float");
    action_parts.push_back(std::move(part));
    return *this;
}

Role& Spaces::add(std::string role, int count) {
    Role added;
    added.name = std::move(role);
    added.first = num_agents();
    added.count = count;
    roles.push_back(std::move(added));
    return roles.back();
}

int Spaces::num_agents() const { return roles.empty() ? 0 : roles.back().first + roles.back().count; }

}  // namespace flockstep
