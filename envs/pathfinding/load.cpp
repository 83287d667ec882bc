#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/instance.h"
#include "envs/pathfinding/map.h"
#include "envs/pathfinding/settings.h"

namespace flockstep {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}

void read_observation(PathfindingConfig& config) {
    config.shows_windows = config.shows_cost = config.shows_intent = false;
    std::stringstream list(config.observation.str());
    for (std::string part; std::getline(list, part, ',');) {
        if (part == "windows")
            config.shows_windows = true;
        else if (part == "cost_to_go")
            config.shows_cost = true;
        else if (part == "intent")
            config.shows_intent = true;
        else
            refuse("observation", in_quotes(part), "a comma-separated list of windows, cost_to_go and intent");
    }
    if (!config.shows_windows && !config.shows_cost && !config.shows_intent)
        refuse("observation", "nothing", "at least one part");
}

/// Sides of generated map number k: as configured, or drawn from min_size on; odd where the generator wants that.
int side_of(int most, int least, uint64_t seed, bool odd) {
    if (least > 0 && least < most) {
        const Words draw = philox(uint32_t(seed), uint32_t(seed >> 32), uint32_t(most), 0, 0x6D617073u, 0);
        most = least + int((uint64_t{draw.word[0]} * uint64_t(most - least + 1)) >> 32);
    }
    return odd && most % 2 == 0 ? most - 1 : most;
}

std::vector<GridMap> generate_pool(const PathfindingConfig& c) {
    std::vector<GridMap> maps;
    if (c.generator == MapGenerator::warehouse) {
        maps.push_back(generate_warehouse({c.shelf_rows, c.shelf_columns, c.shelf_length, c.shelf_height, c.aisle,
                                           c.station_columns, c.station_width}));
        return maps;
    }
    for (int k = 0; k < c.num_maps; ++k) {
        const uint64_t seed = c.map_seed + uint64_t(k);
        if (c.generator == MapGenerator::maze) {
            MazeConfig maze = draw_maze_config(seed);
            maze.height = side_of(c.height, c.min_size, 2 * seed, true),
            maze.width = side_of(c.width, c.min_size, 2 * seed + 1, true);
            maps.push_back(generate_maze(maze, seed));
        } else {
            RoomMapConfig rooms;
            rooms.room_rows = std::max(1, (c.height + 1) / (rooms.room_height + 1));
            rooms.room_columns = std::max(1, (c.width + 1) / (rooms.room_width + 1));
            maps.push_back(generate_room_map(rooms, seed));
        }
    }
    return maps;
}

/// Agents that a map can hold: the generators place them differently.
int capacity_of(const GridMap& map, bool pogema) {
    const int cells = map.height * map.width;
    const size_t size = size_t(cells);
    std::vector<int32_t> label(size), begin(size / 2 + 2), list(size);
    Components<int32_t> components{label.data(), begin.data(), list.data(), 0, 0};
    find_components<int32_t>(
        map.height, map.width, [&](int cell) { return map.obstacle[size_t(cell)] != 0; }, components);
    int largest = 0, pairs = 0;
    for (int k = 0; k < components.count; ++k)
        largest = std::max(largest, components.size(k)), pairs += components.size(k) / 2;
    return pogema ? pairs : largest < 2 ? 0 : largest;
}

void check_capacity(const PathfindingConfig& c, const GridMap& map) {
    const std::string name = map.name.empty() ? "the map" : "map " + map.name;
    int room = capacity_of(map, c.generator == MapGenerator::pogema);
    std::string why = c.generator == MapGenerator::pogema ? " has room for pairs of start and goal of so many"
                                                          : " has so many free cells that hang together";
    if (map.has_pools) {
        room = int(std::min(map.start_pool.size(), map.goal_pool.size()));
        why = " has so many cells in the smaller of its two pools";
    }
    if (c.num_agents > room)
        refuse("num_agents", std::to_string(c.num_agents), "at most " + std::to_string(room) + ": " + name + why);
}

/// Appends one map's rows, pools and noise to the shared arrays.
struct PoolBuilder {
    std::vector<Cell> size, start_pool, goal_pool;
    std::vector<int64_t> start;
    std::vector<uint32_t> rows;
    std::vector<NumpyBernoulli> law;
    std::vector<int32_t> start_begin, goal_begin;

