#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/contract/config.h"

namespace flockstep {

/// One `key = value` of a TOML file, and where it stands.
struct TomlEntry {
    std::string table;  // name of its [table]; empty in front of the first
    std::string key;
    Value value;
    int line = 0;
};

/// Reads the part of TOML that settings need: comments, [tables] one level deep, bare and quoted keys, basic, literal
/// and multi-line strings, booleans, integers (underscores, 0x, 0o, 0b), floats, and arrays of these, which become one
/// text joined by commas ([64, 64] reads as "64,64"). Strict: a key or table that comes twice, or anything else of
/// TOML, is refused. `name` is what error sentences call the text. Throws std::invalid_argument: `name:line: got ...,
/// want ...`.
std::vector<TomlEntry> parse_toml(const std::string& text, const std::string& name);

/// The same of a file. Throws std::invalid_argument too if it cannot be read.
std::vector<TomlEntry> read_toml(const std::filesystem::path& path);

/// `key = value` lines of settings in alphabetical order; parse_toml gives back the same values, type for type.
std::string to_toml(const Settings& settings);

}  // namespace flockstep
