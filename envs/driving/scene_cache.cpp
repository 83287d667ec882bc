#include "envs/driving/scene_cache.h"

#include <fcntl.h>
#include <omp.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "envs/driving/pool_file.h"
#include "io/quote.h"
#include "io/read_file.h"

namespace flockstep::driving {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& got, const std::string& want) {
    throw std::invalid_argument(path_text(path) + ": got " + got + ", want " + want);
}

bool ends_with(const std::string& path, std::string_view ending) { return path.ends_with(ending); }

std::vector<std::string> files_of_folder(const std::string& folder) {
    std::vector<std::string> names;
    bool has_prefix = false;
    const auto is_prefixed = [](const std::string& name) { return name.starts_with("tfrecord"); };
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        std::string name = entry->path().filename().string();
        if (!ends_with(name, ".json") || name.starts_with(".") || entry->is_directory()) continue;
        has_prefix |= is_prefixed(name);
        names.push_back(std::move(name));
    }
    if (error) refuse(folder, error.message(), "a folder that can be read");
    if (has_prefix) std::erase_if(names, [&](const std::string& name) { return !is_prefixed(name); });
    std::sort(names.begin(), names.end());
    for (std::string& name : names) name = (fs::path(folder) / name).string();
    return names;
}

std::vector<std::string> files_of_list(const std::string& list) {
    std::vector<std::string> files;
    std::istringstream lines(read_file(list));
    for (std::string line; std::getline(lines, line);) {
        line.erase(std::min(line.find('#'), line.size()));
        line.erase(line.find_last_not_of(" \t\r") + 1);
        line.erase(0, line.find_first_not_of(" \t"));
        if (!line.empty()) files.push_back((fs::path(list).parent_path() / line).string());
    }
    return files;
}

/// The files with their stamps, and one number for all of it.
struct Sources {
    std::vector<std::string> files;
    int64_t bytes = 0;
    uint64_t key = 0;
};

void append_options(std::string& text, const SceneLoadOptions& options) {
    const RoadOptions& roads = options.pack.roads;
    std::ostringstream out;
    out << pool_file_version << ' ' << int(roads.rules) << ' ' << real::bits_of(roads.reduction_threshold) << ' '
        << real::bits_of(roads.max_segment_length) << ' ' << roads.max_roads << ' ' << roads.max_entities << ' '
        << options.pack.max_agents << ' ' << options.pack.max_frames << ' ' << options.max_scenes << ' '
        << int(options.bad_scenes) << '\n';
    text += out.str();
}

Sources find_sources(const std::string& path, const SceneLoadOptions& options, Loader& loader) {
    Sources sources;
    loader.depends_on(path);
    sources.files = scene_files(path);
    if (options.max_scenes > 0 && int64_t(sources.files.size()) > options.max_scenes)
        sources.files.resize(size_t(options.max_scenes));
    std::string text;
    append_options(text, options);
    for (const std::string& file : sources.files) {
        loader.depends_on(file);
        const FileStamp stamp = stamp_of(file);
        sources.bytes += stamp.size;
        text += fs::path(file).filename().string();
        for (const int64_t part : {stamp.size, stamp.seconds, stamp.nanoseconds}) text += ' ' + std::to_string(part);
        text += '\n';
    }
    sources.key = std::max<uint64_t>(hash_of(text), 1);
    return sources;
}

/// Held by the process that reads the files, as a lock on the first of them; nothing where that cannot be locked.
class ReadingLock {
  public:
    explicit ReadingLock(const std::string& file) : descriptor_(open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
        if (descriptor_ >= 0) flock(descriptor_, LOCK_EX);
    }
    ReadingLock(const ReadingLock&) = delete;
    ReadingLock& operator=(const ReadingLock&) = delete;
    ~ReadingLock() {
        if (descriptor_ >= 0) close(descriptor_);
    }

  private:
    int descriptor_;
};

