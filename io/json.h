#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>
#include <variant>

/// JSON by nlohmann-json, as Flockstep writes it.
namespace flockstep {

/// Keys stay in the order in which they were added.
using Json = nlohmann::ordered_json;

/// On one line. What is no UTF-8 becomes U+FFFD, a number that is not finite becomes null.
inline std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// Of a value that is one of several types, or a list of such values.
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
