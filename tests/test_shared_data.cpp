#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "sim/contract/environment.h"
#include "sim/contract/pool.h"
#include "sim/engine/shared_data.h"
#include "tests/test_engine.h"

/// Shared data: loaded once, handed to every batch, replaced while worlds run.
namespace flockstep {
namespace {

/// How many times a call loads shared data.
template <class F>
int64_t loads_of(F f) {
    const int64_t before = shared_data_cache().num_loads();
    f();
    return shared_data_cache().num_loads() - before;
}

using Values = std::map<std::string, std::string>;
EngineCase scenes(Values settings) {
    settings.insert({"max_episode_steps", "9"});
    settings.insert({"num_agents", "6"});
    return {"test_scenes", "test_scenes", settings_of(settings)};
}
BatchOptions on(Device device, int64_t num_envs = 5) {
    BatchOptions options = some_envs(num_envs);
    options.device = device;
    return options;
}

/// A temporary file, deleted at the end of the test.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& name)
        : path_((std::filesystem::temp_directory_path() / (std::to_string(getpid()) + name)).string()) {}
    ~TemporaryFile() { std::filesystem::remove(path_); }
    const std::string& path() const { return path_; }
    /// Replaces it like an editor: written to another name, then renamed.
    void write(const std::string& bytes) const {
        const std::string fresh = path_ + ".new";
        std::ofstream(fresh, std::ios::binary) << bytes;
        std::filesystem::rename(fresh, path_);
    }

  private:
    std::string path_;
};
EngineCase on_map(const std::string& path) {
    return {"", "pathfinding", settings_of({{"map", path}, {"num_agents", "2"}, {"max_episode_steps", "9"}})};
}
}  // namespace

TEST_CASE("shared data: batches with the same settings load once, on every device") {
    std::vector<std::unique_ptr<Batch>> batches;
    CHECK(loads_of([&] {
              for (Device device : devices())
                  for (int i = 0; i < 2; ++i) batches.push_back(make(scenes({{"pool_seed", "101"}}), on(device)));
          }) == 1);
    CHECK(loads_of([&] { batches.push_back(make(scenes({{"pool_seed", "102"}}), on({}))); }) == 1);
    CHECK(loads_of([&] {
              batches.push_back(make(scenes({{"pool_seed", "101"}, {"max_episode_steps", "4"}}), on({})));
          }) == 0);  // load ignores the time limit
    CHECK(played_difference(*batches[0], *batches[1], 20) == "");
    CHECK(loads_of([&] { batches.push_back(make(engine_case("cartpole"), on({}))); }) == 0);  // it has none
}

TEST_CASE("shared data: the most recent pool is kept for the next batch; an older one is not") {
    const EngineCase one = scenes({{"pool_seed", "111"}}), other = scenes({{"pool_seed", "112"}});
    CHECK(loads_of([&] { make(one, on({})), make(one, on({})); }) == 1);
    CHECK(loads_of([&] { make(other, on({})), make(one, on({})); }) == 2);
    shared_data_cache().release_unused();
    CHECK(loads_of([&] { make(one, on({})); }) == 1);
}

TEST_CASE("shared data: preloaded data is used without waiting while it is held") {
    const EngineCase c = scenes({{"pool_seed", "121"}});
    std::shared_ptr<const SharedData> ahead;
    std::thread([&] { ahead = load_shared("test_scenes", c.settings); }).join();
    make(scenes({{"pool_seed", "122"}}), on({}));
    CHECK(loads_of([&] { make(c, on({})); }) == 0);
    CHECK(ahead->environment() == "test_scenes");
    CHECK(ahead->bytes() > 10001 * sizeof(int64_t));
}

TEST_CASE("shared data: one copy per device, while it is referenced") {
    const auto data = load_shared("test_scenes", settings_of({{"pool_seed", "125"}}));
    for (Device device : devices()) {
        const std::shared_ptr<const SharedCopy> copy = data->copy_on(device);
        CHECK(data->copy_on(device) == copy);
        CHECK(copy->buffers.empty() != device.is_cuda());
        REQUIRE(copy->slots.size() == data->arrays().size());
        for (size_t i = 0; i < copy->slots.size(); ++i) {
            const SharedArray& array = data->arrays()[i];
            std::vector<char> bytes(array.bytes());
            if (!bytes.empty()) copy->memory->to_host(bytes.data(), copy->slots[i].data, bytes.size());
            CHECK(std::equal(bytes.begin(), bytes.end(), static_cast<const char*>(array.slot.data)));
        }
    }
}

