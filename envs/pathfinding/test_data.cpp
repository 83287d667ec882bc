#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "envs/common/numpy_random.h"
#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/instance.h"
#include "envs/pathfinding/map.h"
#include "tests/catch.h"

using namespace flockstep;

namespace {

/// A temporary folder.
struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("flockstep-pathfinding-" + std::to_string(getpid()));

    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
        return (path / name).string();
    }
};

/// The message of the std::invalid_argument that `f` throws, or "no error".
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

std::string load_error(const std::string& path_or_text) {
    return error_of([&] { load_maps(path_or_text); });
}

bool same_map(const GridMap& a, const GridMap& b) {
    return a.height == b.height && a.width == b.width && a.obstacle == b.obstacle && a.has_pools == b.has_pools &&
           a.start_pool == b.start_pool && a.goal_pool == b.goal_pool && a.start == b.start && a.goal == b.goal;
}

/// Components of a map, with their memory.
struct MapComponents {
    std::vector<int32_t> label, begin, cells;
    Components<int32_t> components;

    explicit MapComponents(const GridMap& map)
        : label(map.obstacle.size()), begin(max_components(map.obstacle.size()) + 1), cells(map.obstacle.size()) {
        components = {label.data(), begin.data(), cells.data(), 0, 0};
        find_components(
            map.height, map.width, [&](int cell) { return map.obstacle[cell] != 0; }, components);
    }
};

struct Placement {
    int placed;
    std::vector<Cell> start, goal;
};

Placement place(const GridMap& map, uint64_t seed, int num_agents) {
    const MapComponents found(map);
    const int num_cells = map.height * map.width;
    std::vector<int32_t> order(num_cells), room(max_components(num_cells)), waiting(max_components(num_cells));
    Placement result{0, std::vector<Cell>(num_agents), std::vector<Cell>(num_agents)};
    result.placed = place_agents(seed, num_agents, num_cells, map.width, found.components,
                                 PlacementScratch<int32_t>{order.data(), room.data(), waiting.data()},
                                 result.start.data(), result.goal.data());
    return result;
}

GridMap drawn_map(uint64_t seed, double density, int height, int width) {
    GridMap map;
    map.height = height;
    map.width = width;
    map.obstacle.resize(size_t(height) * width);
    draw_obstacles(seed, numpy_bernoulli(density), height * width,
                   [&](int cell, bool set) { map.obstacle[cell] = set; });
    return map;
}

double density_of(const GridMap& map) {
    return double(std::count(map.obstacle.begin(), map.obstacle.end(), 1)) / double(map.obstacle.size());
}

}  // namespace

TEST_CASE("numpy random: raw draws are those of default_rng for seeds of one and two words") {
    NumpyRng rng = numpy_rng(42);
    CHECK(next_u64(rng) == 0xc621fbcd16d92688u);
    CHECK(next_u64(rng) == 0x705a5661a791ffc1u);
    CHECK(next_u64(rng) == 0xdbcd12c26eda1624u);
    rng = numpy_rng(0);
    CHECK(next_u64(rng) == 0xa30febcfd9c2825fu);
    rng = numpy_rng(uint64_t{1} << 32);
    CHECK(next_u64(rng) == 0xe3c5ebe285ac1625u);
    rng = numpy_rng((uint64_t{1} << 63) + 1);
    CHECK(next_u64(rng) == 0x0d3d46fac55879bdu);
    CHECK(next_u64(rng) == 0x0b029ade2ec7bfbeu);
}

TEST_CASE("numpy random: doubles and bounded integers are those of numpy, halves of a draw included") {
    NumpyRng rng = numpy_rng(42);
    CHECK(next_double(rng) == 0x1.8c43f79a2db24p-1);
    CHECK(next_double(rng) == 0x1.c16959869e47ep-2);
    rng = numpy_rng(7);
    const std::vector<uint64_t> counts{10, 1, 3, 1000, 2147483647, 3000000000, uint64_t{1} << 32, 5, 10};
    const std::vector<uint32_t> expected{9, 0, 1, 684, 1926751965, 1734877356, 3331544671, 4, 2};
    for (size_t i = 0; i < counts.size(); ++i) CHECK(next_bounded(rng, uint32_t(counts[i] - 1)) == expected[i]);
    CHECK(next_double(rng) == 0.30016628491122543);
}

