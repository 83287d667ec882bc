#pragma once

#include <cstdint>

#include "envs/pathfinding/map.h"

/// Map generators, host only. The map is a pure function of parameters and seed, the same on every machine. A parameter
/// out of range throws std::invalid_argument with its name, value and range.
namespace flockstep {

struct PathfindingConfig;  // settings.h
class Loader;              // sim/contract/loader.h

/// Every cell is an obstacle independently with the same probability. Free cells need not be connected.
struct RandomMapConfig {
    int height = 20, width = 20;  // cells, 1..4096
    double density = 0.2;         // probability of an obstacle, 0..1
};
GridMap generate_random_map(const RandomMapConfig& config, uint64_t seed);

/// Corridors one cell wide between walls that meet at odd cells (row and column odd); all free cells are connected.
/// Walls grow one after another from a random odd cell, or from outside the top or left edge, two cells at a time, onto
/// odd cells that no wall has reached; a step onto an occupied cell is skipped. So no wall closes a ring or joins two
/// edges. With few walls there are open rooms, and corridors form loops around the walls.
struct MazeConfig {
    int height = 21, width = 21;  // cells, 3..4095, odd
    double wall_share = 0.85;     // walls started per odd cell, 0..1000
    int wall_length = 3;          // steps of a wall, 0..4096
    double straight = 0.5;        // probability that a step keeps its direction instead of drawing one of four, 0..1
    double from_edge = 0.1;       // probability that a wall starts outside the edge, 0..1
};
GridMap generate_maze(const MazeConfig& config, uint64_t seed);

/// Blocks of shelves surrounded by aisles, with stations for starts on the left and right; deterministic. Goals are the
/// cells above and below a shelf, starts the stations; all other free cells are in neither pool. The defaults give the
/// warehouse of POGEMA's benchmark, cell for cell (33 x 46).
struct WarehouseConfig {
    int shelf_rows = 8, shelf_columns = 3;  // blocks, >= 1
    int shelf_length = 10;                  // cells of a block along the row, >= 1
    int shelf_height = 1;                   // cells of a block along the column, >= 1
    int aisle = 1;            // cells between the goal cells of adjacent blocks, and along the border, >= 1
    int station_columns = 2;  // groups of stations on each side, >= 0
    int station_width = 2;    // columns of a group, >= 1
};
GridMap generate_warehouse(const WarehouseConfig& config);

/// A grid of rooms; walls one cell thick, with one door to every adjacent room, so all free cells are connected.
struct RoomMapConfig {
    int room_rows = 4, room_columns = 4;  // rooms, >= 1
    int room_height = 5, room_width = 5;  // free cells of a room, >= 1
    int door = 1;                         // cells of a door, 1..the shorter side of a room
};
GridMap generate_room_map(const RoomMapConfig& config, uint64_t seed);

/// Rectangles of obstacles, which may overlap, until their share of the map is reached.
struct BlockMapConfig {
    int height = 20, width = 20;  // cells, 1..4096
    double density = 0.2;         // share of obstacles, 0..0.9
    int longest = 5;              // sides of a rectangle are drawn from 1..longest, >= 1
};
GridMap generate_block_map(const BlockMapConfig& config, uint64_t seed);

/// Caves: cells are obstacles at random, then, round by round, a cell becomes what most of the nine cells around it and
/// itself are, the outside being obstacles. Free cells need not be connected.
struct CaveConfig {
    int height = 20, width = 20;  // cells, 1..4096
    double wall_share = 0.42;     // probability of an obstacle at first, 0..1
    int rounds = 4;               // 0..100
};
GridMap generate_cave(const CaveConfig& config, uint64_t seed);

/// Parameters drawn with the variety of POGEMA's benchmark, for training on maps like those of its sets 01-random and
/// 02-mazes (sides 17..21; mean density 0.2 and 0.3).
RandomMapConfig draw_random_map_config(uint64_t seed);
MazeConfig draw_maze_config(uint64_t seed);

/// Parameters drawn for maps of at most height x width cells: rooms of 2 to 7 cells a side with doors of 1 or 2; a
/// warehouse with shelves of 2 to 12 cells and aisles of 1 or 2, which needs 5 x 7 cells; caves that mostly hang
/// together.
RoomMapConfig draw_room_map_config(int height, int width, uint64_t seed);
WarehouseConfig draw_warehouse_config(int height, int width, uint64_t seed);
CaveConfig draw_cave_config(int height, int width, uint64_t seed);

/// The largest sides of the maps that an environment's settings generate. Throws std::invalid_argument for settings
/// that are inconsistent.
struct Frame {
    int height, width;
};
Frame frame_of(const PathfindingConfig& config);

/// The maps of an environment's settings: `num_maps` of its generator, number k from seed map_seed + k (POGEMA's
/// obstacles of that seed for `pogema`; of kind k modulo their number for `mixed`); one for `warehouse`. Maps have no
/// names. Defined in map_pool.cpp, as is frame_of. Throws std::invalid_argument for settings that are inconsistent,
/// std::runtime_error if there is too little memory.
std::vector<GridMap> generate_pool(const PathfindingConfig& config, Loader& loader);

}  // namespace flockstep
