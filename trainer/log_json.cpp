#include "trainer/log_json.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace flockstep {

std::string json_string(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        char escape[8];
        if (c == '"' || c == '\\')
            result += {'\\', c};
        else if (c == '\n')
            result += "\\n";
        else if (static_cast<unsigned char>(c) < 32)
            result += (std::snprintf(escape, sizeof escape, "\\u%04x", c), escape);
        else
            result += c;
    }
    return result + "\"";
}

std::string json_number(double value) {
    if (!std::isfinite(value)) return "null";
    char buffer[40];
    return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

JsonObject& JsonObject::add_json(const std::string& name, const std::string& json) {
    body_ += (body_.empty() ? "" : ", ") + json_string(name) + ": " + json;
    return *this;
}

JsonObject& JsonObject::add(const std::string& name, const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return add_json(name, json_string(*text));
    if (const auto* number = std::get_if<double>(&value)) return add_json(name, json_number(*number));
    return add_json(name, to_text(value));
}

JsonObject& JsonObject::add_all(const Settings& settings) {
    for (const auto& [name, value] : settings.values()) add(name, value);
    return *this;
}

}  // namespace flockstep