TEST_CASE("numpy random: shuffles are those of numpy") {
    NumpyRng rng = numpy_rng(5);
    std::vector<int> list(12);
    for (int i = 0; i < 12; ++i) list[i] = i;
    numpy_shuffle(rng, 12, [&](uint32_t i, uint32_t j) { std::swap(list[i], list[j]); });
    CHECK(list == std::vector<int>{9, 11, 1, 3, 2, 4, 6, 7, 0, 10, 5, 8});
    for (int i = 0; i < 12; ++i) list[i] = i;
    numpy_shuffle(rng, 12, [&](uint32_t i, uint32_t j) { std::swap(list[i], list[j]); });
    CHECK(list == std::vector<int>{11, 6, 9, 3, 7, 8, 1, 0, 10, 4, 5, 2});
}

TEST_CASE("numpy random: binomial draws are those of numpy, and probability 0 draws nothing") {
    const auto draw = [](double probability, uint32_t after) {
        NumpyRng rng = numpy_rng(11);
        const NumpyBernoulli law = numpy_bernoulli(probability);
        std::string text;
        for (int i = 0; i < 24; ++i) text += next_bernoulli(rng, law) ? '1' : '0';
        CHECK(next_bounded(rng, 999) == after);
        return text;
    };
    CHECK(draw(0.0, 133) == "000000000000000000000000");
    CHECK(draw(0.3, 983) == "000001001000000100101000");
    CHECK(draw(0.55, 983) == "110110110011011001010101");
    CHECK(draw(1.0, 983) == "111111111111111111111111");
}

TEST_CASE("pathfinding maps: the string form is split at whitespace and read character by character") {
    const GridMap map = parse_map("  ..#\n\t.#.  #..\n");
    CHECK(map.height == 3);
    CHECK(map.width == 3);
    CHECK(map.obstacle == std::vector<uint8_t>{0, 0, 1, 0, 1, 0, 1, 0, 0});
    CHECK_FALSE(map.has_pools);
    CHECK(map.start_pool.empty());
    CHECK(map.is_obstacle({1, 1}));
    CHECK_FALSE(map.contains({3, 0}));
}

TEST_CASE("pathfinding maps: pool characters make pools, and a dot is in both") {
    const GridMap map = parse_map("@.$\n#!.\n");
    REQUIRE(map.has_pools);
    CHECK(map.start_pool == std::vector<Cell>{{0, 0}, {0, 1}, {1, 2}});
    CHECK(map.goal_pool == std::vector<Cell>{{0, 1}, {0, 2}, {1, 2}});
    CHECK(map.obstacle == std::vector<uint8_t>{0, 0, 0, 1, 0, 0});
}

TEST_CASE("pathfinding maps: letters name agents in the order of the alphabet") {
    const GridMap map = parse_map("c.A\nB#b\na.C");
    CHECK(map.start == std::vector<Cell>{{2, 0}, {1, 2}, {0, 0}});
    CHECK(map.goal == std::vector<Cell>{{0, 2}, {1, 0}, {2, 2}});
    CHECK_FALSE(map.has_pools);
}

TEST_CASE("pathfinding maps: errors of the string form name line, what was given and what was wanted") {
    CHECK(load_error(" \n \n") == "map: got no rows, want 1 to 4096");
    CHECK(load_error("...\n\n..\n") == "map line 3: got 2 characters, want 3 (the first row's width)");
    CHECK(load_error(".0.") == "map line 1 column 2: got \"0\", want one of . # @ $ ! a-z A-Z");
    CHECK(load_error("a.\nAa\n") == "map line 2 column 2: got a second \"a\", want each letter once");
    CHECK(load_error(".b.") == "map: got start \"b\" alone, want its goal \"B\" too");
    CHECK(load_error(".B.") == "map: got goal \"B\" alone, want its start \"b\" too");
    CHECK(load_error("aA@") == "map: got both letters and one of @ $ !, want named agents or pools, not both");
    CHECK(load_error(std::string(5000, '.')) == "map line 1: got 5000 characters, want at most 4096");
    std::string tall;
    for (int i = 0; i < 4097; ++i) tall += ".\n";
    CHECK(load_error(tall) == "map: got 4097 rows, want at most 4096");
    CHECK(load_error("maps/unknown.png") ==
          "map: got \"maps/unknown.png\", want a path that ends in .yaml, .yml, .map or .txt, or a map's rows");
}