/// All files, read and packed.
struct Packed {
    PoolBuilder pool;
    std::string note;  // what was skipped and left out
};

/// What happened to one file.
struct Outcome {
    PackedScene scene;
    std::string error;
    std::exception_ptr failure;  // of another kind, as no memory
};

Outcome pack_file(const std::string& file, const PackOptions& options) {
    Outcome outcome;
    try {
        outcome.scene = pack_scene(read_scene(read_file(file), file), options, file);
    } catch (const std::invalid_argument& error) {
        outcome.error = error.what();
    } catch (...) {
        outcome.failure = std::current_exception();
    }
    return outcome;
}

/// Counts of what did not get into the pool.
struct LeftOut {
    int64_t skipped = 0, agents = 0, boxes = 0;
    std::string first_error;

    std::string text() const {
        std::string text;
        if (skipped > 0) text += "; " + with_commas(skipped) + " skipped, the first: " + first_error;
        if (agents > 0) text += "; " + with_commas(agents) + " agents beyond max_agents left out";
        if (boxes > 0) text += "; " + with_commas(boxes) + " road boxes beyond max_entities left out";
        return text;
    }
    static std::string with_commas(int64_t number) {
        std::string digits = std::to_string(number);
        for (int64_t at = int64_t(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), ",");
        return digits;
    }
};

Packed pack_files(const Sources& sources, const SceneLoadOptions& options) {
    Packed packed;
    LeftOut left_out;
    const int64_t total = int64_t(sources.files.size());
    const int threads = options.num_threads > 0 ? options.num_threads : omp_get_max_threads();
    const int64_t block = 64 * threads;  // scenes that are held apart at a time
    std::vector<Outcome> outcomes;
    for (int64_t begin = 0; begin < total; begin += block) {
        if (options.progress) options.progress(begin, total);
        const int64_t count = std::min(block, total - begin);
        outcomes.assign(size_t(count), {});
#pragma omp parallel for schedule(dynamic) num_threads(threads)
        for (int64_t k = 0; k < count; ++k)
            outcomes[size_t(k)] = pack_file(sources.files[size_t(begin + k)], options.pack);
        for (Outcome& outcome : outcomes) {
            if (outcome.failure) std::rethrow_exception(outcome.failure);
            if (!outcome.error.empty()) {
                if (options.bad_scenes == BadScenes::refuse) throw std::invalid_argument(outcome.error);
                if (left_out.skipped++ == 0) left_out.first_error = outcome.error;
                continue;
            }
            const SceneInfo& info = outcome.scene.info;
            left_out.agents += info.num_objects - info.num_agents, left_out.boxes += info.boxes_left_out;
            packed.pool.add(std::move(outcome.scene));
        }
    }
    if (options.progress) options.progress(total, total);
    if (packed.pool.size() == 0) throw std::invalid_argument(left_out.first_error);
    packed.note = left_out.text();
    return packed;
}

/// Maps the first cache of these files, if there is a sound one. Damaged ones are as good as none.
bool map_cache(const std::vector<std::string>& places, uint64_t key, Loader& loader, ScenePool& pool,
               std::string& note) {
    for (const std::string& place : places) {
        if (key_of_pool(place) != key) continue;
        try {
            PoolFileInfo info;
            pool = map_pool(place, loader, &info);
            if (info.key != key) continue;
            note = info.note + "; from the cache " + path_text(place);
            return true;
        } catch (const std::invalid_argument&) {
        }
    }
    return false;
}

/// Writes the pool to the first place where that is possible; "" if there is none.
std::string write_cache(const PoolBuilder& pool, const std::vector<std::string>& places, uint64_t key,
                        const std::string& note) {
    for (const std::string& place : places) {
        std::error_code error;
        fs::create_directories(fs::path(place).parent_path(), error);
        try {
            pool.write(place, key, note);
            return place;
        } catch (const std::runtime_error&) {
        }
    }
    return "";
}