    void add(const GridMap& map) {
        const int words = (map.width + 31) / 32, free = int(std::count(map.obstacle.begin(), map.obstacle.end(), 0));
        size.push_back({int16_t(map.height), int16_t(map.width)});
        start.push_back(int64_t(rows.size()));
        rows.resize(rows.size() + size_t(map.height * words));
        for (int cell = 0; cell < map.height * map.width; ++cell)
            if (map.obstacle[size_t(cell)])
                rows[size_t(start.back() + cell / map.width * words + cell % map.width / 32)] |=
                    1u << (cell % map.width % 32);
        law.push_back(numpy_bernoulli(1.0 - double(free) / (map.height * map.width)));
        start_begin.push_back(int32_t(start_pool.size())), goal_begin.push_back(int32_t(goal_pool.size()));
        if (!map.has_pools) return;
        start_pool.insert(start_pool.end(), map.start_pool.begin(), map.start_pool.end());
        goal_pool.insert(goal_pool.end(), map.goal_pool.begin(), map.goal_pool.end());
    }
    void finish(PathfindingShared& shared, Loader& loader) {
        start.push_back(int64_t(rows.size()));
        start_begin.push_back(int32_t(start_pool.size())), goal_begin.push_back(int32_t(goal_pool.size()));
        shared.map_size = loader.keep(size), shared.map_start = loader.keep(start), shared.map_rows = loader.keep(rows),
        shared.map_law = loader.keep(law);
        shared.start_begin = loader.keep(start_begin), shared.start_pool = loader.keep(start_pool);
        shared.goal_begin = loader.keep(goal_begin), shared.goal_pool = loader.keep(goal_pool);
    }
};

Cell read_cell(const char* name, const nlohmann::json& pair) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer() || !pair[1].is_number_integer())
        refuse(name, pair.dump(), "a pair [row, column]");
    for (const nlohmann::json& number : pair)
        if (number < 0 || number >= max_map_side) refuse(name, pair.dump(), "a cell of the map");
    return {int16_t(pair[0].get<int>()), int16_t(pair[1].get<int>())};
}
nlohmann::json read_list(const char* name, const Text& text) {
    nlohmann::json list = nlohmann::json::parse(text.str(), nullptr, false);
    if (!list.is_array() || list.empty()) refuse(name, in_quotes(text.str()), "a list like [[0, 1], [2, 3]]");
    return list;
}

/// Starts and one or more goals of each agent, as settings or as letters on the map.
struct GivenAgents {
    std::vector<Cell> start;
    std::vector<std::vector<Cell>> goals;
};
/// agents_xy = "file.scen": the first num_agents problems of a MovingAI scenario.
GivenAgents read_scenario(const PathfindingConfig& c, const std::vector<GridMap>& maps) {
    if (!c.targets_xy.empty()) refuse("targets_xy", "a list", "nothing: the scenario in agents_xy has the goals");
    if (maps.size() != 1)
        refuse("agents_xy", in_quotes(c.agents_xy.str()) + " and " + std::to_string(maps.size()) + " maps",
               "the one map that the scenario is for");
    const Scenario scenario = load_scenario(c.agents_xy.str(), maps[0]);
    const size_t count = size_t(c.num_agents);
    if (count > scenario.start.size())
        refuse("num_agents", std::to_string(count),
               "at most " + std::to_string(scenario.start.size()) + ", the problems of " + c.agents_xy.str());
    GivenAgents given{{scenario.start.begin(), scenario.start.begin() + c.num_agents}, {}};
    for (size_t agent = 0; agent < count; ++agent) given.goals.push_back({scenario.goal[agent]});
    return given;
}
GivenAgents read_lists(const PathfindingConfig& c) {
    GivenAgents given;
    for (const auto& pair : read_list("agents_xy", c.agents_xy)) given.start.push_back(read_cell("agents_xy", pair));
    for (const auto& goal : read_list("targets_xy", c.targets_xy)) {
        const bool is_sequence = goal.is_array() && !goal.empty() && goal[0].is_array();
        given.goals.emplace_back();
        if (!is_sequence)
            given.goals.back().push_back(read_cell("targets_xy", goal));
        else
            for (const auto& pair : goal) given.goals.back().push_back(read_cell("targets_xy", pair));
    }
    if (given.goals.size() != given.start.size())
        refuse("targets_xy", std::to_string(given.goals.size()) + " agents",
               std::to_string(given.start.size()) + " as in agents_xy");
    return given;
}
GivenAgents read_given_agents(const PathfindingConfig& c, const std::vector<GridMap>& maps) {
    const bool is_scenario = c.agents_xy.str().ends_with(".scen");
    GivenAgents given;
    if (!is_scenario && c.agents_xy.empty() != c.targets_xy.empty())
        refuse(c.agents_xy.empty() ? "agents_xy" : "targets_xy", "nothing",
               "a list: agents_xy and targets_xy go together");
    if (is_scenario) {
        given = read_scenario(c, maps);
    } else if (!c.agents_xy.empty()) {
        given = read_lists(c);
    } else if (maps.size() == 1 && !maps[0].start.empty()) {
        given.start = maps[0].start;
        for (Cell goal : maps[0].goal) given.goals.push_back({goal});
    }
    for (const std::vector<Cell>& goals : given.goals)
        if (c.is_lifelong() && !c.agents_xy.empty() && goals.size() < 2)
            refuse("targets_xy", "one goal for an agent", "at least two for each agent where on_target is restart");
    return given;
}

