#include "envs/pathfinding/map_reader.h"
#include "tests/fuzz/targets.h"

namespace flockstep::fuzz {

namespace {
void judge(const GridMap& map) {
    expect(map.height >= min_map_side && map.height <= max_map_side, "a map of an impossible height");
    expect(map.width >= min_map_side && map.width <= max_map_side, "a map of an impossible width");
    expect(map.obstacle.size() == size_t(map.height) * size_t(map.width), "a map that lacks cells");
    expect(map.start.size() == map.goal.size(), "agents without goals");
    for (const auto* cells : {&map.start, &map.goal, &map.start_pool, &map.goal_pool})
        for (const Cell cell : *cells) expect(map.contains(cell) && !map.is_obstacle(cell), "a cell that is not free");
}

void judge_string_form(const GridMap& map) {
    judge(map);
    const GridMap again = parse_map(to_text(map));
    expect(again.obstacle == map.obstacle && again.start == map.start && again.goal == map.goal,
           "a map that is another when it is written and read");
}
}  // namespace

void map(std::string_view bytes) {
    accepts([&] { judge(map_reader::parse_movingai(bytes, "room.map", "room")); });
    accepts([&] { judge_string_form(parse_map(bytes)); });
    accepts([&] { judge(map_reader::parse_list(bytes)); });
}

void scenario(std::string_view bytes) {
    const GridMap room = parse_map("....#\n.....\n.#...\n.....\n");
    const MemoryFile file(bytes);
    for (const size_t count : {size_t{0}, size_t{2}})
        accepts([&] {
            const Scenario read = load_scenario(file.path(), room, count);
            expect(read.start.size() == read.goal.size() && read.start.size() >= count, "problems that are missing");
            for (const auto* cells : {&read.start, &read.goal})
                for (const Cell cell : *cells) expect(!room.is_obstacle(cell), "an agent on an obstacle");
        });
}

void yaml(std::string_view bytes) {
    accepts([&] {
        const std::vector<GridMap> maps = map_reader::parse_yaml(bytes, "rooms.yaml");
        expect(!maps.empty(), "no maps");
        for (const GridMap& map : maps) judge(map);
    });
}

}  // namespace flockstep::fuzz