TEST_CASE("shared data: batches may close in any order") {
    for (Device device : devices()) {
        const EngineCase c = scenes({{"pool_seed", "131"}});
        auto first = make(c, on(device)), second = make(c, on(device));
        first.reset();
        shared_data_cache().release_unused();
        const auto fresh = make(c, on(device));
        CHECK(played_difference(*second, *fresh, 30) == "");
        second.reset();
        play(*fresh, 10);
    }
}

TEST_CASE("shared data: many threads that need the same data load it once") {
    const EngineCase c = scenes({{"pool_seed", "141"}, {"num_scenes", "50000"}});
    std::vector<std::unique_ptr<Batch>> batches(8);
    CHECK(loads_of([&] {
              std::vector<std::thread> threads;
              for (auto& batch : batches) threads.emplace_back([&] { batch = make(c, on({})); });
              for (std::thread& thread : threads) thread.join();
          }) == 1);
    for (auto& batch : batches) CHECK(state_difference(*batches[0], *batch) == "");
}

TEST_CASE("shared data: threads can make, replace and close concurrently") {
    const auto work = [](int thread) {
        for (int i = 0; i < 20; ++i) {
            const auto batch = make(scenes({{"pool_seed", std::to_string(150 + (thread + i) % 3)}}), on({}));
            batch->replace_shared(settings_of({{"pool_seed", std::to_string(150 + i % 3)}, {"num_scenes", "20"}}));
            play(*batch, 3);
        }
    };
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) threads.emplace_back(work, thread);
    for (std::thread& thread : threads) thread.join();
    const auto batch = make(scenes({{"pool_seed", "150"}}), on({})),
               again = make(scenes({{"pool_seed", "150"}}), on({}));
    CHECK(played_difference(*batch, *again, 20) == "");
}

TEST_CASE("shared data: a file that changes is read again; holders of the old data keep it") {
    const TemporaryFile file("rooms.txt");
    file.write("....\n....\n");
    const auto old = make(on_map(file.path()), on({})), twin = make(on_map(file.path()), on({}));
    CHECK(loads_of([&] { make(on_map(file.path()), on({})); }) == 0);
    file.write("..#.\n....\n");  // as long as before
    std::unique_ptr<Batch> fresh;
    CHECK(loads_of([&] { fresh = make(on_map(file.path()), on({})); }) == 1);
    CHECK(loads_of([&] { make(on_map(file.path()), on({})); }) == 0);
    CHECK(old->get_field("walls").bytes != fresh->get_field("walls").bytes);
    CHECK(played_difference(*old, *twin, 20) == "");
}

TEST_CASE("shared data: a load that fails leaves nothing behind") {
    const TemporaryFile file("late.txt");
    const std::string missing = file.path() + ": got no such file or directory, want a regular file that can be read";
    CHECK(error_of([&] { make(on_map(file.path()), on({})); }) == missing);
    CHECK(error_of([&] { make(on_map(file.path()), on({})); }) == missing);
    file.write("...\n...\n");
    CHECK(error_of([&] { make(on_map(file.path()), on({})); }) == "no error");
    file.write("..?\n...\n");
    CHECK(error_of([&] { make(on_map(file.path()), on({})); }).find("got \"?\"") != std::string::npos);
}

TEST_CASE("shared data: a pool that does not fit the memory is rejected before the work") {
    const std::string error = error_of([] {
        make({"", "pathfinding", settings_of({{"generator", "maze"}, {"size", "4096"}, {"num_maps", "1048576"}})},
             on({}));
    });
    CHECK(error.find("memory: a pool of generated maps needs 16777216 MiB, free are ") == 0);
}

TEST_CASE("replacing shared data: worlds continue as if they had started an episode on it") {
    for (Device device : devices()) {
        for (const char* order : {"random", "in_order", "weighted", "from_state"}) {
            const Values settings = {{"num_scenes", "40"}, {"scene_order", order}};
            const auto batch = make(scenes(settings), on(device)), untouched = make(scenes(settings), on(device)),
                       twin = make(scenes(settings), on(device));
            Values changed = settings;
            changed["num_scenes"] = "300", changed["pool_seed"] = "7";
            const auto fresh = make(scenes(changed), on(device));
            batch->replace_shared(settings_of({{"num_scenes", "300"}, {"pool_seed", "7"}}));
            fresh->reset();
            CHECK(state_difference(*batch, *fresh) == "");
            CHECK(played_difference(*batch, *fresh, 30) == "");
            CHECK(batch->settings().values() == fresh->settings().values());
            CHECK(played_difference(*untouched, *twin, 30) == "");  // other batches keep theirs
        }
    }
}

