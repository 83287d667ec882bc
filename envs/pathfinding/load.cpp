#include <algorithm>
#include <map>
#include <sstream>
#include <stdexcept>

#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/instance.h"
#include "envs/pathfinding/map.h"
#include "envs/pathfinding/settings.h"
#include "io/json.h"

namespace flockstep {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}

void read_observation(const PathfindingConfig& config, PathfindingShared& shared) {
    std::stringstream list(config.observation.str());
    for (std::string part; std::getline(list, part, ',');) {
        if (part == "windows")
            shared.shows_windows = true;
        else if (part == "cost_to_go")
            shared.shows_cost = true;
        else if (part == "intent")
            shared.shows_intent = true;
        else
            refuse("observation", in_quotes(part), "a comma-separated list of windows, cost_to_go and intent");
    }
    if (!shared.shows_windows && !shared.shows_cost && !shared.shows_intent)
        refuse("observation", "nothing", "at least one part");
    shared.needs_distances =
        config.distances || shared.shows_cost || shared.shows_intent || config.distance_reward != 0.0f;
}

/// How many agents a map can hold, which depends on how the generator places them.
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

std::string title_of(const GridMap& map) { return map.name.empty() ? "the map" : "map " + in_quotes(map.name); }

void check_capacity(const PathfindingConfig& c, int num_agents, const GridMap& map) {
    const std::string name = title_of(map);
    int room = capacity_of(map, c.generator == MapGenerator::pogema);
    std::string why = c.generator == MapGenerator::pogema ? "that many start and goal pairs fit "
                                                          : "that many agents fit the largest connected region of ";
    if (map.has_pools) {
        room = int(std::min(map.start_pool.size(), map.goal_pool.size()));
        why = "that many cells are in the smaller of the two pools of ";
    }
    if (num_agents > room)
        refuse("num_agents", std::to_string(num_agents), "at most " + std::to_string(room) + ": " + why + name);
}

/// Whether agents that do not fit a map are inactive, as on maps drawn at each reset.
bool leaves_agents_out(const PathfindingConfig& c) {
    return c.map.empty() && (c.generator == MapGenerator::blocks || c.generator == MapGenerator::caves ||
                             c.generator == MapGenerator::mixed);
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

std::string cell_text(Cell cell) { return "[" + std::to_string(cell.row) + ", " + std::to_string(cell.column) + "]"; }
Cell read_cell(const char* name, const Json& pair) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_integer() || !pair[1].is_number_integer())
        refuse(name, in_quotes(to_line(pair)), "a pair [row, column]");
    for (const Json& number : pair)
        if (number < 0 || number >= max_map_side) refuse(name, in_quotes(to_line(pair)), "a cell of the map");
    return {int16_t(pair[0].get<int>()), int16_t(pair[1].get<int>())};
}
Json read_list(const char* name, const InternedString& text) {
    constexpr int levels = 3;  // a list of agents, of sequences of goals, of pairs
    Json list = parse_json(text.c_str, levels);
    if (!list.is_array() || list.empty()) refuse(name, in_quotes(text.str()), "a list like [[0, 1], [2, 3]]");
    return list;
}

/// Starts and one or more goals of each agent, from settings or from letters on the map.
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
    if (c.is_lifelong()) refuse("on_target", "restart", "finish or nothing: a scenario has one goal for each agent");
    const Scenario scenario = load_scenario(c.agents_xy.str(), maps[0], size_t(c.num_agents));
    GivenAgents given{scenario.start, {}};
    for (Cell goal : scenario.goal) given.goals.push_back({goal});
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
/// An agent whose next goal is its current cell would be rewarded for standing still.
void check_sequences(const PathfindingConfig& c, const GivenAgents& given) {
    for (size_t agent = 0; agent < given.goals.size(); ++agent) {
        const std::vector<Cell>& goals = given.goals[agent];
        if (goals.size() < 2 && c.agents_xy.empty())
            refuse("map", "one goal for each agent, in letters",
                   "lists of at least two in targets_xy, with agents_xy, where on_target is restart");
        if (goals.size() < 2)
            refuse("targets_xy", "one goal for an agent", "at least two for each agent where on_target is restart");
        for (size_t i = 0; i < goals.size(); ++i)
            if (goals[i] == goals[(i + 1) % goals.size()])
                refuse("targets_xy", cell_text(goals[i]) + " twice in a row for agent " + std::to_string(agent),
                       "consecutive goals that differ, the last and the first included, where on_target is restart");
    }
}
GivenAgents read_given_agents(const PathfindingConfig& c, const std::vector<GridMap>& maps) {
    GivenAgents given;
    if (!is_scenario(c.agents_xy.str()) && c.agents_xy.empty() != c.targets_xy.empty())
        refuse(c.agents_xy.empty() ? "agents_xy" : "targets_xy", "nothing",
               "a list: agents_xy and targets_xy go together");
    if (is_scenario(c.agents_xy.str())) {
        given = read_scenario(c, maps);
    } else if (!c.agents_xy.empty()) {
        given = read_lists(c);
    } else if (maps.size() == 1 && !maps[0].start.empty()) {
        given.start = maps[0].start;
        for (Cell goal : maps[0].goal) given.goals.push_back({goal});
    }
    if (c.is_lifelong()) check_sequences(c, given);
    return given;
}

