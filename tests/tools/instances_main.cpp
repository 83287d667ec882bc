// Prints pathfinding instances for envs/pathfinding/test_instances.py. Every line of the standard input is one job:
//   random HEIGHT WIDTH DENSITY SEED AGENTS CHAIN
//   map PATH SEED AGENTS CHAIN
// and gives one line of JSON. CHAIN: how many goals to list per agent, walking from goal to goal at obs_radius 5; 0 for
// none.
#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "envs/pathfinding/instance.h"
#include "envs/pathfinding/map.h"

using namespace flockstep;

namespace {

using Index = uint16_t;
constexpr int obs_radius = 5;

/// An instance with all the memory that the device functions ask their caller for.
struct Instance {
    GridMap map;
    uint64_t seed;
    int num_agents, placed = 0;
    std::vector<Index> label, begin, cells, order, room, waiting;
    Components<Index> components{};
    std::vector<Cell> start, goal;

    Instance(GridMap given, uint64_t seed, int num_agents)
        : map(std::move(given)), seed(seed), num_agents(num_agents), start(num_agents), goal(num_agents) {
        const int num_cells = map.height * map.width, most = max_components(num_cells);
        for (auto* list : {&label, &cells, &order}) list->resize(num_cells);
        for (auto* list : {&begin, &room, &waiting}) list->resize(most + 1);
        components = {label.data(), begin.data(), cells.data(), 0, 0};
        find_components(
            map.height, map.width, [&](int cell) { return map.obstacle[cell] != 0; }, components);
        map.has_pools ? take_from_pools() : place();
    }

    void place() {
        placed =
            place_agents(seed, num_agents, map.height * map.width, map.width, components,
                         PlacementScratch<Index>{order.data(), room.data(), waiting.data()}, start.data(), goal.data());
    }

    void take_from_pools() {
        shuffle_pools(seed, map.start_pool.data(), map.start_pool.size(), map.goal_pool.data(), map.goal_pool.size());
        placed = std::min<size_t>({size_t(num_agents), map.start_pool.size(), map.goal_pool.size()});
        std::copy_n(map.start_pool.begin(), placed, start.begin());
        std::copy_n(map.goal_pool.begin(), placed, goal.begin());
    }

    Cell goal_after(NumpyRng& stream, Cell current) const {
        if (!map.has_pools) return next_goal(stream, current, map.width, components);
        return next_pool_goal(stream, current, map.goal_pool.data(), map.goal_pool.size(), obs_radius);
    }
};

void print_cells(const char* key, const std::vector<Cell>& cells) {
    std::cout << ", \"" << key << "\": [";
    for (size_t i = 0; i < cells.size(); ++i) {
        std::cout << (i ? ", [" : "[") << cells[i].row << ", " << cells[i].column << "]";
    }
    std::cout << "]";
}

void print_instance(Instance instance, int chain) {
    std::cout << "{\"placed\": " << instance.placed << ", \"obstacle\": \"";
    for (const uint8_t cell : instance.map.obstacle) std::cout << int(cell);
    std::cout << "\"";
    if (instance.placed == instance.num_agents) {
        print_cells("start", instance.start);
        print_cells("goal", instance.goal);
        std::vector<NumpyRng> streams(instance.num_agents);
        start_goal_streams(instance.seed, instance.num_agents, streams.data());
        std::vector<Cell> goals;
        for (int agent = 0; agent < instance.num_agents && chain > 0; ++agent) {
            goals.push_back(instance.goal[agent]);
            for (int i = 1; i < chain; ++i) goals.push_back(instance.goal_after(streams[agent], goals.back()));
        }
        print_cells("goal_chain", goals);
        if (instance.map.has_pools) {
            instance.take_from_pools();
            print_cells("start_second_reset", instance.start);
        }
    }
    std::cout << "}\n";
}

GridMap random_obstacles(int height, int width, double density, uint64_t seed) {
    GridMap map;
    map.height = height;
    map.width = width;
    map.obstacle.resize(size_t(height) * width);
    draw_obstacles(seed, numpy_bernoulli(density), height * width,
                   [&](int cell, bool set) { map.obstacle[cell] = set; });
    return map;
}

void run_job(const std::string& line) {
    static std::map<std::string, GridMap> known;
    std::istringstream words(line);
    std::string kind, path, density;
    int height = 0, width = 0, num_agents = 0, chain = 0;
    uint64_t seed = 0;
    words >> kind;
    if (kind == "random") words >> height >> width >> density;
    if (kind == "map") words >> path;
    if (!(words >> seed >> num_agents >> chain)) throw std::invalid_argument("not a job: " + line);
    if (kind == "random") {
        print_instance({random_obstacles(height, width, std::stod(density), seed), seed, num_agents}, chain);
        return;
    }
    if (!known.contains(path)) known[path] = load_maps(path).front();
    print_instance({known[path], seed, num_agents}, chain);
}

}  // namespace

int main() try {
    for (std::string line; std::getline(std::cin, line);) run_job(line);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
