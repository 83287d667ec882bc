#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "envs/pathfinding/generate.h"
#include "envs/pathfinding/map.h"
#include "envs/pathfinding/pathfinding.h"
#include "sim/contract/tool.h"
#include "tests/test_engine.h"

/// The commands of `flockstep tool pathfinding`, called like the command line does.
namespace flockstep {
namespace {

/// A temporary folder.
struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("flockstep-tools-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name) const { return (path / name).string(); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name, std::ios::binary) << text;
        return file(name);
    }
};

std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

/// What the command prints.
std::string run(const std::string& command, const SettingValues& given) {
    std::ostringstream out;
    for (const Tool& tool : Pathfinding::tools())
        if (tool.name == command) {
            tool.run(settings_of(given), out);
            return out.str();
        }
    throw std::logic_error("no command " + command);
}

std::string refusal(const std::string& command, const SettingValues& given) {
    return error_of([&] { run(command, given); });
}

std::vector<GridMap> pool_of(const SettingValues& given) {
    PathfindingConfig config;
    Settings settings = settings_of(given);
    read_config(config, settings);
    Loader loader;
    return generate_pool(config, loader);
}

}  // namespace

TEST_CASE("pathfinding generate: the file contains the maps that the environment itself would generate") {
    const Folder folder;
    const std::string path = folder.file("maps.yaml");
    for (const SettingValues& given : std::vector<SettingValues>{
             {{"generator", "maze"}, {"num_maps", "5"}, {"size", "21"}, {"min_size", "11"}, {"map_seed", "3"}},
             {{"generator", "rooms"}, {"num_maps", "2"}, {"size", "23"}},
             {{"generator", "warehouse"}},
             {{"generator", "blocks"}, {"num_maps", "3"}, {"size", "12"}, {"min_size", "6"}, {"min_density", "0.1"}},
             {{"generator", "caves"}, {"num_maps", "3"}, {"size", "18"}},
             {{"generator", "mixed"}, {"num_maps", "7"}, {"size", "24"}, {"min_size", "12"}},
             {{"generator", "random"}, {"num_maps", "3"}, {"height", "9"}, {"width", "14"}, {"density", "0.4"}}}) {
        const std::vector<GridMap> pool = pool_of(given);
        const std::string said = run("generate", merged(given, {{"output", path}}));
        CHECK(said ==
              "Wrote " + std::to_string(pool.size()) + (pool.size() == 1 ? " map to " : " maps to ") + path + "\n");
        const std::vector<GridMap> found = load_maps(path);
        REQUIRE(found.size() == pool.size());
        for (size_t k = 0; k < pool.size(); ++k) {
            CHECK(found[k].obstacle == pool[k].obstacle);
            CHECK(found[k].width == pool[k].width);
            CHECK(found[k].start_pool == pool[k].start_pool);
            CHECK(found[k].goal_pool == pool[k].goal_pool);
        }
    }
    CHECK(load_maps(path + "#random-2").size() == 1);
}

TEST_CASE("pathfinding generate: worlds on the file's mazes equal those on the environment's own pool, bit for bit") {
    const Folder folder;
    const std::string path = folder.file("mazes.yaml");
    const SettingValues mazes = {{"generator", "maze"}, {"num_maps", "4"}, {"size", "15"}};
    run("generate", merged(mazes, {{"output", path}}));
    const auto own = make_batch("pathfinding", some_envs(9), settings_of(mazes));
    const auto given = make_batch("pathfinding", some_envs(9), settings_of({{"map", path}}));
    for (const char* field : {"walls", "position", "goal"})
        CHECK(own->get_field(field).bytes == given->get_field(field).bytes);
}

