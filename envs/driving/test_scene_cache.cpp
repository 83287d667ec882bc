#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "envs/driving/pool_file.h"
#include "envs/driving/scene_cache.h"
#include "envs/driving/test_scene.h"
#include "io/read_file.h"
#include "tests/catch.h"

using namespace flockstep;
using namespace flockstep::driving;
using namespace flockstep::driving::scene_test;

namespace {

namespace fs = std::filesystem;

/// A temporary folder `scenes`, and a place for caches of its own.
struct Folder {
    fs::path root = fs::temp_directory_path() / ("flockstep-scenes-" + std::to_string(getpid()));
    fs::path scenes = root / "scenes";

    Folder() {
        fs::remove_all(root);
        fs::create_directories(scenes);
        setenv("XDG_CACHE_HOME", (root / "home").c_str(), 1);
    }
    ~Folder() {
        unsetenv("XDG_CACHE_HOME");
        chmod(root.c_str(), 0700);
        fs::remove_all(root);
    }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(scenes / name, std::ios::binary) << text;
        return (scenes / name).string();
    }
    /// `count` scenes: scene k has k + 1 cars and a name.
    void fill(int count) const {
        for (int k = 0; k < count; ++k) {
            Scene scene = read_scene(small_scene, "a.json");
            scene.name = "scene " + std::to_string(k), scene.objects.resize(size_t(k) + 1, car_at(5, k, 50, 40));
            write("tfrecord-" + std::to_string(10 + k) + ".json", to_json(scene));
        }
    }
    std::vector<std::string> caches() const {
        std::vector<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(root))
            if (entry.path().extension() == ".scenes") found.push_back(entry.path().string());
        return found;
    }
};

SceneLoadOptions cached() {
    SceneLoadOptions options;
    options.min_cached_bytes = 0;
    return options;
}

/// All bytes of a pool's arrays, one after the other.
struct Bytes {
    std::string text;
    void operator()(const char*, auto& member) {
        if constexpr (requires { member.slot; }) {
            if (!member.empty())
                text.append(reinterpret_cast<const char*>(member.data()), size_t(member.size()) * sizeof member[0]);
        } else {
            member.fields(*this);
        }
    }
};
std::string bytes_of(ScenePool pool) {
    Bytes bytes;
    pool.fields(bytes);
    return bytes.text;
}

std::string load_error(const std::string& path, const SceneLoadOptions& options = {}) {
    Loader loader;
    return error_of([&] { load_scenes(path, options, loader); });
}

/// Loads, and says in one line what happened.
std::string report_of(const std::string& path, SceneLoadOptions options) {
    std::string line;
    options.report = [&](const std::string& text) { line = text; };
    Loader loader;
    load_scenes(path, options, loader);
    return line;
}

}  // namespace

TEST_CASE("driving: scenes that come from a cache are those that were read") {
    const Folder folder;
    folder.fill(20);
    Loader plain, first, second;
    SceneLoadOptions none;
    none.use_cache = false, none.num_threads = 1;
    const std::string wanted = bytes_of(load_scenes(folder.scenes, none, plain));
    CHECK(folder.caches().empty());
    const ScenePool written = load_scenes(folder.scenes, cached(), first);
    REQUIRE(folder.caches().size() == 1);
    CHECK(fs::path(folder.caches()[0]).parent_path() == folder.root);
    const ScenePool mapped = load_scenes(folder.scenes, cached(), second);
    CHECK((bytes_of(written) == wanted));
    CHECK((bytes_of(mapped) == wanted));
    CHECK((first.is_current() && second.is_current()));
    REQUIRE(mapped.size() == 20);
    CHECK(name_of(mapped, 7) == "scene 7");
    CHECK(scenario_id_of(mapped, 7) == "ef3a");
    const SceneView view = mapped.view(7);
    CHECK((view.info.num_agents == 8 && view.info.num_frames == 40 && view.info.num_boxes == 2));
    CHECK((view.is_valid(39, 7) && !view.is_valid(39, 0)));
    CHECK(view.light_states[1] == LightState::go);
    CHECK(report_of(folder.scenes, cached()).find("; from the cache ") != std::string::npos);
    Loader copied;
    CHECK((bytes_of(load_scenes(folder.caches()[0], {}, copied)) == wanted));
}