TEST_CASE("replacing shared data: a smaller pool, back to the first one, and a saved state of it") {
    const auto batch = make(scenes({{"num_scenes", "300"}}), on({})),
               fresh = make(scenes({{"num_scenes", "300"}}), on({}));
    const std::vector<FieldValue> saved = batch->save();
    batch->replace_shared(settings_of({{"num_scenes", "1"}}));
    play(*batch, 20);
    CHECK(values_of<uint16_t>(batch->get_field("scene")) == std::vector<uint16_t>(5, 0));
    batch->replace_shared(settings_of({{"num_scenes", "300"}}));
    batch->restore(saved);
    CHECK(state_difference(*batch, *fresh) == "");
}

TEST_CASE("replacing shared data: episodes in progress are not counted") {
    const auto batch = make(scenes({{"num_scenes", "40"}}), on({}));
    play(*batch, 5);
    const Statistics before = batch->statistics(false);
    batch->replace_shared(settings_of({{"pool_seed", "3"}}));
    const Statistics after = batch->statistics(false);
    CHECK(after.num_episodes == before.num_episodes);
    for (size_t m = 0; m < before.metrics.size(); ++m) CHECK(after.metrics[m].mean == before.metrics[m].mean);
    batch->statistics(true);
    const auto fresh = make(scenes({{"num_scenes", "40"}, {"pool_seed", "3"}}), on({}));
    fresh->reset();
    fresh->statistics(true);
    CHECK(played_difference(*batch, *fresh, 20) == "");
    const Statistics a = batch->statistics(true), b = fresh->statistics(true);
    CHECK(a.num_episodes > 0);
    CHECK(a.num_episodes == b.num_episodes);
    for (size_t m = 0; m < a.metrics.size(); ++m) CHECK(a.metrics[m].mean == b.metrics[m].mean);
}

TEST_CASE("replacing shared data: in disabled mode ended worlds start again") {
    BatchOptions options = on({});
    options.autoreset_mode = AutoresetMode::disabled, options.final_observation = FinalObservation::none;
    const auto batch = make(scenes({{"num_scenes", "40"}}), options);
    play(*batch, 12);
    CHECK(values_of<uint8_t>(batch->get_field("ended")) == std::vector<uint8_t>(5, 1));
    batch->replace_shared();
    CHECK(values_of<uint8_t>(batch->get_field("ended")) == std::vector<uint8_t>(5, 0));
    CHECK(values_of<int32_t>(batch->get_field("elapsed")) == std::vector<int32_t>(5, 0));
}

TEST_CASE("replacing shared data: states are checked against the new data") {
    const auto batch = make(scenes({{"num_scenes", "300"}}), on({}));
    FieldValue scene = batch->get_field("scene");
    const uint16_t wanted = 250;
    memcpy(scene.bytes.data(), &wanted, sizeof wanted);
    CHECK(error_of([&] { batch->set_fields({scene}); }) == "no error");
    batch->replace_shared(settings_of({{"num_scenes", "10"}}));
    CHECK(error_of([&] { batch->set_fields({scene}); }) ==
          "field scene of world 0: got 250, want an integer from 0 to 9");

    const TemporaryFile file("judged.txt");
    file.write("....\n....\n");
    const auto walker = make(on_map(file.path()), on({}));
    const FieldValue position = walker->get_field("position"), walls = walker->get_field("walls");
    file.write("#.#.\n....\n");
    walker->replace_shared();
    CHECK(error_of([&] { walker->set_fields({walls}); }).find("walls: got no obstacle at [0, 0], want one there") !=
          std::string::npos);
}

TEST_CASE("replacing shared data: changes that worlds, launches or tensors depend on are rejected") {
    const auto refusal = [](Batch& batch, const Values& changed) {
        const auto before = batch.save();
        const std::string error = error_of([&] { batch.replace_shared(settings_of(changed)); });
        const auto after = batch.save();
        for (size_t i = 0; i < before.size(); ++i) CHECK(before[i].bytes == after[i].bytes);
        return error;
    };
    const auto batch = make(scenes({{"num_scenes", "40"}}), on({})),
               fresh = make(scenes({{"num_scenes", "40"}}), on({}));
    CHECK(refusal(*batch, {{"num_agents", "7"}}) ==
          "replacing shared data: num_agents: got 7, want 6 as the worlds have it; these may change with the data: "
          "num_scenes, pool_seed");
    CHECK(refusal(*batch, {{"num_scenes", "0"}}) == "num_scenes: got \"0\", want an integer from 1 to 65536");
    CHECK(refusal(*batch, {{"scenes", "5"}}).find("scenes") != std::string::npos);
    CHECK(played_difference(*batch, *fresh, 20) == "");
    CHECK(refusal(*make(engine_case("cartpole"), on({})), {{"max_episode_steps", "5"}}) ==
          "replacing shared data: max_episode_steps: got 5, want 13 as the worlds have it; no setting may change with "
          "the data");

    const TemporaryFile file("refused.txt");
    file.write("....\n....\n");
    const auto walker = make(on_map(file.path()), on({})), other = make(on_map(file.path()), on({}));
    file.write("...\n...\n");
    CHECK(refusal(*walker, {}) == "replacing shared data: width: got 3, want 4 as the worlds have it");
    CHECK(refusal(*walker, {{"map", ".###\n####"}}).find("num_agents: got 2, want at most") == 0);
    CHECK(played_difference(*walker, *other, 20) == "");
}