TEST_CASE("pathfinding generate: mixed takes the kinds in turn, each with the variety of its own generator") {
    const SettingValues mixed = {{"generator", "mixed"}, {"size", "25"}, {"min_size", "13"}, {"density", "0.2"}};
    const std::vector<GridMap> pool =
        pool_of(merged(mixed, {{"kinds", "maze,warehouse,random"}, {"num_maps", "30"}, {"map_seed", "4"}}));
    REQUIRE(pool.size() == 30);
    std::set<std::pair<int, int>> sizes;
    for (size_t k = 0; k < pool.size(); ++k) {
        CHECK(pool[k].has_pools == (k % 3 == 1));
        CHECK(std::max(pool[k].height, pool[k].width) <= 25);
        sizes.insert({pool[k].height, pool[k].width});
    }
    CHECK(sizes.size() > 20);
    for (const auto& [first, kind] : {std::pair{0, "maze"}, {2, "random"}}) {
        const std::vector<GridMap> own =
            pool_of(merged(mixed, {{"generator", kind}, {"num_maps", "30"}, {"map_seed", std::to_string(4)}}));
        for (size_t k = size_t(first); k < 30; k += 3) CHECK(own[k].obstacle == pool[k].obstacle);
    }
    CHECK(error_of([&] {
              pool_of(merged(mixed, {{"kinds", "maze,island"}}));
          }) ==
          "kinds: got \"island\", want a comma-separated list of random, maze, rooms, warehouse, blocks and caves");
    CHECK(error_of([&] {
              pool_of(merged(mixed, {{"kinds", ""}}));
          }) == "kinds: got nothing, want at least one kind of maps");
    CHECK(error_of([&] {
              pool_of(merged(mixed, {{"min_size", "6"}}));
          }) == "min_size: got 6, want at least 7, which a warehouse needs, or 0");
    CHECK(error_of([&] {
              pool_of({{"generator", "mixed"}, {"height", "5"}, {"width", "30"}});
          }) == "size: got 5, want at least 7, which a warehouse needs");
    CHECK(pool_of({{"generator", "mixed"}, {"size", "5"}, {"kinds", "rooms,caves"}, {"num_maps", "4"}}).size() == 4);
}

TEST_CASE("pathfinding: max_agent_share bounds the agents of each world by the cells of its region") {
    const SettingValues given = {{"generator", "mixed"}, {"size", "24"},       {"min_size", "8"},
                                 {"num_maps", "40"},     {"num_agents", "96"}, {"max_agent_share", "0.2"}};
    const std::vector<GridMap> pool = pool_of(given);
    for (const int least : {0, 5}) {
        const auto batch = make_batch("pathfinding", some_envs(200),
                                      settings_of(merged(given, {{"min_agents", std::to_string(least)}})));
        const auto present = values_of<int32_t>(batch->get_field("num_present"));
        const auto map = values_of<int32_t>(batch->get_field("map_index"));
        std::set<int> counts;
        for (size_t env = 0; env < present.size(); ++env) {
            const GridMap& own = pool[size_t(map[env])];
            const auto free = std::count(own.obstacle.begin(), own.obstacle.end(), 0);
            REQUIRE(present[env] >= 1);
            REQUIRE(present[env] <= int(0.2 * double(free)));
            counts.insert(present[env]);
        }
        CHECK(counts.size() > 10);
    }
}

TEST_CASE("pathfinding generate: pogema's maps are those that the environment draws from the same seeds") {
    const SettingValues maps = {{"generator", "pogema"}, {"height", "12"}, {"width", "10"}, {"density", "0.2"}};
    const std::vector<GridMap> pool = pool_of(merged(maps, {{"num_maps", "3"}, {"map_seed", "7"}}));
    BatchOptions options = some_envs(3);
    options.seed = 7;  // world i plays POGEMA's seed 7 + i
    const auto batch = make_batch("pathfinding", options, settings_of(merged(maps, {{"obs_radius", "1"}})));
    const std::vector<uint32_t> walls = values_of<uint32_t>(batch->get_field("walls"));
    REQUIRE(walls.size() == 3 * 14);
    for (size_t env = 0; env < 3; ++env)
        for (int row = 0; row < 12; ++row)
            for (int column = 0; column < 10; ++column)
                REQUIRE(pool[env].obstacle[size_t(row * 10 + column)] ==
                        (walls[env * 14 + size_t(row) + 1] >> (column + 1) & 1));
}

TEST_CASE("pathfinding generate: without a file the maps are printed") {
    const std::string said = run("generate", {{"generator", "rooms"}, {"num_maps", "1"}, {"size", "5"}});
    CHECK(said == "\"rooms-0\": |-\n  .....\n  .....\n  .....\n  .....\n  .....\n");
}

