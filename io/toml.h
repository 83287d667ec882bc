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

/// One `key = value` of a file and its line.
struct TomlEntry {
    std::string table;  // name of its [table], or [table.inner]; empty before the first table
    std::string key;
    TomlValue value;
    int line = 0;
};

/// The entries of a file, in order. A table within a table has both names, joined by a dot; deeper ones are refused.
/// Throws std::invalid_argument that names file, line and key for syntax errors, dates, and arrays of anything but
/// booleans, numbers and strings: "pursuit.toml:3: num_envs: expected a comment or whitespace, saw 'x'".
std::vector<TomlEntry> read_toml(const std::filesystem::path& path);
/// The same for TOML text; `source` is its name in error messages.
std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& source);

/// A name as part of a key or of a table's name: as it is, or in quotes where TOML wants them.
std::string toml_key(const std::string& name);

/// One line `key = value` per entry, in alphabetical order. read_toml restores the same values and types.
std::string to_toml(const std::map<std::string, TomlValue>& values);

}  // namespace flockstep
