#pragma once

#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/contract/view.h"

/// Files and arrays from which an environment's `load` builds its Shared, on the host.
///
///   static Shared load(const Config& config, Loader& loader) {
///       Shared shared;
///       shared.speed_limit = loader.keep(std::vector<float>{13.9f, 27.8f});
///       shared.point = loader.map<Vec2>(config.file.str(), header_bytes, num_points);
///       return shared;
///   }
namespace flockstep {

/// A file as it was when it was opened: told from a later one by size, time of its last change, and place on disk.
struct FileStamp {
    std::string path;
    uint64_t device, inode;
    int64_t size, seconds, nanoseconds;
    bool operator==(const FileStamp&) const = default;
};
/// One stat. Throws std::invalid_argument that names the path and says why it is not there.
FileStamp stamp_of(const std::string& path);

/// Collects what `load` builds in host memory, which lives as long as any batch uses it; the engine uploads it. Files
/// are to be opened through it, or named to it by depends_on(): later batches load anew when one has changed.
class Loader {
  public:
    Loader() = default;
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// Keeps the values, which are moved and not copied, and gives a view of them.
    template <class T>
    View<T> keep(std::vector<T> values) {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>,
                      "keep: want items of plain data, and uint8_t instead of bool");
        auto kept = std::make_shared<std::vector<T>>(std::move(values));
        owned_.push_back(kept);
        return {add_slot(kept->data(), int64_t(kept->size()))};
    }
    /// A view of a part of a file, `offset` bytes from its start, without reading it: pages come as they are touched.
    /// count: items; -1: all that follow, whole items. offset must be a multiple of T's alignment. The bytes are the
    /// program's own (little endian). Throws std::invalid_argument for a file that cannot be read, is no regular file
    /// or is too short, and for an offset or a rest that does not fit. A new version of the file should be renamed into
    /// place: a file that shrinks under a running program ends it (SIGBUS).
    template <class T = uint8_t>
    View<T> map(const std::string& path, int64_t offset = 0, int64_t count = -1) {
        static_assert(std::is_trivially_copyable_v<T>, "map: want items of plain data");
        return {map_items(path, offset, count, sizeof(T), alignof(T))};
    }
    /// The bytes of a whole regular file, up to 1 GiB. Throws std::invalid_argument for one that cannot be read.
    std::string read(const std::string& path);
    /// Says that what is loaded depends on a file that is opened otherwise; to be called before it is opened. Never
    /// throws: a missing file is refused when it is opened.
    void depends_on(const std::string& path);
    /// Throws std::runtime_error where the host has less than that many bytes free for `what`: asked before the work
    /// begins, so that too large a pool is refused at once.
    void check_room(double bytes, const std::string& what) const;

    /// True while every file is as it was when it was opened. One stat for each.
    bool is_current() const;

  private:
    const ViewSlot* add_slot(const void* data, int64_t size);
    const ViewSlot* map_items(const std::string& path, int64_t offset, int64_t count, size_t item_bytes,
                              size_t alignment);

    std::vector<std::shared_ptr<void>> owned_;
    std::deque<ViewSlot> slots_;  // never move: views point at them
    std::vector<FileStamp> files_;
};

}  // namespace flockstep