ScenePool read_scenes(const Sources& sources, const std::vector<std::string>& places, const SceneLoadOptions& options,
                      Loader& loader, std::string& note) {
    constexpr double most_packed = 0.5;  // of the files' bytes: less than that stays of JSON
    loader.check_free_memory(most_packed * double(sources.bytes), "scenes");
    Packed packed = pack_files(sources, options);
    note = packed.note;
    const std::string place = write_cache(packed.pool, places, sources.key, packed.note);
    if (place.empty()) return packed.pool.keep(loader);
    packed.pool = {};
    note += "; cached in " + path_text(place);
    return map_pool(place, loader);
}

}  // namespace

std::vector<std::string> scene_files(const std::string& path) {
    std::vector<std::string> files;
    std::error_code error;
    if (fs::is_directory(path, error))
        files = files_of_folder(path);
    else if (ends_with(path, ".txt"))
        files = files_of_list(path);
    else if (ends_with(path, ".json"))
        files = {path};
    else
        refuse(path, fs::exists(path, error) ? "a file of another kind" : "no such file or folder",
               "a folder of scenes, a .json file, a .txt list of them or a .scenes cache");
    if (files.empty()) refuse(path, "no scenes", "at least one .json file");
    return files;
}

std::vector<std::string> scene_cache_paths(const std::string& path, const SceneLoadOptions& options) {
    std::error_code error;
    fs::path source = fs::absolute(path, error).lexically_normal();
    if (!source.has_filename()) source = source.parent_path();
    std::string beside_text, home_text = source.string() + '\n';
    append_options(beside_text, options), append_options(home_text, options);
    const auto named = [&](const std::string& text) {
        std::ostringstream name;
        name << source.filename().string() << '.' << std::hex << (hash_of(text) >> 32) << ".scenes";
        return name.str();
    };
    std::vector<std::string> places{(source.parent_path() / named(beside_text)).string()};
    const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
    if (cache && *cache)
        places.push_back((fs::path(cache) / "flockstep" / named(home_text)).string());
    else if (home && *home)
        places.push_back((fs::path(home) / ".cache" / "flockstep" / named(home_text)).string());
    return places;
}

ScenePool load_scenes(const std::string& path, const SceneLoadOptions& options, Loader& loader) {
    const auto start = std::chrono::steady_clock::now();
    const auto report = [&](const ScenePool& pool, const std::string& note, int64_t bytes) {
        if (!options.report) return;
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::ostringstream line;
        line.precision(3);
        line << LeftOut::with_commas(pool.size()) << (pool.size() == 1 ? " scene" : " scenes") << " of "
             << path_text(path) << " (" << double(bytes) / 1e6 << " MB) in " << seconds << " s" << note;
        options.report(line.str());
    };
    if (ends_with(path, ".scenes")) {
        PoolFileInfo info;
        const ScenePool pool = map_pool(path, loader, &info);
        report(pool, info.note, stamp_of(path).size);
        return pool;
    }
    const Sources sources = find_sources(path, options, loader);
    ScenePool pool;
    std::string note;
    const bool is_cached = options.use_cache && sources.bytes >= options.min_cached_bytes;
    const std::vector<std::string> places = is_cached ? scene_cache_paths(path, options) : std::vector<std::string>{};
    if (!map_cache(places, sources.key, loader, pool, note)) {
        const ReadingLock lock(is_cached ? sources.files.front() : "");
        if (!map_cache(places, sources.key, loader, pool, note))  // another process may have been faster
            pool = read_scenes(sources, places, options, loader, note);
    }
    report(pool, note, sources.bytes);
    return pool;
}

std::string agents_left_out(int64_t num_agents, int64_t left_out) {
    if (left_out <= 0) return "";
    return LeftOut::with_commas(num_agents) + " agents: " + LeftOut::with_commas(num_agents - left_out) + " fit, " +
           LeftOut::with_commas(left_out) + " are left out";
}

}  // namespace flockstep::driving
