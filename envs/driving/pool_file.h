#pragma once

#include <string>
#include <vector>

#include "envs/driving/packed_scene.h"

/// Pools of packed scenes as one binary file, which is memory-mapped: a header, a table of arrays, the arrays. Little
/// endian, arrays aligned to 64 bytes, each with a hash. Host only.
namespace flockstep::driving {

/// Version of the format, and of what packing makes of a scene: to be raised whenever either changes.
inline constexpr uint32_t pool_file_version = 1;

/// A pool in the making.
class PoolBuilder {
  public:
    /// Appends a scene, and frees its arrays.
    void add(PackedScene&& scene);
    /// Number of scenes.
    int64_t size() const { return int64_t(info_.size()); }
    /// The pool in the loader's memory. Leaves this empty.
    ScenePool keep(Loader& loader);
    /// Writes the pool as a file, whole or not at all. key: of what it was made from. note: a line for people. Throws
    /// std::runtime_error if it cannot be written.
    void write(const std::string& path, uint64_t key, const std::string& note) const;

  private:
    template <class T>
    struct Rows {
        std::vector<int64_t> first{0};
        std::vector<T> items;

        void add(const auto& row) {
            items.insert(items.end(), row.begin(), row.end());
            first.push_back(int64_t(items.size()));
        }
    };
    template <class F>
    void each_array(F f) const;
    struct Pieces;
    Pieces pieces(uint64_t key, const std::string& note) const;

    std::vector<SceneInfo> info_;
    Rows<LoggedAgent> agent_;
    Rows<LoggedState> state_;
    Rows<uint32_t> valid_;
    Rows<RoadBox> box_;
    Rows<RoadInfo> road_;
    Rows<TrafficLight> light_;
    Rows<LightState> light_state_;
    Rows<char> name_, scenario_id_;
};

/// What a file holds beside the pool.
struct PoolFileInfo {
    uint64_t key = 0;
    std::string note;
};

/// Maps a pool's file. Reads all of it once, for the hashes, and checks that counts, offsets
/// and types fit each other. Throws std::invalid_argument, in one sentence that starts with the path, for a file that
/// is none, of another version, cut short or damaged. info: may be null.
ScenePool map_pool(const std::string& path, Loader& loader, PoolFileInfo* info = nullptr);

/// Writes into a pool's bytes the hashes that they ought to have, so that tests reach what comes after them. Bytes that
/// are no pool stay.
void seal_pool(std::string& bytes);

/// The key in a file's header, without looking at the rest; 0 if it is no pool of this version or cannot be read.
uint64_t key_of_pool(const std::string& path);

/// A 64-bit hash for checksums and keys, no cryptography. Hashes chunks of 1 MiB on all threads.
uint64_t hash_of(std::string_view bytes);

}  // namespace flockstep::driving
