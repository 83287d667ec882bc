#pragma once

#include "envs/common/numpy_random.h"
#include "envs/pathfinding/cell.h"
#include "sim/contract/environment.h"

namespace flockstep {

enum class OnTarget : int { finish, nothing, restart };
enum class CollisionSystem : int { priority, block_both, soft };
enum class SoftOccupancy : int { fixed, legacy };
enum class MapGenerator : int { random, maze, warehouse, rooms, pogema, blocks, caves, mixed };

/// Settings of the pathfinding environment, with POGEMA's names where POGEMA has them.
struct PathfindingConfig {
    OnTarget on_target = OnTarget::finish;
    CollisionSystem collision_system = CollisionSystem::priority;
    SoftOccupancy soft_occupancy = SoftOccupancy::fixed;
    int num_agents = 1;
    int min_agents = 0;
    double max_agent_share = 1.0;
    int obs_radius = 5;
    int max_episode_steps = 64;
    InternedString observation = "windows";
    int cost_clip = 10;
    bool mask_obstacles = false;
    bool distances = false;
    float distance_reward = 0.0f;
    float shared_reward = 0.0f;
    int shared_reward_radius = 2;
    MapGenerator generator = MapGenerator::random;
    InternedString map = "";
    int size = 8, height = 0, width = 0;
    int min_size = 0;
    double density = 0.3;
    double min_density = -1.0;
    int num_maps = 64;
    InternedString kinds = "random,maze,rooms,warehouse,blocks";
    int shelf_rows = 8, shelf_columns = 3, shelf_length = 10, shelf_height = 1, aisle = 1, station_columns = 2,
        station_width = 2;
    uint64_t map_seed = 0;
    bool empty_outside = true;
    InternedString agents_xy = "", targets_xy = "";

    template <class F>
    void fields(F f) {
        f("on_target", on_target, one_of({"finish", "nothing", "restart"}),
          "what happens on arrival: leave, stay, or get a new goal (lifelong)");
        f("collision_system", collision_system, one_of({"priority", "block_both", "soft"}),
          "how conflicting moves are resolved");
        f("soft_occupancy", soft_occupancy, one_of({"fixed", "legacy"}),
          "legacy: the agents window of POGEMA up to 2.0 under soft, where followers vanish until they move again");
        f("num_agents", num_agents, between(1, 1 << 20),
          "agents per world; those that do not fit a drawn map are inactive");
        f("min_agents", min_agents, between(0, 1 << 20),
          "if > 0, worlds have min_agents to num_agents agents, drawn at each reset");
        f("max_agent_share", max_agent_share, between(0, 1),
          "if < 1, a world has at most this share of the cells of its largest connected region as agents, and at least "
          "one");
        f("obs_radius", obs_radius, between(1, 128), "windows are 2 * obs_radius + 1 cells wide");
        f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        f("observation", observation, any_value(), "parts, comma-separated: windows, cost_to_go, intent");
        f("cost_clip", cost_clip, between(1, 126),
          "cost_to_go is clipped to -cost_clip..cost_clip; cost_clip + 1 marks blocked cells");
        f("mask_obstacles", mask_obstacles, any_value(), "mask moves into obstacles as illegal");
        f("distances", distances, any_value(), "keep distance fields even if no observation needs them (pibt does)");
        f("distance_reward", distance_reward, any_value(), "reward per cell by which an agent gets closer to its goal");
        f("shared_reward", shared_reward, between(0, 1),
          "share of an agent's reward that is the mean reward of the other agents nearby, if there are any");
        f("shared_reward_radius", shared_reward_radius, between(1, 128),
          "nearby: at most this many rows and columns away, after the step");
        f("generator", generator,
          one_of({"random", "maze", "warehouse", "rooms", "pogema", "blocks", "caves", "mixed"}),
          "source of maps and instances: random draws both on the device at every reset; pogema rebuilds POGEMA's "
          "instances from the seed; the others generate a pool of maps once, mixed with maps of several kinds");
        f("map", map, any_value(),
          "use this map, with its own size: file.map, file.yaml, file.yaml#name, or POGEMA's string or list form");
        f("size", size, between(2, 4096),
          "cells per side of a generated map; if height and width are set, omit it or set it to the larger one");
        f("height", height, between(0, 4096), "rows of a generated map; 0: size");
        f("width", width, between(0, 4096), "columns of a generated map; 0: size");
        f("min_size", min_size, between(0, 4096),
          "if > 0, sides are drawn from min_size to height and width; not for rooms, warehouse and pogema");
        f("density", density, between(0, 1), "random, pogema, blocks: share of obstacles");
        f("min_density", min_density, between(-1, 1),
          "random, blocks: if >= 0, the density is drawn from min_density to density");
        f("num_maps", num_maps, between(1, 1 << 20), "number of maps in the shared pool; warehouse: one");
        f("kinds", kinds, any_value(),
          "mixed: kinds of maps, comma-separated, map k of kind k modulo their number: random, maze, rooms, warehouse, "
          "blocks, caves; a kind named twice gets twice as many");
        f("map_seed", map_seed, at_least(0), "seed of the pool");
        f("shelf_rows", shelf_rows, between(1, 1000), "warehouse: blocks of shelves along a column");
        f("shelf_columns", shelf_columns, between(1, 1000), "warehouse: blocks along a row");
        f("shelf_length", shelf_length, between(1, 1000), "warehouse: cells of a block along the row");
        f("shelf_height", shelf_height, between(1, 1000), "warehouse: cells of a block along the column");
        f("aisle", aisle, between(1, 1000), "warehouse: cells between the goal cells of adjacent blocks");
        f("station_columns", station_columns, between(0, 1000), "warehouse: groups of start cells on each side");
        f("station_width", station_width, between(1, 1000), "warehouse: columns of a group");
        f("empty_outside", empty_outside, any_value(), "pogema: false fills the area beyond the wall with noise");
        f("agents_xy", agents_xy, any_value(),
          "starts of all agents, [[row, column], ...], or a MovingAI file.scen: starts and goals of its first "
          "problems");
        f("targets_xy", targets_xy, any_value(), "goals of all agents, or for restart a list of goals per agent");
    }