/// No two agents may have the same cell. cells: those of agents 0, 1, ...
void check_apart(const char* name, const std::vector<Cell>& cells) {
    std::map<std::pair<int, int>, size_t> agent_at;
    for (size_t agent = 0; agent < cells.size(); ++agent) {
        const auto [other, is_new] = agent_at.try_emplace({cells[agent].row, cells[agent].column}, agent);
        if (!is_new)
            refuse(name,
                   cell_text(cells[agent]) + " for agents " + std::to_string(other->second) + " and " +
                       std::to_string(agent),
                   "a cell of its own for each agent");
    }
}

/// A cell must be on the map. On a map from the settings it must also be free; on maps drawn at each reset, the cells
/// of predefined agents are cleared, as in POGEMA.
void check_cell(const char* name, size_t agent, Cell cell, const std::vector<GridMap>& maps,
                const PathfindingShared& shared) {
    const std::string got = cell_text(cell) + " for agent " + std::to_string(agent);
    if (cell.row < 0 || cell.column < 0 || cell.row >= shared.height || cell.column >= shared.width)
        refuse(
            name, got,
            "a cell of the map of " + std::to_string(shared.height) + " x " + std::to_string(shared.width) + " cells");
    for (const GridMap& map : maps)
        if (!map.contains(cell) || map.is_obstacle(cell))
            refuse(name, got + (map.contains(cell) ? ", an obstacle" : ", a cell outside") + " of " + title_of(map),
                   "a free cell");
}

/// One goal per agent, or several if on_target is restart: then two agents may have the same goal at different times.
void check_given_agents(const PathfindingConfig& c, const GivenAgents& given, const std::vector<GridMap>& maps,
                        const PathfindingShared& shared) {
    for (size_t agent = 0; agent < given.start.size(); ++agent) {
        check_cell("agents_xy", agent, given.start[agent], maps, shared);
        for (const Cell goal : given.goals[agent]) check_cell("targets_xy", agent, goal, maps, shared);
    }
    check_apart("agents_xy", given.start);
    if (c.is_lifelong()) return;
    std::vector<Cell> goals;
    for (const std::vector<Cell>& list : given.goals) goals.push_back(list.front());
    check_apart("targets_xy", goals);
}

void keep_given_agents(const PathfindingConfig& c, const GivenAgents& given, const std::vector<GridMap>& maps,
                       PathfindingShared& shared, Loader& loader) {
    if (given.start.empty()) return;
    const int count = int(given.start.size());
    if (c.num_agents != 1 && c.num_agents != count)
        refuse("num_agents", std::to_string(c.num_agents), std::to_string(count) + ", the number of given agents");
    shared.num_agents = count;
    check_given_agents(c, given, maps, shared);
    std::vector<int32_t> first{0};
    std::vector<Cell> list;
    for (const std::vector<Cell>& goals : given.goals) {
        list.insert(list.end(), goals.begin(), goals.end());
        first.push_back(int32_t(list.size()));
    }
    shared.start = loader.keep(given.start), shared.goal_first = loader.keep(first),
    shared.goal_list = loader.keep(list);
}

/// The maps that worlds share; none if each world draws its own.
std::vector<GridMap> read_or_generate(const PathfindingConfig& c, Loader& loader) {
    if (!c.map.empty()) {
        loader.depends_on(map_file(c.map.str()));
        return load_maps(c.map.str());
    }
    if (c.generator == MapGenerator::random || c.generator == MapGenerator::pogema) return {};
    return generate_pool(c, loader);
}

void set_sizes(const PathfindingConfig& c, const std::vector<GridMap>& maps, PathfindingShared& shared) {
    if (maps.empty()) {
        const Frame frame = frame_of(c);
        shared.height = frame.height, shared.width = frame.width;
    }
    for (const GridMap& map : maps)
        shared.height = std::max(shared.height, map.height), shared.width = std::max(shared.width, map.width);
    shared.grid_rows = shared.height + 2 * c.obs_radius;
    shared.grid_words = (shared.width + 2 * c.obs_radius + 31) / 32;
}

/// A drawn map needs a cell for every agent; POGEMA's instances need two, since goals and starts are disjoint.
void check_cells(const PathfindingConfig& c, const PathfindingShared& shared) {
    const bool needs_pairs = c.generator == MapGenerator::pogema;
    const int most = shared.cells() / (needs_pairs ? 2 : 1);
    if (shared.num_agents <= most) return;
    refuse("num_agents", std::to_string(shared.num_agents),
           "at most " + std::to_string(most) + ": the map has " + std::to_string(shared.height) + " x " +
               std::to_string(shared.width) + " cells" + (needs_pairs ? ", two for each agent" : ""));
}

}  // namespace

PathfindingShared load_pathfinding(const PathfindingConfig& config, Loader& loader) {
    PathfindingShared shared;
    read_observation(config, shared);
    if (config.min_density > config.density)
        refuse("min_density", to_text(config.min_density), "at most density, " + to_text(config.density));
    shared.law = numpy_bernoulli(config.density);
    shared.num_agents = config.num_agents;
    const std::vector<GridMap> maps = read_or_generate(config, loader);
    set_sizes(config, maps, shared);
    if (is_scenario(config.agents_xy.str())) loader.depends_on(config.agents_xy.str());
    keep_given_agents(config, read_given_agents(config, maps), maps, shared, loader);
    if (maps.empty()) {
        check_cells(config, shared);
        return shared;
    }
    PoolBuilder pool;
    for (const GridMap& map : maps) {
        if (shared.start.empty() && !leaves_agents_out(config)) check_capacity(config, shared.num_agents, map);
        pool.add(map);
    }
    pool.finish(shared, loader);
    return shared;
}

}  // namespace flockstep
