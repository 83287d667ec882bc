#include "io/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "io/quote.h"

namespace flockstep {

namespace {
[[noreturn]] void refuse(const std::string& path, const std::string& got,
                         const std::string& want = "a regular file that can be read") {
    throw std::invalid_argument(path_text(path) + ": got " + got + ", want " + want);
}
void check_size(const std::string& path, size_t bytes) {
    if (bytes > max_file_bytes)
        refuse(path, std::to_string(bytes) + " bytes", "at most " + std::to_string(max_file_bytes));
}

/// "no such file or directory": strerror's text within a sentence.
std::string error_text(int error) {
    std::string text = std::strerror(error);
    if (!text.empty()) text[0] = char(std::tolower(static_cast<unsigned char>(text[0])));
    return text;
}

const char* kind_of(mode_t mode) {
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

/// An open file, closed at the end.
class Descriptor {
  public:
    /// Does not wait for a pipe's writer.
    explicit Descriptor(const std::string& path) : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
        if (number_ < 0) refuse(path, error_text(errno));
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(number_); }
    int number() const { return number_; }

  private:
    int number_;
};
}  // namespace

std::string read_file(const std::string& path) {
    if (path.find('\0') != std::string::npos) refuse(path, "a path with a zero byte");
    const Descriptor file(path);
    struct stat status {};
    if (fstat(file.number(), &status) != 0) refuse(path, error_text(errno));
    if (!S_ISREG(status.st_mode)) refuse(path, kind_of(status.st_mode));
    check_size(path, size_t(status.st_size));
    std::string bytes, piece(size_t{1} << 16, ' ');
    for (;;) {
        const ssize_t count = read(file.number(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) refuse(path, error_text(errno));
        if (count == 0) return bytes;
        check_size(path, bytes.size() + size_t(count));
        bytes.append(piece.data(), size_t(count));
    }
}

}  // namespace flockstep
