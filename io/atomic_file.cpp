#include "io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace flockstep {

namespace fs = std::filesystem;

namespace {
[[noreturn]] void fail(const fs::path& path, int error) {
    throw std::runtime_error(path.string() + ": cannot be written: " + std::generic_category().message(error));
}

void check(bool succeeded, const fs::path& path) {
    if (!succeeded) fail(path, errno);
}

/// A file descriptor that closes itself; `path` is what sentences name.
class Descriptor {
  public:
    Descriptor(const fs::path& file, int flags, const fs::path& path)
        : path_(path), number_(open(file.c_str(), flags | O_CLOEXEC, 0644)) {
        check(number_ >= 0, path_);
    }
    ~Descriptor() {
        if (number_ >= 0) close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    int number() const { return number_; }
    void write_all(const std::vector<std::string_view>& pieces) {
        for (std::string_view piece : pieces) {
            while (!piece.empty()) {
                const ssize_t written = write(number_, piece.data(), piece.size());
                check(written >= 0 || errno == EINTR, path_);
                piece.remove_prefix(written > 0 ? size_t(written) : 0);
            }
        }
    }
    void sync() { check(fsync(number_) == 0, path_); }
    /// Some file systems tell only here that there is no room.
    void finish() { check(close(std::exchange(number_, -1)) == 0, path_); }

  private:
    const fs::path& path_;
    int number_;
};

/// Goes away with its file, unless that was renamed.
struct PartialFile {
    fs::path path;
    ~PartialFile() {
        if (!path.empty()) unlink(path.c_str());
    }
};

void replace(const fs::path& target, const struct stat* old, const std::vector<std::string_view>& pieces,
             const fs::path& path) {
    PartialFile partial{target.string() + ".partial" + std::to_string(getpid())};
    {
        Descriptor file(partial.path, O_WRONLY | O_CREAT | O_TRUNC, path);
        if (old) check(fchmod(file.number(), old->st_mode & 07777) == 0, path);
        file.write_all(pieces);
        file.sync();
        file.finish();
    }
    check(rename(partial.path.c_str(), target.c_str()) == 0, path);
    partial.path.clear();
    const fs::path folder = target.has_parent_path() ? target.parent_path() : ".";
    Descriptor(folder, O_RDONLY | O_DIRECTORY, path).sync();
}
}  // namespace

void write_file(const fs::path& path, const std::vector<std::string_view>& pieces) {
    struct stat old;
    const bool exists = stat(path.c_str(), &old) == 0;
    check(exists || errno == ENOENT, path);
    std::error_code error;
    fs::path target = path;
    while (fs::is_symlink(target, error)) target = target.parent_path() / fs::read_symlink(target);
    // A link such as /dev/stdout may lead to a file that has no name any more.
    const bool has_name = !exists || fs::equivalent(path, target, error);
    if (exists && (!S_ISREG(old.st_mode) || !has_name))
        Descriptor(path, O_WRONLY, path).write_all(pieces);
    else
        replace(target, exists ? &old : nullptr, pieces, path);
}

void write_file(const fs::path& path, std::string_view text) { write_file(path, std::vector{text}); }

}  // namespace flockstep