TEST_CASE("pathfinding maps: text written and read again is the same map") {
    for (const char* text : {"..#\n.#.\n", "@.$\n#!.\n", "c.A\nB#b\na.C\n", ".\n"}) {
        CHECK(to_text(parse_map(text)) == text);
        CHECK(same_map(parse_map(to_text(parse_map(text))), parse_map(text)));
    }
    GridMap crowded = parse_map(std::string(60, '.'));
    crowded.start.resize(27);
    crowded.goal.resize(27);
    CHECK(error_of([&] { to_text(crowded); }) == "to_text: got 27 named agents, want at most 26, a letter each");
}

TEST_CASE("pathfinding maps: a YAML file holds many maps, and #name picks one") {
    const Folder folder;
    const std::string path = folder.write("two.yaml",
                                          "# a comment\n\"first-1\": |-\r\n  ..#  \r\n  #..\r\n\n"
                                          "'second one': |\n    @$\n    .!\n");
    const std::vector<GridMap> maps = load_maps(path);
    REQUIRE(maps.size() == 2);
    CHECK(maps[0].name == "first-1");
    CHECK(maps[0].obstacle == std::vector<uint8_t>{0, 0, 1, 1, 0, 0});
    CHECK(maps[1].name == "second one");
    CHECK(maps[1].start_pool == std::vector<Cell>{{0, 0}, {1, 0}});
    const std::vector<GridMap> one = load_maps(path + "#second one");
    REQUIRE(one.size() == 1);
    CHECK(same_map(one[0], maps[1]));
    CHECK(load_error(path + "#third") ==
          path + ": got map name \"third\", want one of its 2 (the first is \"first-1\")");
}

TEST_CASE("pathfinding maps: errors of YAML files name file and line") {
    const Folder folder;
    const auto error = [&](const std::string& text) {
        const std::string path = folder.write("bad.yaml", text), message = load_error(path);
        CHECK(message.rfind(path, 0) == 0);
        return message.substr(std::min(path.size(), message.size()));
    };
    CHECK(error("") == ": got no maps, want at least one `name: |-` with indented rows");
    CHECK(error("a: 1\n") == " line 1: got \"a: 1\", want `name: |-` before indented rows");
    CHECK(error("- |-\n  ..\n") == " line 1: got \"- |-\", want `name: |-` before indented rows");
    CHECK(error("a b\"c: |-\n  ..\n") == " line 1: got \"a b\"c: |-\", want `name: |-` before indented rows");
    CHECK(error("  ..\n") == " line 1: got \"  ..\", want `name: |-` before indented rows");
    CHECK(error("a: |-\n..\n") == " line 1: got no rows of \"a\", want indented rows below it");
    CHECK(error("a: |-\n  ..\n   ..\n") ==
          " line 3: got 3 spaces before the row, want 2 (as before the block's first row)");
    CHECK(error("a: |-\n  ..\n\t..\n") == " line 3: got a tab before the row, want spaces");
    CHECK(error("a: |-\n  ..\n  .\n") == " line 3: got 1 characters, want 2 (the first row's width)");
    CHECK(error("a: |-\n  ..\na: |-\n  ..\n") == " line 3: got a second map \"a\", want each name once");
    CHECK(error("a: |-\n  . .\n") == " line 2 column 2: got \" \", want one of . # @ $ ! a-z A-Z");
    CHECK(load_error("nowhere/none.yaml") ==
          "nowhere/none.yaml: got no such file or directory, want a regular file that can be read");
    CHECK(load_error(folder.path.string() + "/.txt") ==
          folder.path.string() + "/.txt: got no such file or directory, want a regular file that can be read");
}

TEST_CASE("pathfinding maps: a text file is one map named after its file") {
    const Folder folder;
    const GridMap map = load_maps(folder.write("corridor.txt", "a..A\r\n")).front();
    CHECK(map.name == "corridor");
    CHECK(map.width == 4);
    const std::string path = folder.write("bad.txt", "..\n.?\n");
    CHECK(load_error(path) == path + " line 2 column 2: got \"?\", want one of . # @ $ ! a-z A-Z");
}

