#pragma once

#include <functional>
#include <string>
#include <vector>

#include "envs/driving/packed_scene.h"

/// Loads folders of scenes: files are read and packed on all cores once, and a cache is mapped afterwards.
///
///   shared.scenes = load_scenes("data/processed/training", {}, loader);
namespace flockstep::driving {

/// What to do about a file that is no scene.
enum class BadScenes : int { refuse, skip };

struct SceneLoadOptions {
    PackOptions pack;
    BadScenes bad_scenes = BadScenes::refuse;
    int64_t max_scenes = 0;               // the first ones in the order of scene_files; 0: all
    int num_threads = 0;                  // 0: OpenMP's
    bool use_cache = true;                // look for a cache, and leave one
    int64_t min_cached_bytes = 16 << 20;  // no cache for fewer bytes of files, which are read in no time
    std::function<void(int64_t done, int64_t total)> progress;  // files; called by the caller's thread, now and then
    std::function<void(const std::string& line)> report;        // one line in the end: what was read, skipped, left out
};

/// The files that `path` names, at least one:
///   folder       its *.json files, not those of folders in it, by name; if names of some begin with "tfrecord", as
///   those
///                of GPUDrive's data sets do, these alone
///   path.json    that file
///   path.txt     the files that its lines name, in their order, from the list's folder on; # begins a comment
/// Throws std::invalid_argument if there are none.
std::vector<std::string> scene_files(const std::string& path);

/// Loads the scenes of scene_files(path), in that order, or a cache that was copied by itself (path.scenes). All files,
/// the folder or list, and the cache become dependencies of the loader.
///
/// The cache of folder/ is folder.HASH.scenes beside it or, if that cannot be written, in $XDG_CACHE_HOME/flockstep or
/// ~/.cache/flockstep; one per set of options. It is made again when the list of files, or the size or time of one, is
/// another, and when it is damaged. Of several processes that start at once one reads the files, and the others wait
/// for its cache. Without any place to write to, scenes stay in memory.
///
/// Throws std::invalid_argument, in the sentence of read_scene, for the first file that is no scene if these are to be
/// refused, and always if no scene is left. Measured on two cores, 1,000 scenes of 1.8 MB and 186 KB packed: 2.1 s
/// without a cache, 26 ms with one.
ScenePool load_scenes(const std::string& path, const SceneLoadOptions& options, Loader& loader);

/// Where load_scenes looks for a cache, the first place first.
std::vector<std::string> scene_cache_paths(const std::string& path, const SceneLoadOptions& options);

/// "2,000 agents: 64 fit, 1,936 are left out": a sentence about agents that a world has no room for; "" if all fit.
std::string agents_left_out(int64_t num_agents, int64_t left_out);

}  // namespace flockstep::driving