TEST_CASE("scenes in order: each is used in turn, for any number of ranks") {
    BatchOptions first = on({}, 3), second = on({}, 2);
    second.first_env = 3;
    first.all_envs = second.all_envs = 5;
    const EngineCase c = scenes({{"num_scenes", "7"}, {"scene_order", "in_order"}});
    const auto low = make(c, first), high = make(c, second);
    for (uint32_t episode = 0; episode < 4; ++episode) {
        std::vector<uint16_t> played = values_of<uint16_t>(low->get_field("scene"));
        for (uint16_t scene : values_of<uint16_t>(high->get_field("scene"))) played.push_back(scene);
        for (uint32_t world = 0; world < 5; ++world) CHECK(played[world] == (world + 5 * episode) % 7);
        low->reset(), high->reset();
    }
}

TEST_CASE("scenes by weight: drawn in proportion to their weights, the same on every device") {
    const EngineCase c = scenes({{"num_scenes", "5"}, {"scene_order", "weighted"}});
    for (Device device : devices()) {
        const auto batch = make(c, on(device, 20000));
        const std::vector<uint16_t> drawn = values_of<uint16_t>(batch->get_field("scene"));
        double agents_of[5] = {}, total = 0;
        for (uint32_t scene = 0; scene < 5; ++scene)
            total += agents_of[scene] = 1 + Rng{0, scene, 0, 0, Purpose::initialize}.below(0, 0, 6);
        for (uint16_t scene = 0; scene < 5; ++scene) {
            const double share = double(std::count(drawn.begin(), drawn.end(), scene)) / 20000;
            CHECK(std::abs(share - agents_of[scene] / total) < 0.015);  // 4 standard errors
        }
    }
}

TEST_CASE("scenes from the state: kept until set_fields writes another") {
    const auto batch = make(scenes({{"num_scenes", "30"}, {"scene_order", "from_state"}}), on({}));
    CHECK(values_of<uint16_t>(batch->get_field("scene")) == std::vector<uint16_t>(5, 0));
    FieldValue scene = batch->get_field("scene");
    const std::vector<uint16_t> wanted = {3, 29, 0, 7, 7};
    memcpy(scene.bytes.data(), wanted.data(), scene.bytes.size());
    batch->set_fields({scene});
    play(*batch, 25);
    CHECK(values_of<uint16_t>(batch->get_field("scene")) == wanted);
}

TEST_CASE("weights: a scene with weight 0 is never drawn; invalid weights are rejected") {
    Loader loader;
    const SceneWeights weights = make_weights(loader, {0, 2, 0, 1, 1, 0}, "weights");
    CHECK(weighted_scene(weights, 0) == 1);
    CHECK(weighted_scene(weights, (1u << 31) - 1) == 1);
    CHECK(weighted_scene(weights, 1u << 31) == 3);
    CHECK(weighted_scene(weights, 3u << 30) == 4);
    CHECK(weighted_scene(weights, ~0u) == 4);
    CHECK(error_of([&] {
              make_weights(loader, {1, -1}, "weights");
          }) == "weights: got -1 for scene 1, want a finite number >= 0");
    CHECK(error_of([&] {
              make_weights(loader, {0, 0}, "weights");
          }) == "weights: got 0 in all, want a finite number > 0");
    CHECK(error_of([&] { make_weights(loader, {}, "weights"); }) == "weights: got 0 in all, want a finite number > 0");
}