TEST_CASE("pathfinding maps: a MovingAI map has passable and blocked characters") {
    const Folder folder;
    const std::string path =
        folder.write("den.map", "type octile\r\nheight 2\r\nwidth 7\r\nmap\r\n.GS@OTW  \r\n@.....T\r\n\r\n");
    const GridMap map = load_maps(path).front();
    CHECK(map.name == "den");
    CHECK(to_text(map) == "...####\n#.....#\n");
    CHECK(to_text(load_maps(folder.write("short.map", "width 1 height 1\nmap\n.")).front()) == ".\n");
}

TEST_CASE("pathfinding maps: errors of MovingAI maps name file and line") {
    const Folder folder;
    const auto error = [&](const std::string& text) {
        const std::string path = folder.write("bad.map", text), message = load_error(path);
        CHECK(message.rfind(path, 0) == 0);
        return message.substr(std::min(path.size(), message.size()));
    };
    const std::string header = "type octile\nheight 2\nwidth 3\nmap\n";
    CHECK(error("") == ": got no `map` line, want type, height, width, map, then the rows");
    CHECK(error("type tile\n") == " line 1: got type \"tile\", want octile");
    CHECK(error("heights 2\n") == " line 1: got \"heights\", want type, height, width or map");
    CHECK(error("height two\n") == " line 1: got height \"two\", want an integer from 1 to 4096");
    CHECK(error("width 4097\n") == " line 1: got width \"4097\", want an integer from 1 to 4096");
    CHECK(error("height 2\nmap\n") == " line 2: got `map` before height and width, want both above it");
    CHECK(error(header + "...\n") == ": got 1 rows, want 2 (the header's height)");
    CHECK(error(header + "...\n....\n") == " line 6: got 4 characters, want 3 (the header's width)");
    CHECK(error(header + "...\n.x.\n") == " line 6 column 2: got \"x\", want one of . G S E @ O T W");
}

TEST_CASE("pathfinding maps: agent k of a MovingAI scenario is line k, x a column and y a row") {
    const Folder folder;
    const GridMap map = parse_map("...\n.#.\n");
    const std::string path = folder.write("a.scen",
                                          "version 1\r\n0\tsome map.map\t3\t2\t2\t0\t0\t1\t3.41421356\r\n"
                                          "0\tsome map.map\t3\t2\t0\t0\t1\t0\t1\r\n\r\n");
    const Scenario scenario = load_scenario(path, map);
    CHECK(scenario.map_name == "some map.map");
    CHECK(scenario.start == std::vector<Cell>{{0, 2}, {0, 0}});
    CHECK(scenario.goal == std::vector<Cell>{{1, 0}, {0, 1}});
    CHECK(load_scenario(folder.write("b.scen", "version 1.0\n0 m 3 2 0 0 1 0 1\n"), map).start.size() == 1);
}

TEST_CASE("pathfinding maps: errors of MovingAI scenarios name file and line") {
    const Folder folder;
    const GridMap map = parse_map("...\n.#.\n");
    const auto error = [&](const std::string& text) {
        const std::string path = folder.write("bad.scen", text);
        const std::string message = error_of([&] { load_scenario(path, map); });
        CHECK(message.rfind(path, 0) == 0);
        return message.substr(std::min(path.size(), message.size()));
    };
    CHECK(error("") == " line 1: got nothing, want `version 1`");
    CHECK(error("version 2\n") == " line 1: got \"version 2\", want `version 1`");
    CHECK(error("version 1\n") == ": got no problems, want at least one line of 9 fields");
    CHECK(error("version 1\n0\tm\t3\t2\n") == " line 2: got 4 fields, want 9");
    CHECK(error("version 1\n0 m 2 3 0 0 1 0 1\n") ==
          " line 2: got a map of width 2 and height 3, want 3 and 2 (the map's)");
    CHECK(error("version 1\n0 m 3 2 3 0 1 0 1\n") == " line 2: got start x \"3\", want an integer from 0 to 2");
    CHECK(error("version 1\n0 m 3 2 0 -1 1 0 1\n") == " line 2: got start y \"-1\", want an integer from 0 to 1");
    CHECK(error("version 1\n0 m 3 2 0 0 1 1 1\n") == " line 2: got goal x 1, y 1 on an obstacle, want a free cell");
    CHECK(error("version 1\n0 m 3 2 0 0 1 0 far\n") == " line 2: got optimal length \"far\", want a number");
}

