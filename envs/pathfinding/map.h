#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/pathfinding/cell.h"

namespace flockstep {

/// Sides of a map, in cells.
constexpr int min_map_side = 1, max_map_side = 4096;

/// A map as read from text or generated; plain data, host only.
struct GridMap {
    int height = 0, width = 0;                // min_map_side..max_map_side
    std::vector<uint8_t> obstacle;            // [height * width], row-major, 1 = obstacle
    bool has_pools = false;                   // starts and goals come from the two pools, not from all free cells
    std::vector<Cell> start_pool, goal_pool;  // row-major; empty without pools
    std::vector<Cell> start, goal;            // of named agents, `a` first; equal lengths
    std::string name;                         // key in its file, or the file's stem; empty for a map given as text

    bool is_obstacle(Cell cell) const { return obstacle[cell_index(cell, width)] != 0; }
    bool contains(Cell cell) const {
        return cell.row >= 0 && cell.row < height && cell.column >= 0 && cell.column < width;
    }
};

/// Starts and goals of a MovingAI scenario: agent k is line k of the file, the n-agent instance its first n lines.
struct Scenario {
    std::string map_name;   // as written in the file, often with a folder
    std::vector<int> line;  // of the file, 1-based
    std::vector<Cell> start, goal;
};

/// All readers below throw std::invalid_argument with a one-sentence message: file, line, what was found and expected.

/// A map in POGEMA's string form: rows separated by whitespace; `.` free, `#` obstacle, `@` free and a start, `$` free
/// and a goal, `!` free and neither, `a`-`z` the start of an agent and `A`-`Z` its goal, agents in the order of the
/// alphabet. Any of `@ $ !` makes pools, with `.` in both of them; letters and pools are mutually exclusive.
/// Source: POGEMA 2.0, grid_config. Stricter than it: a letter occurs once, and with its partner.
GridMap parse_map(std::string_view text, const std::string& name = "");

/// The string form of a map, rows ending with newlines: parse_map(to_text(map)) is the same map, except for its name,
/// and for pools that contain every free cell, which read back as no pools. Throws for more than 26 named agents.
std::string to_text(const GridMap& map);

/// Maps in the format of POGEMA's YAML files, under their names; one without a name is called map-K, K counting from 1.
/// Throws for two maps with the same name and for a name with a quote or backslash.
std::string to_yaml(const std::vector<GridMap>& maps);

/// A map in MovingAI's format: its obstacles. Throws for a map with pools or named agents, which the format lacks.
std::string to_movingai(const GridMap& map);

/// Reads the maps that `path_or_text` names, at least one:
///   path.yaml, path.yml    all maps of a POGEMA file of `name: |-` blocks of indented rows, in its order
///   path.yaml#name         the one of that name
///   path.map               a MovingAI map: `.`, `G`, `S` and `E` are free, `@`, `O`, `T` and `W` obstacles
///   path.txt               one map in POGEMA's string form
///   [[0, 1], [0, 0]]       rows of 0 (free) and 1 (obstacle), POGEMA's list form, as JSON
/// Anything else is parsed as the string form itself. Files may begin with a UTF-8 byte order mark.
std::vector<GridMap> load_maps(const std::string& path_or_text);

/// The file that load_maps would read, or "" if it would parse the text itself.
std::string map_file(const std::string& path_or_text);

/// Whether a path names a MovingAI scenario: it ends in .scen, case-insensitively.
bool is_scenario(const std::string& path);

/// Reads the first `count` problems (0: all) of a MovingAI .scen file for `map`. Its x is a column and its y a row. The
/// name (without folders and extension; a map without a name accepts any) and size of the map in the file must match,
/// starts and goals must be free, and starts distinct. The optimal lengths are octile, so they are only checked to be
/// numbers. Also throws, in terms of the setting num_agents, if there are fewer problems than `count`.
Scenario load_scenario(const std::string& path, const GridMap& map, size_t count = 0);

}  // namespace flockstep
