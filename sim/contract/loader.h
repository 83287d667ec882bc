#pragma once

#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/contract/view.h"

/// Loads files and holds the arrays of an environment's Shared, on the host.
///
///   static Shared load(const Config& config, Loader& loader) {
///       Shared shared;
///       shared.speed_limit = loader.keep(std::vector<float>{13.9f, 27.8f});
///       shared.point = loader.map<Vec2>(config.file.str(), header_bytes, num_points);
///       return shared;
///   }
namespace flockstep {

/// Identifies a version of a file by device, inode, size and modification time.
struct FileStamp {
    std::string path;
    uint64_t device, inode;
    int64_t size, seconds, nanoseconds;
    bool operator==(const FileStamp&) const = default;
};
/// Calls stat once. Throws std::invalid_argument with the path and the reason if it fails.
FileStamp stamp_of(const std::string& path);

/// Owns the arrays that `load` builds in host memory, for as long as any batch uses them; the engine uploads them. Open
/// files through it, or declare them with depends_on(), so that later batches reload if a file has changed.
class Loader {
  public:
    Loader() = default;
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// Takes ownership of the values, without copying them, and returns a view of them.
    template <class T>
    View<T> keep(std::vector<T> values) {
        static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>,
                      "keep: want items of plain data, and uint8_t instead of bool");
        auto kept = std::make_shared<std::vector<T>>(std::move(values));
        owned_.push_back(kept);
        return {add_slot(kept->data(), int64_t(kept->size()))};
    }
    /// Memory-maps part of a file, starting `offset` bytes from its beginning; pages are read on demand. count: items;
    /// -1: up to the end of the file, which must be a whole number of items. offset must be a multiple of T's
    /// alignment. Bytes are in native order (little endian). Throws std::invalid_argument for a file that cannot be
    /// read, is not a regular file or is too short, and for a misaligned offset or an incomplete last item. Replace the
    /// file by renaming a new one over it: truncating a mapped file kills the program (SIGBUS).
    template <class T = uint8_t>
    View<T> map(const std::string& path, int64_t offset = 0, int64_t count = -1) {
        static_assert(std::is_trivially_copyable_v<T>, "map: want items of plain data");
        return {map_items(path, offset, count, sizeof(T), alignof(T))};
    }
    /// Part of a file that map() has mapped, as items of another type, so that files with several arrays are mapped
    /// once: `count` items from byte `offset` on. Throws std::invalid_argument, whose message starts with `name`, if
    /// they do not lie within `file` or are misaligned.
    template <class T>
    View<T> part(const View<uint8_t>& file, int64_t offset, int64_t count, const std::string& name) {
        static_assert(std::is_trivially_copyable_v<T>, "part: want items of plain data");
        return {part_items(file, offset, count, sizeof(T), alignof(T), name)};
    }
    /// Reads a whole regular file of at most 1 GiB. Throws std::invalid_argument if it cannot be read.
    std::string read(const std::string& path);
    /// Declares a dependency on a file that is opened by other means; call it before opening the file. Never throws: a
    /// missing file is reported when it is opened.
    void depends_on(const std::string& path);
    /// Throws std::runtime_error if the host has fewer than `bytes` bytes free for `what`. Call it before the work
    /// starts, so that a pool that is too large fails immediately.
    void check_free_memory(double bytes, const std::string& what) const;

    /// Whether all files are unchanged since they were opened. One stat per file.
    bool is_current() const;

  private:
    const ViewSlot* add_slot(const void* data, int64_t size);
    const ViewSlot* map_items(const std::string& path, int64_t offset, int64_t count, size_t item_bytes,
                              size_t alignment);
    const ViewSlot* part_items(const View<uint8_t>& file, int64_t offset, int64_t count, size_t item_bytes,
                               size_t alignment, const std::string& name);

    std::vector<std::shared_ptr<void>> owned_;
    std::deque<ViewSlot> slots_;  // addresses are stable: views point to them
    std::vector<FileStamp> files_;
};

}  // namespace flockstep
