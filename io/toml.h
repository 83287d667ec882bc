#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

/// Settings as TOML files, read by toml++.
///
///   for (const TomlEntry& entry : read_toml("pursuit.toml"))
///       std::printf("line %d: [%s] %s\n", entry.line, entry.table.c_str(), entry.key.c_str());
namespace flockstep {

using TomlScalar = std::variant<bool, int64_t, double, std::string>;
using TomlValue = std::variant<bool, int64_t, double, std::string, std::vector<TomlScalar>>;

/// One `key = value` of a file, and where it stands.
struct TomlEntry {
    std::string table;  // name of its [table]; empty in front of the first
    std::string key;
    TomlValue value;
    int line = 0;
};

/// The entries of a file, in its order. Tables are one level deep; dates, and arrays of anything but booleans, numbers
/// and texts, are refused, and so is what is no regular file. Throws std::invalid_argument, one sentence that names the
/// file, and where the text is wrong the line and the key: "pursuit.toml:3: num_envs: expected a comment or whitespace,
/// saw 'x'".
std::vector<TomlEntry> read_toml(const std::filesystem::path& path);
/// The same of a text; `source` is the name that a refusal begins with.
std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& source);

/// A line `key = value` each, in alphabetical order; read_toml gives back the same values, type for type.
std::string to_toml(const std::map<std::string, TomlValue>& values);

}  // namespace flockstep