TEST_CASE("pathfinding generators: the same seed gives the same map and another seed another") {
    CHECK(same_map(generate_random_map({}, 3), generate_random_map({}, 3)));
    CHECK_FALSE(same_map(generate_random_map({}, 3), generate_random_map({}, 4)));
    CHECK(same_map(generate_maze({}, 3), generate_maze({}, 3)));
    CHECK_FALSE(same_map(generate_maze({}, 3), generate_maze({}, 4)));
    CHECK(same_map(generate_room_map({}, 3), generate_room_map({}, 3)));
    CHECK_FALSE(same_map(generate_room_map({}, 3), generate_room_map({}, 4)));
}

TEST_CASE("pathfinding generators: random maps have the requested density") {
    CHECK(density_of(generate_random_map({64, 48, 0.0}, 1)) == 0.0);
    CHECK(density_of(generate_random_map({64, 48, 1.0}, 1)) == 1.0);
    CHECK(std::abs(density_of(generate_random_map({400, 300, 0.3}, 1)) - 0.3) < 0.01);
    double sum = 0;
    for (uint64_t seed = 0; seed < 500; ++seed)
        sum += density_of(generate_random_map(draw_random_map_config(seed), seed));
    CHECK(std::abs(sum / 500 - 0.2) < 0.02);
}

TEST_CASE("pathfinding generators: mazes are connected, leave even cells free and are as dense as the benchmark's") {
    double sum = 0;
    for (uint64_t seed = 0; seed < 500; ++seed) {
        const GridMap map = generate_maze(draw_maze_config(seed), seed);
        REQUIRE((map.height >= 17 && map.height <= 21 && map.height % 2 == 1));
        REQUIRE((map.width >= 17 && map.width <= 21 && map.width % 2 == 1));
        REQUIRE(MapComponents(map).components.count == 1);
        for (int row = 0; row < map.height; row += 2) {
            for (int column = 0; column < map.width; column += 2) REQUIRE(map.obstacle[row * map.width + column] == 0);
        }
        sum += density_of(map);
    }
    CHECK(std::abs(sum / 500 - 0.297) < 0.02);
    CHECK(density_of(generate_maze({21, 21, 0.0, 3, 0.5, 0.1}, 1)) == 0.0);
}

TEST_CASE("pathfinding generators: a small warehouse is the one drawn here") {
    WarehouseConfig config;
    config.shelf_rows = 1;
    config.shelf_columns = 2;
    config.shelf_length = 3;
    config.shelf_height = 2;
    config.station_columns = 1;
    config.station_width = 1;
    CHECK(to_text(generate_warehouse(config)) ==
          "!!!!!!!!!!!!!\n"
          "!@!$$$!$$$!@!\n"
          "!@!###!###!@!\n"
          "!@!###!###!@!\n"
          "!@!$$$!$$$!@!\n"
          "!!!!!!!!!!!!!\n");
}

TEST_CASE("pathfinding generators: the default warehouse is the benchmark's, cell for cell") {
    const char* folder = std::getenv("FLOCKSTEP_DATA");
    const std::string path = std::string(folder ? folder : "../shared/data") + "/pogema/03-warehouse.yaml";
    if (!std::filesystem::exists(path)) {
        const char* require = std::getenv("FLOCKSTEP_REQUIRE");
        if (require && std::string(require).find("golden") != std::string::npos) FAIL("no " + path);
        WARN("skipped: no " + path);
        return;
    }
    const GridMap map = generate_warehouse({});
    CHECK(to_text(map) == to_text(load_maps(path + "#wfi_warehouse").front()));
    CHECK(same_map(map, load_maps(path).front()));
}

TEST_CASE("pathfinding generators: rooms are connected, for every seed and door") {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        const GridMap map = generate_room_map({3, 5, 4, 6, 1 + int(seed % 4)}, seed);
        CHECK(map.height == 14);
        CHECK(map.width == 34);
        CHECK(MapComponents(map).components.count == 1);
    }
    CHECK(to_text(generate_room_map({1, 1, 2, 3, 2}, 0)) == "...\n...\n");
}