    SIM_HD int window() const { return 2 * obs_radius + 1; }
    SIM_HD bool has_legacy_occupancy() const {
        return collision_system == CollisionSystem::soft && soft_occupancy == SoftOccupancy::legacy;
    }
    SIM_HD bool is_lifelong() const { return on_target == OnTarget::restart; }
};

/// Maps and lists of agents shared by all worlds, and values derived from them and from the settings.
struct PathfindingShared {
    int num_agents = 1;                 // per world: from the setting, or the number of predefined agents
    int height = 0, width = 0;          // of the frame that contains every world's map: the largest map's
    int grid_rows = 0, grid_words = 0;  // of the bordered grid, obs_radius cells wider on each side: bitmap rows
    bool shows_windows = false, shows_cost = false, shows_intent = false;  // parts that are observed
    bool needs_distances = false;                                          // distance fields are kept
    NumpyBernoulli law{};                                                  // for the obstacles of POGEMA's generator
    View<Cell> map_size;           // [num_maps] height, width; empty: worlds draw their maps
    View<int64_t> map_start;       // [num_maps + 1] first word of each map's rows
    View<uint32_t> map_rows;       // bits, 1 = obstacle, (width + 31) / 32 words per row
    View<NumpyBernoulli> map_law;  // [num_maps] for noise beyond the wall, as dense as the map's obstacles
    View<int32_t> start_begin;     // [num_maps + 1] into start_pool; an empty range: all free cells
    View<Cell> start_pool;
    View<int32_t> goal_begin;
    View<Cell> goal_pool;
    View<Cell> start;          // [num_agents] predefined starts; empty: drawn
    View<int32_t> goal_first;  // [num_agents + 1] into goal_list
    View<Cell> goal_list;      // predefined goals, one or a sequence per agent

    template <class V>
    void fields(V& visit) {
        visit("num_agents", num_agents), visit("height", height), visit("width", width);
        visit("grid_rows", grid_rows), visit("grid_words", grid_words);
        visit("shows_windows", shows_windows), visit("shows_cost", shows_cost), visit("shows_intent", shows_intent);
        visit("needs_distances", needs_distances), visit("law", law);
        visit("map_size", map_size), visit("map_start", map_start), visit("map_rows", map_rows),
            visit("map_law", map_law);
        visit("start_begin", start_begin), visit("start_pool", start_pool);
        visit("goal_begin", goal_begin), visit("goal_pool", goal_pool);
        visit("start", start), visit("goal_first", goal_first), visit("goal_list", goal_list);
    }
    SIM_HD int num_maps() const { return int(map_size.size()); }
    SIM_HD int cells() const { return height * width; }
    SIM_HD int map_words() const { return (width + 31) / 32; }
};

/// Checks the consistency of settings, loads or generates the maps. Defined in load.cpp.
PathfindingShared load_pathfinding(const PathfindingConfig& config, Loader& loader);

template <>
constexpr ElementType element_of<Cell>() {
    return {DType::int16, 2};
}
template <>
constexpr ElementType element_of<NumpyRng>() {
    return {DType::uint64, 5};
}

}  // namespace flockstep
