#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/pathfinding/cell.h"

namespace flockstep {

/// Sides of a map, in cells.
constexpr int min_map_side = 1, max_map_side = 4096;

/// A map as it is written down; plain data, host only.
struct GridMap {
    int height = 0, width = 0;                // min_map_side..max_map_side
    std::vector<uint8_t> obstacle;            // [height * width], row-major, 1 = obstacle
    bool has_pools = false;                   // starts and goals come from the two pools, not from all free cells
    std::vector<Cell> start_pool, goal_pool;  // row-major; empty without pools
    std::vector<Cell> start, goal;            // of named agents, a first; equally long
    std::string name;                         // key in its file, or the file's stem; empty for a map given as text

    bool is_obstacle(Cell cell) const { return obstacle[cell_index(cell, width)] != 0; }
    bool contains(Cell cell) const {
        return cell.row >= 0 && cell.row < height && cell.column >= 0 && cell.column < width;
    }
};

/// Starts and goals of a MovingAI scenario: agent k is line k of the file, the n-agent instance its first n lines.
struct Scenario {
    std::string map_name;   // as the file spells it, often with a folder
    std::vector<int> line;  // of the file, 1-based
    std::vector<Cell> start, goal;
};

/// Every reader below throws std::invalid_argument with one sentence that names file, line, what was given and wanted.

/// A map in POGEMA's string form: rows separated by whitespace; `.` free, `#` obstacle, `@` free and a start, `$` free
/// and a goal, `!` free and neither, `a`-`z` the start of an agent and `A`-`Z` its goal, agents in the order of the
/// alphabet. One of `@ $ !` anywhere makes pools, which `.` belongs to twice; letters and pools exclude each other.
/// Source: POGEMA 2.0, grid_config. Stricter than it: a letter occurs once, and with its partner.
GridMap parse_map(std::string_view text, const std::string& name = "");

/// The string form of a map, rows ended by newlines: parse_map(to_text(map)) is the same map but for its name, and but
/// for pools that hold every free cell, which that form cannot tell from none. Throws for more than 26 named agents.
std::string to_text(const GridMap& map);

/// Maps in the form of POGEMA's YAML files, in which parse and load find them again under their names; one without a
/// name is called map-K, K counting from 1. Throws for two maps of one name and for a name with a quote or backslash.
std::string to_yaml(const std::vector<GridMap>& maps);

/// A map in MovingAI's form: its obstacles. Throws for a map with pools or named agents, which that form cannot hold.
std::string to_movingai(const GridMap& map);

/// Reads the maps that `path_or_text` names, at least one:
///   path.yaml, path.yml    all maps of a POGEMA file of `name: |-` blocks of indented rows, in its order
///   path.yaml#name         the one of that name
///   path.map               a MovingAI map: `.`, `G`, `S` and `E` are free, `@`, `O`, `T` and `W` obstacles
///   path.txt               one map in POGEMA's string form
///   [[0, 1], [0, 0]]       rows of 0 (free) and 1 (obstacle), POGEMA's list form, as JSON
/// Anything else is taken for the string form itself. Files may begin with a UTF-8 byte order mark.
std::vector<GridMap> load_maps(const std::string& path_or_text);

/// The file that load_maps would read, or "" where it would read the text itself.
std::string map_file(const std::string& path_or_text);

/// Whether a path is that of a MovingAI scenario: it ends in .scen, in capitals or not.
bool is_scenario(const std::string& path);

/// Reads the first `count` problems (0: all) of a MovingAI .scen file that belongs to `map`. Its x is a column and its
/// y a row. Name (but for folders and extension; a map without a name takes any) and size of the map that it names must
/// be the map's, starts and goals free, and no two starts the same cell. The optimal lengths are octile, so they are
/// checked for being numbers and dropped. Throws for fewer problems than `count`, too, in terms of the setting
/// num_agents.
Scenario load_scenario(const std::string& path, const GridMap& map, size_t count = 0);

}  // namespace flockstep
