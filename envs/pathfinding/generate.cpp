#include "envs/pathfinding/generate.h"

#include <algorithm>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "envs/common/split_mix.h"

namespace flockstep {
namespace {

/// The draws of a map's seed. Each use has its own stream.
class Draws : public SplitMix {
  public:
    enum Stream : uint64_t {
        cells = 1,
        walls = 2,
        doors = 3,
        random_config = 4,
        maze_config = 5,
        blocks = 6,
        room_config = 7,
        warehouse_config = 8,
        cave_config = 9
    };
    Draws(uint64_t seed, Stream stream) : SplitMix(seed, stream) {}

    /// In low..high.
    int between(int low, int high) { return low + below(high - low + 1); }
};

/// Throws unless low <= value <= high.
template <class Value>
void check(const char* name, Value value, Value low, Value high) {
    if (value >= low && value <= high) return;
    std::ostringstream text;
    text << name << ": got " << value << ", want " << low << " to " << high;
    throw std::invalid_argument(text.str());
}

void check_chance(const char* name, double value) { check(name, value, 0.0, 1.0); }

void check_all(std::initializer_list<std::pair<const char*, int>> counts) {
    for (const auto& [name, value] : counts) check(name, value, 1, max_map_side);
}

/// A side of a map that is computed from several parameters.
int check_side(const char* name, int64_t side) {
    check(name, side, int64_t{min_map_side}, int64_t{max_map_side});
    return static_cast<int>(side);
}

GridMap empty_map(int height, int width) {
    GridMap map;
    map.height = height;
    map.width = width;
    map.obstacle.assign(size_t(height) * width, 0);
    return map;
}

struct Direction {
    int row, column;
};
constexpr Direction directions[4] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};

/// The walls of a maze while they grow. Posts are the odd cells: post (i, j) is cell (2 i + 1, 2 j + 1).
class Maze {
  public:
    Maze(const MazeConfig& config, uint64_t seed)
        : config_(config),
          map_(empty_map(config.height, config.width)),
          draws_(seed, Draws::walls),
          rows_(config.height / 2),
          columns_(config.width / 2) {}

    GridMap grow() {
        const auto num_walls = static_cast<int64_t>(config_.wall_share * rows_ * columns_);
        for (int64_t wall = 0; wall < num_walls; ++wall) {
            if (draws_.uniform() < config_.from_edge) {
                grow_from_edge();
            } else {
                const int i = draws_.below(rows_), j = draws_.below(columns_);
                post(i, j) = 1;
                grow_wall(i, j, draws_.below(4));
            }
        }
        return std::move(map_);
    }

  private:
    uint8_t& post(int i, int j) { return map_.obstacle[size_t(2 * i + 1) * map_.width + 2 * j + 1]; }

    void grow_from_edge() {
        const int post = draws_.below(rows_ + columns_);
        if (post < rows_) grow_wall(post, -1, 3);
        if (post >= rows_) grow_wall(-1, post - rows_, 1);
    }

    void grow_wall(int i, int j, int direction) {
        for (int step = 0; step < config_.wall_length; ++step) {
            const auto [down, right] = directions[direction];
            const int next_i = i + down, next_j = j + right;
            const bool open = is_open(next_i, next_j);
            if (open) {
                map_.obstacle[size_t(2 * i + 1 + down) * map_.width + 2 * j + 1 + right] = 1;
                post(next_i, next_j) = 1;
                i = next_i;
                j = next_j;
            }
            if (!open || draws_.uniform() >= config_.straight) direction = draws_.below(4);
        }
    }

    bool is_open(int i, int j) { return i >= 0 && i < rows_ && j >= 0 && j < columns_ && !post(i, j); }

    const MazeConfig& config_;
    GridMap map_;
    Draws draws_;
    int rows_, columns_;  // of posts
};

/// The layout of a warehouse. Bands of shelves, and blocks within them, repeat, each preceded by an aisle.
struct WarehousePlan {
    int64_t aisle, band, row_period;                   // a band: goals, shelf, goals
    int64_t group_period, side, block_period, middle;  // a side: groups of stations; the middle: blocks
    int64_t height, width;

    explicit WarehousePlan(const WarehouseConfig& config)
        : aisle(config.aisle),
          band(config.shelf_height + 2),
          row_period(band + aisle),
          group_period(config.station_width + aisle),
          side(config.station_columns * group_period),
          block_period(config.shelf_length + aisle),
          middle(config.shelf_columns * block_period),
          height(config.shelf_rows * row_period + aisle),
          width(2 * side + middle + aisle) {}

