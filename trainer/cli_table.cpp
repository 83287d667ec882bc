#include "trainer/cli_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace flockstep {

namespace {
std::string formatted(const char* format, double value) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, value);
    return buffer;
}

/// Words of `text` in lines of at most `width`, the later ones set in by `indent`.
std::string wrapped(const std::string& text, size_t width, size_t indent) {
    std::istringstream words(text);
    std::string result, word;
    size_t column = 0;
    while (words >> word) {
        if (column > 0 && column + 1 + word.size() > width) {
            result += '\n';
            result.append(indent, ' ');
            column = 0;
        }
        if (column > 0) result += ' ';
        result += word;
        column += (column > 0) + word.size();
    }
    return result;
}

std::string shape_text(const std::vector<int>& shape) {
    std::string text;
    for (const int n : shape) text += (text.empty() ? "" : " x ") + std::to_string(n);
    return text.empty() ? "scalar" : text;
}

std::string bound_text(float low, float high) {
    const auto text = [](float bound) {
        return std::abs(bound) > 1e30f ? std::string(bound < 0 ? "-inf" : "inf") : formatted("%.4g", bound);
    };
    return text(low) + " .. " + text(high);
}

/// From the least lower to the greatest upper bound.
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

std::string TextTable::text(const std::string& indent, size_t width) const {
    const size_t columns = rows_[0].size();
    std::vector<size_t> widths(columns, 0);
    for (const auto& row : rows_)
        for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], row[i].size());
    size_t before_last = indent.size();
    for (size_t i = 0; i + 1 < columns; ++i) before_last += widths[i] + 2;
    std::string result;
    for (const auto& row : rows_) {
        std::string line = indent;
        for (size_t i = 0; i + 1 < columns; ++i) line += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
        line += wrapped(row.back(), std::max<size_t>(width > before_last ? width - before_last : 0, 30), before_last);
        line.erase(line.find_last_not_of(' ') + 1);
        result += line + "\n";
    }
    return result;
}

std::string settings_table(const std::vector<FieldDescription>& fields, const std::string& indent) {
    TextTable table({"key", "default", "wants", "what it is"});
    for (const FieldDescription& field : fields)
        table.add({field.name, field.default_value.empty() ? "\"\"" : field.default_value,
                   field.type == "bool" ? "true or false" : field.wish, field.help});
    return table.text(indent);
}

std::string spaces_text(const Spaces& spaces) {
    std::string text;
    for (const Role& role : spaces.roles) {
        text += "Role " + role.name + ", " + std::to_string(role.count) + (role.count == 1 ? " agent\n" : " agents\n");
        TextTable seen({"observation", "dtype", "shape", "range"});
        for (const ObservationPart& part : role.observation_parts) {
            const std::string dtype = name_of(part.written == DType::bit ? DType::uint8 : part.dtype);
            seen.add({part.name, dtype, shape_text(part.shape),
                      range_text(part) + (part.enabled ? "" : " (left out by these settings)")});
        }
        TextTable done({"action", "kind", "size", "range"});
        for (const ActionPart& part : role.action_parts) done.add(action_row(part));
        text += seen.text("  ") + done.text("  ");
    }
    if (spaces.has_action_mask) text += "  Actions that the rules forbid are told by action_mask.\n";
    return text;
}

std::string short_number(double value) {
    const char* const units[] = {"", " k", " M", " G", " T"};
    int unit = 0;
    for (; std::abs(value) >= 999.5 && unit < 4; ++unit) value /= 1000;
    const double size = std::abs(value);
    return formatted(unit == 0 && size == std::floor(size) ? "%.0f"
                     : size >= 99.95                       ? "%.0f"
                     : size >= 9.995                       ? "%.1f"
                                                           : "%.2f",
                     value) +
           units[unit];
}

std::string duration_text(double seconds) {
    if (!std::isfinite(seconds)) return "?";
    const long total = std::lround(std::max(seconds, 0.0));
    char buffer[64];
    if (total >= 3600)
        std::snprintf(buffer, sizeof buffer, "%ld h %02ld min", total / 3600, total / 60 % 60);
    else if (total >= 60)
        std::snprintf(buffer, sizeof buffer, "%ld min %02ld s", total / 60, total % 60);
    else
        std::snprintf(buffer, sizeof buffer, "%ld s", total);
    return buffer;
}

std::string plain_number(double value) {
    if (!std::isfinite(value)) return std::isnan(value) ? "-" : value < 0 ? "-inf" : "inf";
    return formatted(std::abs(value) >= 1e7 || (value != 0 && std::abs(value) < 1e-4) ? "%.3e"
                     : std::abs(value) >= 1000                                        ? "%.1f"
                                                                                      : "%.4g",
                     value);
}

}  // namespace flockstep
