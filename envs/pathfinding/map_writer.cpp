#include <set>

#include "envs/pathfinding/map.h"
#include "envs/pathfinding/map_reader.h"

namespace flockstep {

std::string to_yaml(const std::vector<GridMap>& maps) {
    std::string text;
    std::set<std::string> names;
    for (const GridMap& map : maps) {
        const std::string name = map.name.empty() ? "map-" + std::to_string(names.size() + 1) : map.name;
        if (name.find_first_of("\"'\\") != std::string::npos)
            map_reader::fail("map name", in_quotes(name), "one without quotes and backslashes");
        if (!names.insert(name).second) map_reader::fail("map name", in_quotes(name) + " twice", "each name once");
        text += "\"" + name + "\": |-\n";
        const std::string rows = to_text(map);
        for (const map_reader::Line& row : map_reader::split_lines(rows)) text += "  " + std::string(row.text) + "\n";
    }
    return text;
}

std::string to_movingai(const GridMap& map) {
    if (map.has_pools || !map.start.empty())
        map_reader::fail("map", map.has_pools ? "one with pools of starts and goals" : "one with named agents",
                         "obstacles only, or another format: MovingAI's maps have nothing else");
    std::string text = "type octile\nheight " + std::to_string(map.height) + "\nwidth " + std::to_string(map.width) +
                       "\nmap\n" + to_text(map);
    for (char& sign : text)
        if (sign == '#') sign = '@';
    return text;
}

}  // namespace flockstep
