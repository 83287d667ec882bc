#include "sim/contract/loader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "io/read_file.h"
#include "sim/contract/config.h"
#include "sim/engine/memory.h"

namespace flockstep {

namespace {
[[noreturn]] void refuse(const std::string& path, const std::string& got, const std::string& want) {
    throw std::invalid_argument(in_quotes(path) + ": got " + got + ", want " + want);
}
FileStamp stamp_from(const std::string& path, const struct stat& file) {
    return {path,
            uint64_t(file.st_dev),
            uint64_t(file.st_ino),
            int64_t(file.st_size),
            int64_t(file.st_mtim.tv_sec),
            int64_t(file.st_mtim.tv_nsec)};
}
std::optional<FileStamp> find_stamp(const std::string& path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) return std::nullopt;
    return stamp_from(path, file);
}

/// A read-only memory-mapped file.
class Mapping {
  public:
    explicit Mapping(const std::string& path) {
        const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (descriptor < 0) refuse(path, std::strerror(errno), "a file that can be read");
        struct stat file {};
        const bool is_file = fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode);
        size_ = size_t(file.st_size);
        if (is_file && size_ > 0) data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
        const int error = errno;
        ::close(descriptor);
        if (!is_file) refuse(path, "something else", "a regular file");
        if (data_ == MAP_FAILED) refuse(path, std::strerror(error), "a file that can be mapped to memory");
        stamp_ = stamp_from(path, file);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping() {
        if (data_ != MAP_FAILED && data_) munmap(data_, size_);
    }
    const char* data() const { return static_cast<const char*>(data_); }
    int64_t size() const { return int64_t(size_); }
    const FileStamp& stamp() const { return stamp_; }

  private:
    void* data_ = nullptr;
    size_t size_ = 0;
    FileStamp stamp_;
};
}  // namespace

FileStamp stamp_of(const std::string& path) {
    const std::optional<FileStamp> stamp = find_stamp(path);
    if (!stamp) refuse(path, std::strerror(errno), "a file that can be read");
    return *stamp;
}

const ViewSlot* Loader::add_slot(const void* data, int64_t size) {
    slots_.push_back({data, size});
    return &slots_.back();
}

const ViewSlot* Loader::map_items(const std::string& path, int64_t offset, int64_t count, size_t item_bytes,
                                  size_t alignment) {
    const auto mapping = std::make_shared<Mapping>(path);
    files_.push_back(mapping->stamp());
    const std::string from = " from byte " + std::to_string(offset) + " on";
    if (offset < 0 || size_t(offset) % alignment != 0)
        refuse(path, "items" + from, "an offset that is a multiple of " + std::to_string(alignment));
    const int64_t rest = mapping->size() - offset, bytes = int64_t(item_bytes);
    if (count < 0 && (rest < 0 || rest % bytes != 0))
        refuse(path, std::to_string(std::max<int64_t>(rest, 0)) + " bytes" + from,
               "a multiple of " + std::to_string(bytes));
    if (count < 0) count = rest / bytes;
    if (rest < 0 || count > rest / bytes)
        refuse(path, std::to_string(mapping->size()) + " bytes",
               std::to_string(count) + " items of " + std::to_string(bytes) + " bytes" + from);
    owned_.push_back(mapping);
    return add_slot(mapping->data() + offset, count);
}

const ViewSlot* Loader::part_items(const View<uint8_t>& file, int64_t offset, int64_t count, size_t item_bytes,
                                   size_t alignment, const std::string& name) {
    const bool fits =
        offset >= 0 && offset <= file.size() && count >= 0 && count <= (file.size() - offset) / int64_t(item_bytes);
    if (!fits || size_t(offset) % alignment != 0)
        throw std::invalid_argument(name + ": got " + std::to_string(count) + " items of " +
                                    std::to_string(item_bytes) + " bytes from byte " + std::to_string(offset) +
                                    " on, want them aligned and within " + std::to_string(file.size()) + " bytes");
    return add_slot(file.empty() ? nullptr : file.data() + offset, count);
}

std::string Loader::read(const std::string& path) {
    files_.push_back(stamp_of(path));
    return read_file(path);
}

void Loader::depends_on(const std::string& path) {
    if (const std::optional<FileStamp> stamp = find_stamp(path)) files_.push_back(*stamp);
}

void Loader::check_free_memory(double bytes, const std::string& what) const {
    check_free_host_memory(bytes < 9e18 ? size_t(std::max(bytes, 0.0)) : SIZE_MAX, what);
}

bool Loader::is_current() const {
    return std::all_of(files_.begin(), files_.end(),
                       [](const FileStamp& stamp) { return find_stamp(stamp.path) == stamp; });
}

}  // namespace flockstep