TEST_CASE("ragged arrays: rows of any length; invalid offsets are rejected") {
    Loader loader;
    const Ragged<int> rows = make_ragged<int>(loader, {{1, 2}, {}, {3}});
    CHECK(rows.size() == 3);
    CHECK((rows.count(0) == 2 && rows.count(1) == 0 && rows.count(2) == 1));
    CHECK((rows.row(0)[1] == 2 && rows.row(2)[0] == 3));
    const auto refusal = [&](std::vector<int64_t> first) {
        return error_of([&] { make_ragged(loader.keep(first), loader.keep(std::vector<float>(5)), "road"); });
    };
    CHECK(refusal({0, 2, 2, 5}) == "no error");
    CHECK(refusal({}) == "road: got no offsets, want one for each row and one for the end");
    CHECK(refusal({1, 5}) == "road: got first offset 1, want 0");
    CHECK(refusal({0, 4, 3, 5}) == "road: got row 1 from 4 to 3, want 0 to 2147483647 items");
    CHECK(refusal({0, 4}) == "road: got 5 items, want 4, the last offset");
}

TEST_CASE("loader: a mapped file is a view of its bytes; one that is too short is refused") {
    const TemporaryFile file("mapped.bin");
    const double numbers[] = {1.5, -2.5, 3.5};
    file.write(std::string(8, 'x') + std::string(reinterpret_cast<const char*>(numbers), sizeof numbers));
    Loader loader;
    const View<double> all = loader.map<double>(file.path(), 8), two = loader.map<double>(file.path(), 16, 2);
    CHECK((all.size() == 3 && all[0] == 1.5 && all[2] == 3.5));
    CHECK((two.size() == 2 && two[0] == -2.5));
    CHECK(loader.map(file.path())[3] == 'x');
    CHECK(loader.map<double>(file.path(), 32).size() == 0);
    CHECK(loader.read(file.path()).size() == 32);
    CHECK(loader.is_current());
    const auto refusal = [&](int64_t offset, int64_t count) {
        const std::string error = error_of([&] { loader.map<double>(file.path(), offset, count); });
        return error.substr(error.find(": ") + 2);
    };
    CHECK(refusal(4, 1) == "got items from byte 4 on, want an offset that is a multiple of 8");
    CHECK(refusal(-8, 1) == "got items from byte -8 on, want an offset that is a multiple of 8");
    CHECK(refusal(8, 4) == "got 32 bytes, want 4 items of 8 bytes from byte 8 on");
    CHECK(refusal(40, -1) == "got 0 bytes from byte 40 on, want a multiple of 8");
    CHECK(error_of([&] { loader.map("/no/such/file"); }) ==
          "\"/no/such/file\": got No such file or directory, want a file that can be read");
    CHECK(error_of([&] { loader.map("/"); }) == "\"/\": got something else, want a regular file");
    file.write("shorter");  // renamed into place: the mapping stays
    CHECK(all[2] == 3.5);
    CHECK_FALSE(loader.is_current());
}

TEST_CASE("loader: parts of one mapped file are views of other types; what lies outside or is misaligned is refused") {
    const TemporaryFile file("parts.bin");
    const double numbers[] = {1.5, -2.5, 3.5};
    file.write(std::string(8, 'x') + std::string(reinterpret_cast<const char*>(numbers), sizeof numbers));
    Loader loader;
    const View<uint8_t> bytes = loader.map(file.path());
    const View<double> last = loader.part<double>(bytes, 16, 2, "numbers");
    CHECK((last.size() == 2 && last[0] == -2.5 && last[1] == 3.5));
    CHECK(loader.part<double>(bytes, 32, 0, "numbers").size() == 0);
    for (const auto& [offset, count] : std::vector<std::pair<int64_t, int64_t>>{
             {16, 3}, {4, 1}, {-8, 1}, {40, 0}, {8, -1}, {8, INT64_MAX}, {INT64_MIN, 1}})
        CHECK(error_of([&, offset = offset, count = count] { loader.part<double>(bytes, offset, count, "numbers"); }) ==
              "numbers: got " + std::to_string(count) + " items of 8 bytes from byte " + std::to_string(offset) +
                  " on, want them aligned and within 32 bytes");
}

namespace {
/// Its `fields` omits a member.
struct Forgetful {
    struct Config {
        int max_episode_steps = 5;
        template <class F>
        void fields(F) {}
    };
    struct Shared {
        View<int> seen;
        int64_t forgotten = 0;
        int last = 0;
        template <class V>
        void fields(V& visit) {
            visit("last", last), visit("seen", seen);
        }
    };
    static Shared load(const Config&, Loader&) { return {}; }
};
}  // namespace

TEST_CASE("shared data: a member that fields does not visit is reported") {
    CHECK(error_of([] { SharedDataOf<Forgetful>("forgetful", {}); }) ==
          "forgetful: Shared has 8 bytes at offset 8 that its `fields` does not visit");
}

}  // namespace flockstep
