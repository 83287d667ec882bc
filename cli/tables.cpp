#include "cli/tables.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "io/text_table.h"

namespace flockstep {

namespace {
std::string shape_text(const std::vector<int>& shape) {
    std::string text;
    for (const int n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
    return text.empty() ? "scalar" : text;
}

std::string bound_text(float low, float high) {
    const auto text = [](float bound) {
        char buffer[32];
        std::snprintf(buffer, sizeof buffer, "%.4g", double(bound));
        return std::abs(bound) > 1e30f ? std::string(bound < 0 ? "-inf" : "inf") : std::string(buffer);
    };
    return text(low) + " .. " + text(high);
}

/// From the smallest lower bound to the largest upper bound.
template <class Part>
std::string range_text(const Part& part) {
    if (part.low.empty() || part.high.empty()) return "any";
    const float low = *std::min_element(part.low.begin(), part.low.end());
    const float high = *std::max_element(part.high.begin(), part.high.end());
    return bound_text(low, high);
}

std::vector<std::string> action_row(const ActionPart& part) {
    if (part.kind == ActionPart::Kind::box) return {part.name, "Box", std::to_string(part.size), range_text(part)};
    if (part.kind == ActionPart::Kind::discrete)
        return {part.name, "Discrete", "1", "0 .. " + std::to_string(part.n.at(0) - 1)};
    std::string choices;
    for (const int n : part.n) choices += (choices.empty() ? "" : ", ") + std::to_string(n);
    return {part.name, "MultiDiscrete", std::to_string(part.size), "choices " + choices};
}
}  // namespace

std::string settings_table(const std::vector<FieldDescription>& fields, const std::string& indent) {
    TextTable table({"key", "default", "values", "description"});
    for (const FieldDescription& field : fields)
        table.add({field.name, field.default_value.empty() ? "\"\"" : field.default_value,
                   field.type == "bool" ? "true or false" : field.expected, field.help});
    return table.text(indent);
}

std::string spaces_text(const Spaces& spaces) {
    std::string text;
    for (const Role& role : spaces.roles) {
        text += "Role " + role.name + ", " + std::to_string(role.count) + (role.count == 1 ? " agent\n" : " agents\n");
        TextTable observations({"observation", "dtype", "shape", "range"});
        for (const ObservationPart& part : role.observation_parts) {
            const std::string dtype = name_of(part.source_dtype == DType::bit ? DType::uint8 : part.dtype);
            observations.add({part.name, dtype, shape_text(part.shape),
                              range_text(part) + (part.enabled ? "" : " (disabled by these settings)")});
        }
        TextTable actions({"action", "kind", "size", "range"});
        for (const ActionPart& part : role.action_parts) actions.add(action_row(part));
        text += observations.text("  ") + actions.text("  ");
    }
    if (spaces.has_action_mask) text += "  action_mask marks illegal actions.\n";
    return text;
}

}  // namespace flockstep
