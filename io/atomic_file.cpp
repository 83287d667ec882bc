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
constexpr const char* partial_mark = ".partial";  // between a file's name and the number of the process

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

/// Hard-links a file to `previous`, so that `file` never goes missing; renames it if the file system has no links.
void keep(const fs::path& file, const fs::path& previous, const fs::path& path) {
    check(unlink(previous.c_str()) == 0 || errno == ENOENT, path);
    check(link(file.c_str(), previous.c_str()) == 0 || rename(file.c_str(), previous.c_str()) == 0, path);
}

void replace(const fs::path& target, const struct stat* old, const std::vector<std::string_view>& pieces,
             const fs::path& previous, const fs::path& path) {
    PartialFile partial{target.string() + partial_mark + std::to_string(getpid())};
    {
        Descriptor file(partial.path, O_WRONLY | O_CREAT | O_TRUNC, path);
        if (old) check(fchmod(file.number(), old->st_mode & 07777) == 0, path);
        file.write_all(pieces);
        file.sync();
        file.finish();
    }
    if (old && !previous.empty()) keep(target, previous, path);
    check(rename(partial.path.c_str(), target.c_str()) == 0, path);
    partial.path.clear();
    const fs::path folder = target.has_parent_path() ? target.parent_path() : ".";
    Descriptor(folder, O_RDONLY | O_DIRECTORY, path).sync();
}
}  // namespace

void write_file(const fs::path& path, const std::vector<std::string_view>& pieces, const fs::path& previous) {
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
        replace(target, exists ? &old : nullptr, pieces, previous, path);
}

void remove_partial_files(const fs::path& folder) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        const size_t mark = name.rfind(partial_mark);
        if (mark == std::string::npos) continue;
        const std::string process = name.substr(mark + std::string_view(partial_mark).size());
        const bool is_number = !process.empty() && process.find_first_not_of("0123456789") == std::string::npos;
        std::error_code ignored;
        if (is_number && entry.is_regular_file(ignored)) fs::remove(entry.path(), ignored);
    }
}

void write_file(const fs::path& path, std::string_view text) { write_file(path, std::vector{text}); }

}  // namespace flockstep