    char sign_at(int64_t row, int64_t column) const {
        const int64_t in_band = row % row_period - aisle;
        const bool in_middle = column >= side && column < side + middle;
        const int64_t from = column < side ? column : in_middle ? column - side : column - side - middle;
        if (in_band < 0 || from % (in_middle ? block_period : group_period) < aisle) return '!';
        if (!in_middle) return '@';
        return in_band == 0 || in_band == band - 1 ? '$' : '#';
    }
};

void build_room_walls(GridMap& map, int row_period, int column_period) {
    for (int row = 0; row < map.height; ++row) {
        for (int column = 0; column < map.width; ++column) {
            const bool wall = (row + 1) % row_period == 0 || (column + 1) % column_period == 0;
            map.obstacle[size_t(row) * map.width + column] = wall;
        }
    }
}

/// Doors from the room at (top, left) to the rooms on its right and below, `down` and `right` cells from that corner.
void open_doors(GridMap& map, const RoomMapConfig& config, int top, int left, int down, int right) {
    const int wall_row = top + config.room_height, wall_column = left + config.room_width;
    for (int i = 0; i < config.door; ++i) {
        if (wall_column < map.width) map.obstacle[size_t(top + down + i) * map.width + wall_column] = 0;
        if (wall_row < map.height) map.obstacle[size_t(wall_row) * map.width + left + right + i] = 0;
    }
}

void check_odd(const char* name, int value) {
    check(name, value, 3, max_map_side - 1);
    if (value % 2 == 0)
        throw std::invalid_argument(std::string(name) + ": got " + std::to_string(value) + ", want an odd number");
}

}  // namespace

GridMap generate_random_map(const RandomMapConfig& config, uint64_t seed) {
    check("height", config.height, min_map_side, max_map_side);
    check("width", config.width, min_map_side, max_map_side);
    check_chance("density", config.density);
    GridMap map = empty_map(config.height, config.width);
    Draws draws(seed, Draws::cells);
    for (uint8_t& cell : map.obstacle) cell = draws.uniform() < config.density;
    return map;
}

GridMap generate_maze(const MazeConfig& config, uint64_t seed) {
    check_odd("height", config.height);
    check_odd("width", config.width);
    check("wall_share", config.wall_share, 0.0, 1000.0);
    check("wall_length", config.wall_length, 0, max_map_side);
    check_chance("straight", config.straight);
    check_chance("from_edge", config.from_edge);
    return Maze(config, seed).grow();
}

GridMap generate_warehouse(const WarehouseConfig& config) {
    check_all({{"shelf_rows", config.shelf_rows},
               {"shelf_columns", config.shelf_columns},
               {"shelf_length", config.shelf_length},
               {"shelf_height", config.shelf_height},
               {"aisle", config.aisle},
               {"station_width", config.station_width}});
    check("station_columns", config.station_columns, 0, max_map_side);
    const WarehousePlan plan(config);
    const int height = check_side("height", plan.height), width = check_side("width", plan.width);
    std::string text;
    for (int row = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column) text += plan.sign_at(row, column);
        text += '\n';
    }
    return parse_map(text);
}

GridMap generate_room_map(const RoomMapConfig& config, uint64_t seed) {
    check_all({{"room_rows", config.room_rows},
               {"room_columns", config.room_columns},
               {"room_height", config.room_height},
               {"room_width", config.room_width}});
    check("door", config.door, 1, std::min(config.room_height, config.room_width));
    const int row_period = config.room_height + 1, column_period = config.room_width + 1;
    GridMap map = empty_map(check_side("height", int64_t{config.room_rows} * row_period - 1),
                            check_side("width", int64_t{config.room_columns} * column_period - 1));
    build_room_walls(map, row_period, column_period);
    Draws draws(seed, Draws::doors);
    for (int top = 0; top < map.height; top += row_period) {
        for (int left = 0; left < map.width; left += column_period) {
            const int down = draws.below(config.room_height - config.door + 1);
            const int right = draws.below(config.room_width - config.door + 1);
            open_doors(map, config, top, left, down, right);
        }
    }
    return map;
}

