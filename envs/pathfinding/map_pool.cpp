#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/instance.h"
#include "envs/pathfinding/settings.h"
#include "io/json.h"

/// The pool of maps that an environment's settings generate.
namespace flockstep {

namespace {

[[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) {
    throw std::invalid_argument(name + ": got " + got + ", want " + want);
}

/// One of the numbers that a map's seed gives.
uint32_t draw(uint64_t seed, uint32_t number, uint32_t stream = 0) {
    return philox(uint32_t(seed), uint32_t(seed >> 32), number, stream, 0x6D617073u, 0).word[0];
}

/// A side of a generated map: as configured, or drawn from min_size upward.
int side_of(int max_side, int min_side, uint64_t seed) {
    if (min_side <= 0 || min_side >= max_side) return max_side;
    return min_side + int((uint64_t{draw(seed, uint32_t(max_side))} * uint64_t(max_side - min_side + 1)) >> 32);
}

double density_of(const PathfindingConfig& c, uint64_t seed) {
    if (c.min_density < 0.0) return c.density;
    return c.min_density + (c.density - c.min_density) * double(draw(seed, 0, 1)) * 0x1p-32;
}

/// POGEMA's obstacles for a seed.
GridMap pogema_map(const Frame& frame, double density, uint64_t seed) {
    GridMap map;
    map.height = frame.height, map.width = frame.width;
    map.obstacle.resize(size_t(frame.height) * size_t(frame.width));
    draw_obstacles(seed, numpy_bernoulli(density), frame.height * frame.width,
                   [&](int cell, bool is_obstacle) { map.obstacle[size_t(cell)] = is_obstacle; });
    return map;
}

GridMap maze_of(int height, int width, uint64_t seed) {
    MazeConfig maze = draw_maze_config(seed);
    maze.height = height - (height % 2 == 0), maze.width = width - (width % 2 == 0);
    return generate_maze(maze, seed);
}

/// Rooms of the default size that fill the frame.
GridMap room_map_of(const Frame& frame, uint64_t seed) {
    RoomMapConfig rooms;
    rooms.room_rows = std::max(1, (frame.height + 1) / (rooms.room_height + 1));
    rooms.room_columns = std::max(1, (frame.width + 1) / (rooms.room_width + 1));
    return generate_room_map(rooms, seed);
}

GridMap generate_map(const PathfindingConfig& c, const Frame& frame, uint64_t seed) {
    const int height = side_of(frame.height, c.min_size, 2 * seed),
              width = side_of(frame.width, c.min_size, 2 * seed + 1);
    switch (c.generator) {
        case MapGenerator::maze:
            return maze_of(height, width, seed);
        case MapGenerator::random:
            return generate_random_map({height, width, density_of(c, seed)}, seed);
        case MapGenerator::pogema:
            return pogema_map(frame, c.density, seed);
        case MapGenerator::blocks:
            return generate_block_map({height, width, density_of(c, seed)}, seed);
        case MapGenerator::caves:
            return generate_cave(draw_cave_config(height, width, seed), seed);
        default:
            return room_map_of(frame, seed);
    }
}

/// The kinds of maps that `mixed` takes in turn.
std::vector<MapGenerator> kinds_of(const PathfindingConfig& c) {
    std::vector<MapGenerator> kinds;
    std::stringstream list(c.kinds.str());
    for (std::string kind; std::getline(list, kind, ',');) {
        if (kind == "random")
            kinds.push_back(MapGenerator::random);
        else if (kind == "maze")
            kinds.push_back(MapGenerator::maze);
        else if (kind == "rooms")
            kinds.push_back(MapGenerator::rooms);
        else if (kind == "warehouse")
            kinds.push_back(MapGenerator::warehouse);
        else if (kind == "blocks")
            kinds.push_back(MapGenerator::blocks);
        else if (kind == "caves")
            kinds.push_back(MapGenerator::caves);
        else
            refuse("kinds", in_quotes(kind),
                   "a comma-separated list of random, maze, rooms, warehouse, blocks and caves");
    }
    if (kinds.empty()) refuse("kinds", "nothing", "at least one kind of maps");
    return kinds;
}

/// Throws unless every map that is drawn has room for a warehouse.
void check_warehouse_room(const PathfindingConfig& c, const Frame& frame) {
    constexpr int least = 7;
    const int side = std::min(frame.height, frame.width);
    if (side < least) refuse("size", std::to_string(side), "at least 7, which a warehouse needs");
    if (c.min_size > 0 && c.min_size < least)
        refuse("min_size", std::to_string(c.min_size), "at least 7, which a warehouse needs, or 0");
}

/// A map of one kind whose sides and other parameters are drawn from its seed.
GridMap generate_varied_map(PathfindingConfig c, MapGenerator kind, const Frame& frame, uint64_t seed) {
    c.generator = kind;
    const int height = side_of(frame.height, c.min_size, 2 * seed),
              width = side_of(frame.width, c.min_size, 2 * seed + 1);
    if (kind == MapGenerator::warehouse) return generate_warehouse(draw_warehouse_config(height, width, seed));
    if (kind == MapGenerator::rooms) return generate_room_map(draw_room_map_config(height, width, seed), seed);
    return generate_map(c, frame, seed);
}

}  // namespace

Frame frame_of(const PathfindingConfig& c) {
    if ((c.height == 0) != (c.width == 0))
        refuse(c.height ? "width" : "height", "0", "both height and width, or neither");
    if (c.height == 0) return {c.size, c.size};
    const int side = std::max(c.height, c.width);
    if (c.size != side && c.size != PathfindingConfig{}.size)
        refuse("size", std::to_string(c.size),
               std::to_string(side) + ", the larger of height and width, or height and width 0");
    return {c.height, c.width};
}

std::vector<GridMap> generate_pool(const PathfindingConfig& c, Loader& loader) {
    if (c.generator == MapGenerator::warehouse)
        return {generate_warehouse({c.shelf_rows, c.shelf_columns, c.shelf_length, c.shelf_height, c.aisle,
                                    c.station_columns, c.station_width})};
    const Frame frame = frame_of(c);
    loader.check_free_memory(double(c.num_maps) * frame.height * frame.width, "a pool of generated maps");
    const std::vector<MapGenerator> kinds =
        c.generator == MapGenerator::mixed ? kinds_of(c) : std::vector<MapGenerator>{};
    if (std::count(kinds.begin(), kinds.end(), MapGenerator::warehouse)) check_warehouse_room(c, frame);
    std::vector<GridMap> maps;
    for (uint64_t k = 0; k < uint64_t(c.num_maps); ++k) {
        const uint64_t seed = c.map_seed + k;
        maps.push_back(kinds.empty() ? generate_map(c, frame, seed)
                                     : generate_varied_map(c, kinds[k % kinds.size()], frame, seed));
    }
    return maps;
}

}  // namespace flockstep