TEST_CASE("driving: a cache is made again when files, options or its bytes change") {
    const Folder folder;
    folder.fill(5);
    Loader loader;
    const auto size_of = [&](const SceneLoadOptions& options) {
        Loader own;
        return load_scenes(folder.scenes, options, own).size();
    };
    load_scenes(folder.scenes, cached(), loader);
    CHECK(loader.is_current());
    folder.write("tfrecord-99.json", small_scene);
    CHECK_FALSE(loader.is_current());
    CHECK(size_of(cached()) == 6);
    folder.write("tfrecord-99.json", with("\"x\":1.5", "\"x\":1.25"));
    CHECK(report_of(folder.scenes, cached()).find("; cached in ") != std::string::npos);
    SceneLoadOptions two = cached();
    two.max_scenes = 2;
    CHECK(size_of(two) == 2);
    CHECK(folder.caches().size() == 2);

    two.max_scenes = 0;
    const std::string cache = scene_cache_paths(folder.scenes, two)[0], whole = read_file(cache);
    Loader before;
    const std::string wanted = bytes_of(load_scenes(folder.scenes, cached(), before));
    for (const size_t at : {size_t{0}, size_t{17}, size_t{40}, size_t{704}, whole.find("scene 3")}) {
        std::string damaged = whole;
        damaged[at] = char(damaged[at] ^ 64);
        std::ofstream(cache + ".new", std::ios::binary) << damaged;
        fs::rename(cache + ".new", cache);
        const std::string error = load_error(cache);
        CHECK(error.find(cache + ": ") == 0);
        Loader own;
        const bool is_same = bytes_of(load_scenes(folder.scenes, cached(), own)) == wanted;
        const bool is_made_again = read_file(cache) == whole;
        CHECK((is_same && is_made_again));
    }
    for (const size_t size : {size_t{0}, size_t{100}, size_t{687}, size_t{1000}, whole.size() - 1}) {
        std::ofstream(cache + ".new", std::ios::binary) << whole.substr(0, size);
        fs::rename(cache + ".new", cache);
        CHECK(load_error(cache).find(cache) != std::string::npos);
        CHECK(size_of(cached()) == 6);
    }
    std::ofstream(cache + ".new", std::ios::binary) << std::string(5000, 'x');
    fs::rename(cache + ".new", cache);
    CHECK(load_error(cache) == cache + ": got a file of another kind, want a pool of scenes");
}

TEST_CASE("driving: where a cache cannot lie beside its folder it lies in the user's, and else nowhere") {
    const Folder folder;
    folder.fill(3);
    if (geteuid() == 0) {
        // root writes everywhere: a folder in the cache's place stands for a place that cannot be written
        fs::create_directories(scene_cache_paths(folder.scenes, cached())[0] + "/x");
    } else {
        chmod(folder.root.c_str(), 0500);
        fs::create_directories(folder.root / "home");
    }
    const std::string line = report_of(folder.scenes, cached());
    if (geteuid() == 0) CHECK(line.find("/home/flockstep/scenes.") != std::string::npos);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    CHECK(report_of(folder.scenes, cached()).find("cache") == std::string::npos);
}

