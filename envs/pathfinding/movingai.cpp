#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "envs/pathfinding/map_reader.h"

/// Readers of MovingAI's benchmark files. Source: the format page of N. Sturtevant's benchmarks, 2012; the letter E, an
/// emitter that agents may enter, from the League of Robot Runners' start kit.
namespace flockstep {
namespace map_reader {
namespace {

struct Header {
    int height = 0, width = 0;
    size_t first_row = 0;  // index of the line below `map`
};

/// Words `type octile`, `height Y`, `width X` in any order and line breaks, then `map`.
Header parse_header(const std::vector<Line>& lines, const std::string& source) {
    Header header;
    std::string key;
    for (size_t i = 0; i < lines.size(); ++i) {
        const std::string where = at_line(source, lines[i].number);
        for (const std::string_view word : split_words(lines[i].text)) {
            if (key == "height" || key == "width") {
                (key == "height" ? header.height : header.width) =
                    parse_integer(word, min_map_side, max_map_side, where, key);
                key.clear();
            } else if (key == "type") {
                if (word != "octile") fail(where, "type " + in_quotes(word), "octile");
                key.clear();
            } else if (word == "map") {
                if (!header.height || !header.width) fail(where, "`map` before height and width", "both above it");
                header.first_row = i + 1;
                return header;
            } else if (word == "type" || word == "height" || word == "width") {
                key = word;
            } else {
                fail(where, in_quotes(word), "type, height, width or map");
            }
        }
    }
    fail(path_text(source), "no `map` line", "type, height, width, map, then the rows");
}

uint8_t obstacle_of(const Line& row, size_t column, const std::string& source) {
    const char sign = row.text[column];
    if (sign == '.' || sign == 'G' || sign == 'S' || sign == 'E') return 0;
    if (sign == '@' || sign == 'O' || sign == 'T' || sign == 'W') return 1;
    fail(at_line(source, row.number, column + 1), character_at(row.text, column), "one of . G S E @ O T W");
}

}  // namespace

GridMap parse_movingai(std::string_view text, const std::string& source, const std::string& name) {
    std::vector<Line> lines = split_lines(text);
    while (!lines.empty() && lines.back().text.empty()) lines.pop_back();
    const Header header = parse_header(lines, source);
    const size_t num_rows = lines.size() - header.first_row;
    if (num_rows != static_cast<size_t>(header.height)) {
        fail(path_text(source), std::to_string(num_rows) + " rows",
             std::to_string(header.height) + " (the header's height)");
    }
    GridMap map;
    map.height = header.height;
    map.width = header.width;
    map.name = name;
    for (size_t i = header.first_row; i < lines.size(); ++i) {
        const Line& row = lines[i];
        if (row.text.size() != static_cast<size_t>(header.width)) {
            fail(at_line(source, row.number), std::to_string(row.text.size()) + " characters",
                 std::to_string(header.width) + " (the header's width)");
        }
        for (size_t column = 0; column < row.text.size(); ++column) {
            map.obstacle.push_back(obstacle_of(row, column, source));
        }
    }
    return map;
}

}  // namespace map_reader

namespace {

using namespace map_reader;

constexpr size_t num_fields = 9;  // bucket, map, width, height, start x, y, goal x, y, optimal length

/// Fields are separated by tabs, so that a map's name may contain spaces; files without tabs are split at whitespace.
std::vector<std::string_view> split_fields(std::string_view text) {
    if (text.find('\t') == std::string_view::npos) return split_words(text);
    std::vector<std::string_view> fields;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find('\t', begin), text.size());
        fields.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return fields;
}

Cell parse_place(std::string_view x, std::string_view y, const GridMap& map, const std::string& where,
                 const std::string& what) {
    const Cell cell{static_cast<int16_t>(parse_integer(y, 0, map.height - 1, where, what + " y")),
                    static_cast<int16_t>(parse_integer(x, 0, map.width - 1, where, what + " x"))};
    if (map.is_obstacle(cell)) {
        fail(where, what + " x " + std::to_string(cell.column) + ", y " + std::to_string(cell.row) + " on an obstacle",
             "a free cell");
    }
    return cell;
}

/// A map's name as written in a scenario, without folders and extension.
std::string_view stem_of(std::string_view file) {
    file = file.substr(file.find_last_of("/\\") + 1);
    if (file.ends_with(".map")) file.remove_suffix(4);
    return file;
}

void parse_problem(const Line& line, const GridMap& map, const std::string& source, Scenario& scenario) {
    const std::string where = at_line(source, line.number);
    const std::vector<std::string_view> field = split_fields(line.text);
    if (field.size() != num_fields) fail(where, std::to_string(field.size()) + " fields", "9");
    if (!map.name.empty() && stem_of(field[1]) != map.name) {
        fail(where, "a problem of map " + in_quotes(field[1]), "one of " + in_quotes(map.name));
    }
    const int width = parse_integer(field[2], min_map_side, max_map_side, where, "map width");
    const int height = parse_integer(field[3], min_map_side, max_map_side, where, "map height");
    if (width != map.width || height != map.height) {
        fail(where, "a map of width " + std::to_string(width) + " and height " + std::to_string(height),
             std::to_string(map.width) + " and " + std::to_string(map.height) + " (the map's)");
    }
    double length = 0;
    const auto [end, error] = std::from_chars(field[8].data(), field[8].data() + field[8].size(), length);
    if (error != std::errc{} || end != field[8].data() + field[8].size()) {
        fail(where, "optimal length " + in_quotes(field[8]), "a number");
    }
    if (scenario.start.empty()) scenario.map_name = field[1];
    scenario.line.push_back(line.number);
    scenario.start.push_back(parse_place(field[4], field[5], map, where, "start"));
    scenario.goal.push_back(parse_place(field[6], field[7], map, where, "goal"));
}

/// No two agents may have the same start, or the same goal. what: "start" or "goal".
void check_places(const std::vector<Cell>& places, const std::vector<int>& line, const std::string& what,
                  const std::string& path) {
    std::map<std::pair<int, int>, int> line_of;
    for (size_t agent = 0; agent < places.size(); ++agent) {
        const Cell cell = places[agent];
        const auto [other, is_new] = line_of.try_emplace({cell.row, cell.column}, line[agent]);
        if (is_new) continue;
        fail(at_line(path, line[agent]),
             what + " x " + std::to_string(cell.column) + ", y " + std::to_string(cell.row) + " as in line " +
                 std::to_string(other->second),
             "a cell of its own for each agent");
    }
}

/// Keeps the first `count` problems, 0: all.
void keep_problems(Scenario& scenario, size_t count, const std::string& path) {
    if (count > scenario.start.size()) {
        fail("num_agents", std::to_string(count),
             "at most " + std::to_string(scenario.start.size()) + ", the problems of " + path_text(path));
    }
    if (count > 0) scenario.line.resize(count), scenario.start.resize(count), scenario.goal.resize(count);
    check_places(scenario.start, scenario.line, "start", path);
    check_places(scenario.goal, scenario.line, "goal", path);
}

}  // namespace

bool is_scenario(const std::string& path) {
    constexpr std::string_view extension = ".scen";
    return path.size() >= extension.size() &&
           std::equal(extension.begin(), extension.end(), path.end() - int(extension.size()),
                      [](char want, char given) { return want == std::tolower(static_cast<unsigned char>(given)); });
}

Scenario load_scenario(const std::string& path, const GridMap& map, size_t count) {
    const std::string text = read_map_file(path);
    const std::vector<Line> lines = split_lines(text);
    if (lines.empty() || (lines[0].text != "version 1" && lines[0].text != "version 1.0")) {
        fail(at_line(path, 1), lines.empty() ? "nothing" : in_quotes(lines[0].text), "`version 1`");
    }
    Scenario scenario;
    for (size_t i = 1; i < lines.size(); ++i) {
        if (!lines[i].text.empty()) parse_problem(lines[i], map, path, scenario);
    }
    if (scenario.start.empty()) fail(path_text(path), "no problems", "at least one line of 9 fields");
    keep_problems(scenario, count, path);
    return scenario;
}

}  // namespace flockstep