TEST_CASE("pathfinding generators: blocks cover the requested share, and no more than one block beyond it") {
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const double density = 0.04 * double(seed);
        const GridMap map = generate_block_map({30, 20, density, 3}, seed);
        CHECK(density_of(map) >= density - 1.0 / 600);
        CHECK(density_of(map) < density + 9.0 / 600);
    }
    CHECK(to_text(generate_block_map({2, 3, 0.0, 5}, 1)) == "...\n...\n");
}

TEST_CASE("pathfinding generators: a round of a cave turns each cell into what most of its neighborhood is") {
    const GridMap before = generate_cave({9, 12, 0.45, 0}, 5), after = generate_cave({9, 12, 0.45, 1}, 5);
    for (int row = 0; row < 9; ++row) {
        for (int column = 0; column < 12; ++column) {
            int walls = 0;
            for (int i = row - 1; i <= row + 1; ++i)
                for (int j = column - 1; j <= column + 1; ++j)
                    walls += i < 0 || j < 0 || i >= 9 || j >= 12 || before.obstacle[size_t(i * 12 + j)];
            CHECK(after.obstacle[size_t(row * 12 + column)] == (walls > 4));
        }
    }
    CHECK(same_map(before, generate_random_map({9, 12, 0.45}, 5)));
    double largest = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
        const MapComponents found(generate_cave(draw_cave_config(32, 32, seed), seed));
        int size = 0;
        for (int k = 0; k < found.components.count; ++k) size = std::max(size, found.components.size(k));
        largest += size / 1024.0;
    }
    CHECK(largest / 100 > 0.5);
}

TEST_CASE("pathfinding generators: drawn rooms and warehouses fit their sides and differ from seed to seed") {
    std::set<std::string> rooms, warehouses;
    for (uint64_t seed = 0; seed < 300; ++seed) {
        const int height = 5 + int(seed % 29), width = 7 + int(seed % 31);
        const GridMap room_map = generate_room_map(draw_room_map_config(height, width, seed), seed),
                      warehouse = generate_warehouse(draw_warehouse_config(height, width, seed));
        for (const GridMap* map : {&room_map, &warehouse}) {
            REQUIRE(map->height <= height);
            REQUIRE(map->width <= width);
            REQUIRE(MapComponents(*map).components.count == 1);
        }
        REQUIRE(!warehouse.start_pool.empty());
        REQUIRE(!warehouse.goal_pool.empty());
        rooms.insert(to_text(room_map)), warehouses.insert(to_text(warehouse));
    }
    CHECK(rooms.size() > 280);
    CHECK(warehouses.size() > 200);
    CHECK(error_of([] { draw_warehouse_config(4, 30, 0); }) == "height: got 4, want 5 to 4096");
}

TEST_CASE("pathfinding generators: a parameter out of range is named") {
    CHECK(error_of([] { generate_random_map({0, 8, 0.1}, 0); }) == "height: got 0, want 1 to 4096");
    CHECK(error_of([] { generate_random_map({8, 8, 1.5}, 0); }) == "density: got 1.5, want 0 to 1");
    CHECK(error_of([] { generate_maze({20, 21, 1, 3, 0.5, 0.1}, 0); }) == "height: got 20, want an odd number");
    CHECK(error_of([] { generate_maze({21, 21, -1, 3, 0.5, 0.1}, 0); }) == "wall_share: got -1, want 0 to 1000");
    WarehouseConfig warehouse;
    warehouse.shelf_rows = 2000;
    CHECK(error_of([&] { generate_warehouse(warehouse); }) == "height: got 8001, want 1 to 4096");
    CHECK(error_of([] { generate_room_map({4, 4, 5, 3, 4}, 0); }) == "door: got 4, want 1 to 3");
}

TEST_CASE("pathfinding instances: components are numbered by their first cell and list their cells row-major") {
    const MapComponents found(parse_map(".#..\n.#.#\n###.\n..#.\n"));
    CHECK(found.components.count == 4);
    CHECK(found.components.num_free == 9);
    CHECK(found.label == std::vector<int32_t>{0, -1, 1, 1, 0, -1, 1, -1, -1, -1, -1, 2, 3, 3, -1, 2});
    CHECK(std::vector<int32_t>(found.begin.begin(), found.begin.begin() + 5) == std::vector<int32_t>{0, 2, 5, 7, 9});
    CHECK(std::vector<int32_t>(found.cells.begin(), found.cells.begin() + 9) ==
          std::vector<int32_t>{0, 4, 2, 3, 6, 11, 15, 12, 13});
    // A U shape joins two runs that start as two components.
    CHECK(MapComponents(parse_map(".#.\n.#.\n...\n")).components.count == 1);
}