TEST_CASE("driving: processes that start at once share one cache") {
    const Folder folder;
    folder.fill(30);
    std::vector<pid_t> children;
    for (int k = 0; k < 4; ++k) {
        const pid_t child = fork();
        if (child == 0) {
            Loader loader;
            SceneLoadOptions options = cached();
            options.num_threads = 1;
            int64_t size = 0;
            try {
                size = load_scenes(folder.scenes, options, loader).size();
            } catch (...) {
            }
            _exit(size == 30 ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(status == 0);
    }
    CHECK(folder.caches().size() == 1);
    CHECK(std::distance(fs::directory_iterator(folder.root), {}) == 2);
}

TEST_CASE("driving: bad scenes are refused or skipped") {
    const Folder folder;
    folder.fill(3);
    const std::string bad = folder.write("tfrecord-11.json", "{\"objects\": 1}"),
                      other = folder.write("tfrecord-12.json", "");
    CHECK(load_error(folder.scenes, cached()) == bad + ": objects: got 1, want a list");
    CHECK(folder.caches().empty());
    SceneLoadOptions skip = cached();
    skip.bad_scenes = BadScenes::skip;
    for (int k = 0; k < 2; ++k) {
        const std::string line = report_of(folder.scenes, skip);
        CHECK(line.find("1 scene of ") == 0);
        CHECK(line.find("; 2 skipped, the first: " + bad + ": objects: got 1, want a list") != std::string::npos);
    }
    folder.write("tfrecord-10.json", "[]");
    CHECK(load_error(folder.scenes, skip).find("tfrecord-10.json: got a list, want an object") != std::string::npos);
}

TEST_CASE("driving: a path names a folder, a file or a list") {
    const Folder folder;
    const std::string one = folder.write("one.json", small_scene), index = folder.write("index.json", "{}");
    CHECK(scene_files(folder.scenes) == std::vector<std::string>{index, one});
    const std::string two = folder.write("tfrecord-2.json", small_scene);
    folder.write(".tfrecord-3.json", small_scene), folder.write("tfrecord-4.txt", "# none\n");
    CHECK(scene_files(folder.scenes) == std::vector<std::string>{two});
    CHECK(scene_files(one) == std::vector<std::string>{one});
    const std::string list = folder.write("list.txt", "one.json  # the first\n\n  tfrecord-2.json\r\n" + one + "\n");
    CHECK(scene_files(list) == std::vector<std::string>{one, two, one});
    Loader loader;
    CHECK(load_scenes(list, {}, loader).size() == 3);
    CHECK(load_error(folder.root / "none") ==
          (folder.root / "none").string() +
              ": got no such file or folder, want a folder of scenes, a .json file, a "
              ".txt list of them or a .scenes cache");
    CHECK(load_error(folder.root) == folder.root.string() + ": got no scenes, want at least one .json file");
    CHECK(load_error(folder.scenes / "tfrecord-4.txt").ends_with("got no scenes, want at least one .json file"));
    CHECK(load_error(folder.write("gone.txt", "gone.json")).find("gone.json") != std::string::npos);
}

TEST_CASE("driving: progress is told by the caller's thread, and what a world has no room for in a sentence") {
    const Folder folder;
    folder.fill(10);
    SceneLoadOptions options;
    std::vector<int64_t> done;
    options.progress = [&](int64_t count, int64_t total) { done.push_back(total == 10 ? count : -1); };
    Loader loader;
    load_scenes(folder.scenes, options, loader);
    CHECK(done == std::vector<int64_t>{0, 10});
    options.pack.max_agents = 4;
    CHECK(report_of(folder.scenes, options).find("; 21 agents beyond max_agents left out") != std::string::npos);
    CHECK(agents_left_out(2000, 1936) == "2,000 agents: 64 fit, 1,936 are left out");
    CHECK(agents_left_out(12, 0).empty());
}

TEST_CASE("driving: a sealed file whose arrays do not fit each other is refused in a sentence") {
    const Folder folder;
    PoolBuilder builder;
    builder.add(pack_scene(read_scene(small_scene, "a.json"), {}, "a.json"));
    const std::string path = (folder.root / "a.scenes").string();
    builder.write(path, 5, "note");
    CHECK(key_of_pool(path) == 5);
    const std::string whole = read_file(path);
    int refused = 0;
    for (size_t at = 48; at < whole.size(); at += 3) {
        std::string changed = whole;
        changed[at] = char(changed[at] ^ 3);
        seal_pool(changed);
        std::ofstream(path, std::ios::binary) << changed;
        refused += load_error(path) != "no error";
    }
    CHECK(refused > 100);
}
