#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "replay/replay.h"
#include "tests/catch.h"

using namespace flockstep;

namespace {

constexpr const char* hostile =
    "</script><script>document.body.dataset.taken='1'</script><b>\"quoted\" & 'single' \\ \n";

// Agents that walk along the rows of a grid, with goals that move, or along circles of the same size.
Replay sample(int num_agents, int num_frames, bool on_grid) {
    Replay replay;
    replay.title = "Sample";
    replay.subtitle = on_grid ? "a grid" : "a plane";
    replay.metrics = {{"agents", std::to_string(num_agents)}};
    if (on_grid) replay.grid = ReplayGrid{40, 40, std::vector<std::uint8_t>(1600)};
    for (int i = 0; on_grid && i < 1600; i += 7) replay.grid->obstacle[static_cast<std::size_t>(i)] = 1;
    replay.entities.resize(static_cast<std::size_t>(num_agents));
    for (int t = 0; t < num_frames; ++t) {
        ReplayFrame frame;
        for (int i = 0; i < num_agents; ++i) {
            const float angle = 0.05f * static_cast<float>(t + 31 * i);
            const ReplayPoint cell{static_cast<float>((t + i) % 40), static_cast<float>(i % 40)};
            frame.position.push_back(on_grid ? cell : ReplayPoint{20 * std::cos(angle), 20 * std::sin(angle)});
            frame.goal.push_back({static_cast<float>((t / 9 + 3 * i) % 40), static_cast<float>((i + t / 9) % 40)});
        }
        frame.reward = t == 0 ? 0.0f : 0.25f;
        frame.captions = {{"arrived", std::to_string(t / 9)}};
        replay.frames.push_back(frame);
    }
    return replay;
}

Replay one_agent(std::vector<ReplayPoint> places) {
    Replay replay;
    replay.entities.resize(1);
    for (const ReplayPoint place : places) replay.frames.push_back({{place}, {}, {}, {}, 0.0f, {}});
    return replay;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::size_t occurrences(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

std::string complaint(const Replay& replay) {
    try {
        render_replay(replay);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

std::filesystem::path empty_folder(const std::string& name) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("flockstep_replay_" + name + std::to_string(::getpid()));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder;
}

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("replay: whole coordinates take 16 bits, others keep three decimals", "[replay]") {
    // (1, 2) is 01 00 02 00; the page reads little-endian.
    CHECK(contains(render_replay(one_agent({{1, 2}})),
                   R"("position":{"bits":16,"scale":1,"constant":true,"data":"AQACAA=="})"));
    CHECK(contains(render_replay(one_agent({{1.5f, 2}, {4, 2}})), R"("position":{"bits":16,"scale":1000,)"));
    CHECK(contains(render_replay(one_agent({{1.5f, 2}, {400, 2}})), R"("position":{"bits":32,"scale":1000,)"));
    CHECK(contains(render_replay(one_agent({{0.01f, 0}, {0.02f, 0}})), R"("position":{"bits":16,"scale":100000,)"));
    CHECK(contains(render_replay(one_agent({{0.5f, 3e9f}, {0, 0}})), R"("position":{"bits":32,"scale":0.1,)"));
}

TEST_CASE("replay: a list that never changes is stored once, a list without points not at all", "[replay]") {
    Replay replay = one_agent({{0, 0}, {1, 0}});
    CHECK_FALSE(contains(render_replay(replay), "\"goal\":"));
    for (ReplayFrame& frame : replay.frames) frame.goal = {{5, 5}};
    CHECK(contains(render_replay(replay), R"("goal":{"bits":16,"scale":1,"constant":true,)"));
    replay.frames[1].goal = {no_replay_point};
    CHECK(contains(render_replay(replay), R"("constant":false,"data":"BQAFAACAAIA="})"));
}

TEST_CASE("replay: pages stay small", "[replay]") {
    for (const bool on_grid : {true, false}) {
        CHECK(render_replay(sample(64, 256, on_grid)).size() < 400'000);
        CHECK(render_replay(sample(192, 512, on_grid)).size() < 3'000'000);
    }
}

TEST_CASE("replay: text cannot leave its place in the page", "[replay]") {
    Replay replay = sample(2, 3, true);
    const std::size_t scripts = occurrences(render_replay(replay), "<script");
    replay.title = replay.subtitle = hostile;
    replay.metrics = {{hostile, hostile}};
    replay.groups = {hostile};
    replay.entities[0].name = replay.entities[0].label = hostile;
    replay.frames[1].captions = {{hostile, hostile}};
    const std::string page = render_replay(replay);
    CHECK(occurrences(page, "<script") == scripts);
    CHECK(occurrences(page, "</script") == scripts);
    CHECK_FALSE(contains(page, "<b>\""));
    CHECK(contains(page, R"(\u003c/script\u003e)"));
}

TEST_CASE("replay: broken UTF-8 becomes the replacement character", "[replay]") {
    Replay replay = one_agent({{0, 0}});
    replay.title = "a\xff\xc3(\xed\xa0\x80 \xc3\xa9\xf0\x9f\x90\xa6";
    CHECK(contains(
        render_replay(replay),
        "\"title\":\"a\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa9\xf0\x9f\x90\xa6\""));
}

TEST_CASE("replay: captions are columns, null where a frame lacks one", "[replay]") {
    Replay replay = one_agent({{0, 0}, {1, 0}});
    replay.frames[1].captions = {{"arrived", "1"}};
    CHECK(contains(render_replay(replay), R"("captions":[["arrived",null,"1"]])"));
}

TEST_CASE("replay: what does not fit is refused in one sentence", "[replay]") {
    CHECK(complaint(Replay{}) == "replay: frames: got none, want at least 1");

    Replay short_list = sample(3, 2, true);
    short_list.frames[1].goal.pop_back();
    CHECK(complaint(short_list) == "replay: frames[1].goal: got 2 values, want 3, one per entity");

    Replay lost = one_agent({no_replay_point});
    CHECK(contains(complaint(lost), "frames[0].position[0]"));
    lost.frames[0].visible = {0};
    CHECK(complaint(lost).empty());

    Replay grid = sample(1, 1, true);
    grid.grid->obstacle.pop_back();
    CHECK(complaint(grid) == "replay: grid.obstacle: got 1599 cells, want 1600");

    Replay line = one_agent({{0, 0}});
    line.entities[0].shape = ReplayShape::line;
    CHECK(contains(complaint(line), "frames[0].end[0]: got none, want the far end of a line"));

    Replay group = one_agent({{0, 0}});
    group.entities[0].group = 0;
    CHECK(complaint(group) == "replay: entities[0].group: got 0, want -1 or an index into the 0 groups");
}

TEST_CASE("replay: a file is replaced whole, and nothing else is left beside it", "[replay]") {
    const std::filesystem::path folder = empty_folder("write");
    const Replay replay = sample(2, 3, false);
    write_replay(folder / "replay.html", sample(4, 9, true));
    write_replay(folder / "replay.html", replay);
    CHECK(read(folder / "replay.html") == render_replay(replay));
    CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);

    CHECK_THROWS_AS(write_replay(folder / "replay.html", Replay{}), std::invalid_argument);
    CHECK(read(folder / "replay.html") == render_replay(replay));
    CHECK_THROWS_AS(write_replay(folder / "absent" / "replay.html", replay), std::runtime_error);
    CHECK_THROWS_AS(write_replay(folder, replay), std::runtime_error);  // a folder is not overwritten
    CHECK(std::filesystem::is_directory(folder));
    std::filesystem::remove_all(folder);
}

// tests/test_replay.py opens these pages in a browser.
TEST_CASE("replay: sample pages for the browser test", "[replay]") {
    const char* output = std::getenv("FLOCKSTEP_TEST_OUTPUT");
    const std::filesystem::path folder = output ? output : empty_folder("sample");
    Replay replay = sample(16, 60, true);
    replay.title = hostile;
    write_replay(folder / "replay_grid.html", replay);
    replay = sample(5, 60, false);
    replay.entities[0].shape = ReplayShape::square;
    replay.entities[1].shape = ReplayShape::ring;
    replay.entities[2].shape = ReplayShape::line;
    replay.groups = {"left", hostile};
    replay.entities[3].group = 1;
    for (ReplayFrame& frame : replay.frames) {
        frame.end = frame.position;
        for (ReplayPoint& point : frame.end) point.x += 3;
    }
    replay.frames[30].visible = {1, 1, 1, 1, 0};
    write_replay(folder / "replay_plane.html", replay);
    CHECK(std::filesystem::file_size(folder / "replay_plane.html") > 20'000);
    if (!output) std::filesystem::remove_all(folder);
}
