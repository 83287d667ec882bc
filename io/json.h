#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

/// JSON by nlohmann-json, with Flockstep's conventions.
namespace flockstep {

/// Keys stay in the order in which they were added.
using Json = nlohmann::ordered_json;

/// On one line. Invalid UTF-8 becomes U+FFFD, a number that is not finite becomes null.
inline std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Whether arrays and objects are nested more than `levels` deep, by counting brackets outside of strings.
inline bool is_deeper(std::string_view json, int levels) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > levels) return true;
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
    return false;
}

/// Parses untrusted JSON. Returns a discarded value (is_discarded()) for text that is not JSON, not UTF-8, or nested
/// more than `levels` deep; the depth is checked before parsing.
template <class AnyJson = Json>
AnyJson parse_json(std::string_view text, int levels) {
    if (is_deeper(text, levels)) return AnyJson(AnyJson::value_t::discarded);
    return AnyJson::parse(text, nullptr, false);
}

/// The JSON of a variant, or of a list of variants.
template <class... Types>
Json to_json(const std::variant<Types...>& value) {
    return std::visit(
        [](const auto& v) -> Json {
            if constexpr (std::is_constructible_v<Json, decltype(v)>) {
                return v;
            } else {
                Json list = Json::array();
                for (const auto& item : v) list.push_back(to_json(item));
                return list;
            }
        },
        value);
}
template <class... Types>
Json to_json(const std::map<std::string, std::variant<Types...>>& values) {
    Json json = Json::object();
    for (const auto& [key, value] : values) json[key] = to_json(value);
    return json;
}

}  // namespace flockstep