TEST_CASE("pathfinding instances: seed 1 on 8x8 is POGEMA's, map, starts, goals and later goals") {
    const GridMap map = drawn_map(1, 0.3, 8, 8);
    CHECK(to_text(map) == ".#.#..#.\n..#..#..\n....#..#\n##...#..\n.#.#....\n.#..#..#\n.#.#.#..\n###....#\n");
    const Placement placement = place(map, 1, 4);
    CHECK(placement.placed == 4);
    CHECK(placement.start == std::vector<Cell>{{3, 4}, {5, 0}, {1, 6}, {4, 5}});
    CHECK(placement.goal == std::vector<Cell>{{2, 6}, {4, 0}, {4, 2}, {0, 5}});
    const MapComponents found(map);
    std::vector<NumpyRng> streams(4);
    start_goal_streams(1, 4, streams.data());
    std::vector<Cell> chain{placement.goal[0]};
    for (int i = 0; i < 5; ++i) chain.push_back(next_goal(streams[0], chain.back(), map.width, found.components));
    CHECK(chain == std::vector<Cell>{{2, 6}, {1, 7}, {3, 6}, {2, 6}, {2, 3}, {1, 3}});
}

TEST_CASE("pathfinding instances: fewer agents are a prefix of more, and no cell is used twice") {
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const GridMap map = drawn_map(seed, 0.3, 16, 16);
        const Placement many = place(map, seed, 32), few = place(map, seed, 5);
        REQUIRE(many.placed == 32);
        REQUIRE(few.placed == 5);
        CHECK(std::equal(few.start.begin(), few.start.end(), many.start.begin()));
        CHECK(std::equal(few.goal.begin(), few.goal.end(), many.goal.begin()));
        const MapComponents found(map);
        std::set<int> used;
        for (int agent = 0; agent < 32; ++agent) {
            const int start = cell_index(many.start[agent], 16), goal = cell_index(many.goal[agent], 16);
            CHECK(found.label[start] == found.label[goal]);
            CHECK((used.insert(start).second && used.insert(goal).second));
        }
    }
}

TEST_CASE("pathfinding instances: if not all agents fit, the number placed is returned") {
    CHECK(place(parse_map("...\n"), 0, 2).placed == 1);
    CHECK(place(parse_map(".#.\n"), 0, 1).placed == 0);
    CHECK(place(parse_map("##\n##\n"), 0, 1).placed == 0);
    CHECK(place(parse_map("..#..\n"), 0, 3).placed == 2);
}

TEST_CASE("pathfinding instances: a next goal is never the current cell, and a lone cell keeps its own") {
    const GridMap map = parse_map("..#.\n");
    const MapComponents found(map);
    NumpyRng stream = numpy_rng(1);
    for (int i = 0; i < 20; ++i) CHECK(next_goal(stream, {0, 0}, 4, found.components) == Cell{0, 1});
    CHECK(next_goal(stream, {0, 3}, 4, found.components) == Cell{0, 3});
}

TEST_CASE("pathfinding instances: a pool goal may repeat, and is redrawn where it equals the bordered cell") {
    const std::vector<Cell> pool{{0, 0}, {2, 2}};
    NumpyRng stream = numpy_rng(1);
    bool repeated = false;
    for (int i = 0; i < 20; ++i) {
        repeated |= next_pool_goal(stream, {0, 0}, pool.data(), 2, 5) == Cell{0, 0};
        CHECK(next_pool_goal(stream, {0, 0}, pool.data(), 2, 2) == Cell{0, 0});
    }
    CHECK(repeated);
    CHECK(next_pool_goal(stream, {0, 0}, pool.data() + 1, 1, 2) == Cell{2, 2});
}

TEST_CASE("pathfinding instances: an explicit sequence wraps around") {
    CHECK(next_in_sequence(0, 3) == 1);
    CHECK(next_in_sequence(2, 3) == 0);
    CHECK(next_in_sequence(0, 1) == 0);
}