TEST_CASE("pathfinding convert: a MovingAI map and its scenario become one configuration file") {
    const Folder folder;
    const std::string map = folder.write("small.map", "type octile\nheight 2\nwidth 3\nmap\n.T.\n...\n");
    const std::string scenario =
        folder.write("small.scen", "version 1\n0\tsmall.map\t3\t2\t0\t0\t2\t0\t4\n0\tsmall.map\t3\t2\t2\t1\t0\t1\t2\n");
    const std::string output = folder.file("small.toml");
    CHECK(run("convert", {{"input", map}, {"scenario", scenario}, {"output", output}}) ==
          "Wrote 1 map to " + output + "\n");
    CHECK(read(output) ==
          "[environment]\nname = \"pathfinding\"\nmap = \"\"\"\n.#.\n...\n\"\"\"\n"
          "agents_xy = \"[[0, 0], [1, 2]]\"\ntargets_xy = \"[[0, 2], [1, 0]]\"\n");
    run("convert", {{"input", map}, {"scenario", scenario}, {"num_agents", "1"}, {"output", output}});
    CHECK(read(output).find("agents_xy = \"[[0, 0]]\"\ntargets_xy = \"[[0, 2]]\"\n") != std::string::npos);
    CHECK(refusal("convert", {{"input", map}, {"scenario", scenario}, {"num_agents", "3"}, {"output", output}}) ==
          "num_agents: got 3, want at most 2, the problems of " + scenario);
    CHECK(refusal("convert", {{"input", map}, {"scenario", scenario}, {"output", folder.file("small.txt")}})
              .find("want a .toml file") != std::string::npos);
}

TEST_CASE("pathfinding convert: maps keep their cells, pools and named agents through every form that has them") {
    const Folder folder;
    const std::string pools = folder.write("pools.txt", "@.$\n!#.\n"), named = folder.write("named.txt", "aB.\n#bA\n");
    for (const std::string& path : {pools, named}) {
        const std::string yaml = folder.file("other.yaml"), text = folder.file("other.txt");
        run("convert", {{"input", path}, {"output", yaml}});
        run("convert", {{"input", yaml}, {"output", text}});
        CHECK(read(text) == read(path));
    }
    const std::string plain = folder.write("plain.txt", "..#\n#..\n"), map = folder.file("plain.map");
    run("convert", {{"input", plain}, {"output", map}});
    CHECK(read(map) == "type octile\nheight 2\nwidth 3\nmap\n..@\n@..\n");
    CHECK(load_maps(map)[0].obstacle == load_maps(plain)[0].obstacle);
    CHECK(refusal("convert", {{"input", pools}, {"output", map}}).find("map: got one with pools") == 0);
    CHECK(refusal("convert", {{"input", named}, {"output", map}}).find("map: got one with named agents") == 0);
}

TEST_CASE("pathfinding tools: invalid requests are rejected with one sentence, and no file is left") {
    const Folder folder;
    const std::string two = folder.write("two.yaml", "a: |-\n  ..\nb: |-\n  .#\n");
    const std::vector<std::pair<SettingValues, std::string>> cases = {
        {{{"output", folder.file("x.yaml")}}, "input: got nothing, want a file of maps"},
        {{{"input", two}, {"output", folder.file("x.json")}},
         "want the name of a file that ends in .yaml, .yml, .txt or .map"},
        {{{"input", two}, {"output", folder.file("x.txt")}}, "for 2 maps, want a .yaml file"},
        {{{"input", two}, {"output", folder.file("x.toml")}}, "with 2 maps, want one of them, file.yaml#name"},
        {{{"input", folder.file("absent.map")}}, "absent.map: got no such file"},
        {{{"input", two}, {"output", folder.file("no/such/x.yaml")}}, "want a file that can be written"},
        {{{"inptu", two}}, "convert: unknown key \"inptu\", did you mean \"input\"?"},
    };
    for (const auto& [given, sentence] : cases) CHECK(refusal("convert", given).find(sentence) != std::string::npos);
    CHECK(refusal("generate", {{"generator", "cave"}}).find("generator: got \"cave\", want random, maze") == 0);
    CHECK(refusal("generate", {{"num_agents", "3"}}).find("generate: unknown key \"num_agents\"") == 0);
    size_t files = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder.path)) ++files;
    CHECK(files == 1);
}

}  // namespace flockstep