GridMap generate_block_map(const BlockMapConfig& config, uint64_t seed) {
    check("height", config.height, min_map_side, max_map_side);
    check("width", config.width, min_map_side, max_map_side);
    check("density", config.density, 0.0, 0.9);
    check("longest", config.longest, 1, max_map_side);
    GridMap map = empty_map(config.height, config.width);
    Draws draws(seed, Draws::blocks);
    const auto wanted = static_cast<int64_t>(config.density * config.height * config.width);
    for (int64_t obstacles = 0; obstacles < wanted;) {
        const int top = draws.below(config.height), left = draws.below(config.width);
        const int bottom = std::min(config.height, top + draws.between(1, config.longest)),
                  right = std::min(config.width, left + draws.between(1, config.longest));
        for (int row = top; row < bottom; ++row) {
            for (int column = left; column < right; ++column) {
                uint8_t& cell = map.obstacle[size_t(row) * map.width + column];
                obstacles += !cell;
                cell = 1;
            }
        }
    }
    return map;
}

GridMap generate_cave(const CaveConfig& config, uint64_t seed) {
    check_chance("wall_share", config.wall_share);
    check("rounds", config.rounds, 0, 100);
    GridMap map = generate_random_map({config.height, config.width, config.wall_share}, seed);
    const auto walls_around = [](const GridMap& from, int row, int column) {
        int walls = 0;
        for (int16_t down = -1; down <= 1; ++down) {
            for (int16_t right = -1; right <= 1; ++right) {
                const Cell cell{int16_t(row + down), int16_t(column + right)};
                walls += !from.contains(cell) || from.is_obstacle(cell);
            }
        }
        return walls;
    };
    for (int round = 0; round < config.rounds; ++round) {
        const GridMap before = map;
        for (int row = 0; row < map.height; ++row) {
            for (int column = 0; column < map.width; ++column)
                map.obstacle[size_t(row) * map.width + column] = walls_around(before, row, column) >= 5;
        }
    }
    return map;
}

RandomMapConfig draw_random_map_config(uint64_t seed) {
    Draws draws(seed, Draws::random_config);
    RandomMapConfig config;
    config.height = draws.between(17, 21);
    config.width = draws.between(17, 21);
    config.density = 0.1 + 0.2 * draws.uniform();
    return config;
}

// Sides are drawn from 17..21 and made odd. The other ranges were fitted to the 128 mazes of the set: distributions of
// density, wall posts, number and size of walls, lone posts, walls that touch the edge, share of straight posts.
MazeConfig draw_maze_config(uint64_t seed) {
    Draws draws(seed, Draws::maze_config);
    MazeConfig config;
    config.height = draws.between(17, 21) | 1;
    config.width = draws.between(17, 21) | 1;
    config.wall_share = 1.6 * draws.uniform();
    config.wall_length = draws.between(1, 5);
    config.straight = 0.5;
    config.from_edge = 0.1;
    return config;
}

RoomMapConfig draw_room_map_config(int height, int width, uint64_t seed) {
    Draws draws(seed, Draws::room_config);
    RoomMapConfig config;
    config.room_height = std::min(height, draws.between(2, 7));
    config.room_width = std::min(width, draws.between(2, 7));
    config.room_rows = (height + 1) / (config.room_height + 1);
    config.room_columns = (width + 1) / (config.room_width + 1);
    config.door = std::min({draws.between(1, 2), config.room_height, config.room_width});
    return config;
}

WarehouseConfig draw_warehouse_config(int height, int width, uint64_t seed) {
    check("height", height, 5, max_map_side);
    check("width", width, 7, max_map_side);
    Draws draws(seed, Draws::warehouse_config);
    WarehouseConfig config;
    config.shelf_height = draws.between(1, 2);
    config.shelf_length = draws.between(2, 12);
    config.aisle = draws.between(1, 2);
    config.station_columns = draws.between(1, 2);
    config.station_width = draws.between(1, 2);
    const auto room = [&] {
        return width - config.aisle - 2 * config.station_columns * (config.station_width + config.aisle);
    };
    // too narrow or too low for what was drawn: the narrowest stations and aisles, the lowest shelves
    if (room() < 2 * config.aisle || height < config.shelf_height + 2 + 2 * config.aisle) {
        config.aisle = config.station_columns = config.station_width = config.shelf_height = 1;
    }
    config.shelf_length = std::min(config.shelf_length, room() - config.aisle);
    config.shelf_rows = (height - config.aisle) / (config.shelf_height + 2 + config.aisle);
    config.shelf_columns = room() / (config.shelf_length + config.aisle);
    return config;
}

CaveConfig draw_cave_config(int height, int width, uint64_t seed) {
    Draws draws(seed, Draws::cave_config);
    return {height, width, 0.38 + 0.06 * draws.uniform(), 4};
}

}  // namespace flockstep