void keep_given_agents(PathfindingConfig& c, const GivenAgents& given, PathfindingShared& shared, Loader& loader) {
    if (given.start.empty()) return;
    const int count = int(given.start.size());
    if (c.num_agents != 1 && c.num_agents != count)
        refuse("num_agents", std::to_string(c.num_agents), std::to_string(count) + ", the number of given agents");
    c.num_agents = count;
    std::vector<int32_t> first{0};
    std::vector<Cell> list;
    const auto check = [&](Cell cell) {
        if (cell.row < 0 || cell.column < 0 || cell.row >= c.height || cell.column >= c.width)
            refuse("agents_xy, targets_xy",
                   "cell [" + std::to_string(cell.row) + ", " + std::to_string(cell.column) + "]",
                   "one on the map of " + std::to_string(c.height) + " x " + std::to_string(c.width) + " cells");
    };
    for (Cell cell : given.start) check(cell);
    for (const std::vector<Cell>& goals : given.goals) {
        for (Cell cell : goals) check(cell), list.push_back(cell);
        first.push_back(int32_t(list.size()));
    }
    shared.start = loader.keep(given.start), shared.goal_first = loader.keep(first),
    shared.goal_list = loader.keep(list);
}

}  // namespace

PathfindingShared load_pathfinding(PathfindingConfig& config, Loader& loader) {
    PathfindingShared shared;
    read_observation(config);
    if ((config.height == 0) != (config.width == 0))
        refuse(config.height ? "width" : "height", "0", "both height and width, or neither");
    if (config.height == 0) config.height = config.width = config.size;
    if (config.min_density > config.density)
        refuse("min_density", to_text(config.min_density), "at most density, " + to_text(config.density));
    config.law = numpy_bernoulli(config.density);
    std::vector<GridMap> maps;
    if (!config.map.empty())
        maps = load_maps(config.map.str());
    else if (config.generator != MapGenerator::random && config.generator != MapGenerator::pogema)
        maps = generate_pool(config);
    if (!maps.empty()) {
        config.height = config.width = 0;
        for (const GridMap& map : maps)
            config.height = std::max(config.height, map.height), config.width = std::max(config.width, map.width);
    }
    config.size = std::max({config.height, config.width, 2});
    keep_given_agents(config, read_given_agents(config, maps), shared, loader);
    if (!maps.empty()) {
        PoolBuilder pool;
        for (const GridMap& map : maps) {
            if (shared.start.size == 0) check_capacity(config, map);
            pool.add(map);
        }
        pool.finish(shared, loader);
    } else if (config.num_agents > config.cells() / (config.generator == MapGenerator::pogema ? 2 : 1)) {
        const bool needs_pairs = config.generator == MapGenerator::pogema;  // of cells of their own
        refuse("num_agents", std::to_string(config.num_agents),
               "at most " + std::to_string(config.cells() / (needs_pairs ? 2 : 1)) + ": the map has " +
                   std::to_string(config.height) + " x " + std::to_string(config.width) + " cells" +
                   (needs_pairs ? ", two for each agent" : ""));
    }
    return shared;
}

}  // namespace flockstep
