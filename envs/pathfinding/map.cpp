#include "envs/pathfinding/map.h"

#include <array>
#include <filesystem>
#include <optional>
#include <stdexcept>

#include "envs/pathfinding/map_reader.h"
#include "io/json.h"

namespace flockstep {
namespace map_reader {
namespace {

constexpr int num_letters = 26;
using Letters = std::array<std::optional<Cell>, num_letters>;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_pool_sign(char c) { return c == '@' || c == '$' || c == '!'; }

void check_sizes(const std::vector<Line>& rows, const std::string& source) {
    const std::string limit = std::to_string(max_map_side);
    if (rows.empty()) fail(path_text(source), "no rows", "1 to " + limit);
    if (rows.size() > max_map_side) fail(path_text(source), std::to_string(rows.size()) + " rows", "at most " + limit);
    const size_t width = rows.front().text.size();
    if (width > max_map_side) {
        fail(at_line(source, rows.front().number), std::to_string(width) + " characters", "at most " + limit);
    }
    for (const Line& row : rows) {
        if (row.text.size() == width) continue;
        fail(at_line(source, row.number), std::to_string(row.text.size()) + " characters",
             std::to_string(width) + " (the first row's width)");
    }
}

/// Calls visit(sign, cell, where) for every cell, row-major; where() gives the location for errors.
template <class Visit>
void for_each_sign(const std::vector<Line>& rows, const std::string& source, Visit visit) {
    for (size_t row = 0; row < rows.size(); ++row) {
        for (size_t column = 0; column < rows[row].text.size(); ++column) {
            const Cell cell{static_cast<int16_t>(row), static_cast<int16_t>(column)};
            visit(rows[row].text[column], cell, [&] { return at_line(source, rows[row].number, column + 1); });
        }
    }
}

template <class Where>
void note_letter(std::optional<Cell>& slot, char letter, Cell cell, Where where) {
    if (slot) fail(where(), std::string("a second \"") + letter + '"', "each letter once");
    slot = cell;
}

void add_named_agents(GridMap& map, const Letters& starts, const Letters& goals, const std::string& source) {
    for (int i = 0; i < num_letters; ++i) {
        if (!starts[i] && !goals[i]) continue;
        const char start = static_cast<char>('a' + i), goal = static_cast<char>('A' + i);
        if (!goals[i])
            fail(path_text(source), std::string("start \"") + start + "\" alone",
                 std::string("its goal \"") + goal + "\" too");
        if (!starts[i])
            fail(path_text(source), std::string("goal \"") + goal + "\" alone",
                 std::string("its start \"") + start + "\" too");
        map.start.push_back(*starts[i]);
        map.goal.push_back(*goals[i]);
    }
}

void add_pools(GridMap& map, const std::vector<Line>& rows, const std::string& source) {
    if (!map.start.empty()) fail(path_text(source), "both letters and one of @ $ !", "named agents or pools, not both");
    for_each_sign(rows, source, [&](char sign, Cell cell, auto) {
        if (sign == '.' || sign == '@') map.start_pool.push_back(cell);
        if (sign == '.' || sign == '$') map.goal_pool.push_back(cell);
    });
}

}  // namespace

GridMap parse_rows(const std::vector<Line>& rows, const std::string& source, const std::string& name) {
    check_sizes(rows, source);
    GridMap map;
    map.height = static_cast<int>(rows.size());
    map.width = static_cast<int>(rows.front().text.size());
    map.name = name;
    map.obstacle.reserve(size_t(map.height) * map.width);
    Letters starts, goals;
    for_each_sign(rows, source, [&](char sign, Cell cell, auto where) {
        map.obstacle.push_back(sign == '#');
        if (is_lower(sign)) {
            note_letter(starts[sign - 'a'], sign, cell, where);
        } else if (is_upper(sign)) {
            note_letter(goals[sign - 'A'], sign, cell, where);
        } else if (is_pool_sign(sign)) {
            map.has_pools = true;
        } else if (sign != '.' && sign != '#') {
            fail(where(), character_at(rows[size_t(cell.row)].text, size_t(cell.column)), "one of . # @ $ ! a-z A-Z");
        }
    });
    add_named_agents(map, starts, goals, source);
    if (map.has_pools) add_pools(map, rows, source);
    return map;
}

GridMap parse_list(std::string_view text) {
    const std::string want = "a list of equally long rows of 0 and 1, like [[0, 1], [0, 0]]";
    const nlohmann::json list = parse_json<nlohmann::json>(text, 2);
    if (!list.is_array() || list.empty()) fail("map", in_quotes(text), want);
    std::vector<std::string> signs;
    std::vector<Line> rows;
    signs.reserve(list.size());
    for (const nlohmann::json& row : list) {
        const std::string where = "map row " + std::to_string(signs.size());
        if (!row.is_array()) fail(where, "no list", want);
        std::string& text_of_row = signs.emplace_back();
        for (const nlohmann::json& cell : row) {
            if (cell != 0 && cell != 1) fail(where, "a cell that is neither", want);
            text_of_row += cell == 0 ? '.' : '#';
        }
        rows.push_back({int(signs.size()), text_of_row});
    }
    return parse_rows(rows, "map", "");
}

}  // namespace map_reader

namespace {

using namespace map_reader;

/// Rows are words separated by any whitespace; a row's number is that of its line.
GridMap parse_string_form(std::string_view text, const std::string& source, const std::string& name) {
    std::vector<Line> rows;
    for (const Line& line : split_lines(text)) {
        for (const std::string_view word : split_words(line.text)) rows.push_back({line.number, word});
    }
    return parse_rows(rows, source, name);
}

/// A parsed `path.yaml#name`; without `#name` the name is empty.
struct YamlAddress {
    std::string path, name;
};

std::optional<YamlAddress> as_yaml_address(const std::string& text) {
    for (const std::string extension : {".yaml", ".yml"}) {
        if (text.ends_with(extension)) return YamlAddress{text, ""};
        const size_t found = text.find(extension + "#");
        if (found == std::string::npos) continue;
        const size_t end = found + extension.size();
        return YamlAddress{text.substr(0, end), text.substr(end + 1)};
    }
    return std::nullopt;
}

std::vector<GridMap> load_yaml(const YamlAddress& address) {
    std::vector<GridMap> maps = parse_yaml(read_map_file(address.path), address.path);
    if (address.name.empty()) return maps;
    for (const GridMap& map : maps) {
        if (map.name == address.name) return {map};
    }
    fail(path_text(address.path), "map name " + in_quotes(address.name),
         "one of its " + std::to_string(maps.size()) + " (the first is " + in_quotes(maps.front().name) + ")");
}

void place_named_agents(std::string& text, const GridMap& map) {
    if (map.start.size() > num_letters) {
        fail("to_text", std::to_string(map.start.size()) + " named agents", "at most 26, a letter each");
    }
    for (size_t agent = 0; agent < map.start.size(); ++agent) {
        text[cell_index(map.start[agent], map.width + 1)] = static_cast<char>('a' + agent);
        text[cell_index(map.goal[agent], map.width + 1)] = static_cast<char>('A' + agent);
    }
}

/// Characters by pool membership: 1 is the start pool, 2 the goal pool.
void place_pools(std::string& text, const GridMap& map) {
    std::vector<uint8_t> member(map.obstacle.size(), 0);
    for (const Cell cell : map.start_pool) member[cell_index(cell, map.width)] |= 1;
    for (const Cell cell : map.goal_pool) member[cell_index(cell, map.width)] |= 2;
    for (size_t i = 0; i < member.size(); ++i) {
        if (!map.obstacle[i]) text[i + i / map.width] = "!@$."[member[i]];
    }
}

}  // namespace

GridMap parse_map(std::string_view text, const std::string& name) { return parse_string_form(text, "map", name); }

std::string to_text(const GridMap& map) {
    std::string text;
    text.reserve(size_t(map.height) * (map.width + 1));
    for (int row = 0; row < map.height; ++row) {
        for (int column = 0; column < map.width; ++column) {
            text += map.obstacle[size_t(row) * map.width + column] ? '#' : '.';
        }
        text += '\n';
    }
    if (map.has_pools) place_pools(text, map);
    place_named_agents(text, map);
    return text;
}

std::string map_file(const std::string& path_or_text) {
    if (path_or_text.starts_with('[') || path_or_text.find('\n') != std::string::npos) return "";
    if (const auto address = as_yaml_address(path_or_text)) return address->path;
    return path_or_text.ends_with(".map") || path_or_text.ends_with(".txt") ? path_or_text : "";
}

std::vector<GridMap> load_maps(const std::string& path_or_text) {
    if (path_or_text.starts_with('[')) return {parse_list(path_or_text)};
    if (path_or_text.find('\n') != std::string::npos) return {parse_map(path_or_text)};
    if (const auto address = as_yaml_address(path_or_text)) return load_yaml(*address);
    const std::string stem = std::filesystem::path(path_or_text).stem().string();
    if (path_or_text.ends_with(".map")) return {parse_movingai(read_map_file(path_or_text), path_or_text, stem)};
    if (path_or_text.ends_with(".txt")) return {parse_string_form(read_map_file(path_or_text), path_or_text, stem)};
    if (path_or_text.find_first_of("/\\") != std::string::npos) {
        fail("map", in_quotes(path_or_text), "a path that ends in .yaml, .yml, .map or .txt, or a map's rows");
    }
    return {parse_map(path_or_text)};
}

}  // namespace flockstep
