#include "trainer/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "io/atomic_file.h"

namespace flockstep {

namespace {
/// " by process 123", or empty if the file does not say.
std::string owner_text(int file) {
    char text[32] = "";
    if (pread(file, text, sizeof text - 1, 0) <= 0) return "";
    const std::string number(text, strspn(text, "0123456789"));
    return number.empty() ? "" : " by process " + number;
}

void lock(int file, const std::filesystem::path& folder) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return;
    if (errno == EWOULDBLOCK)
        throw std::invalid_argument(folder.string() + ": in use" + owner_text(file) +
                                    ", want a run folder in which no other process trains");
    std::fprintf(stderr, "%s: cannot be locked: %s; make sure that no other process trains there\n", folder.c_str(),
                 strerror(errno));
}
}  // namespace

RunLock::RunLock(const std::filesystem::path& folder) {
    const std::filesystem::path path = folder / ".lock";
    file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file_ < 0) throw std::runtime_error(path.string() + ": cannot be opened: " + strerror(errno));
    try {
        lock(file_, folder);
        remove_partial_files(folder);
    } catch (...) {
        close(file_);
        throw;
    }
    const std::string number = std::to_string(getpid()) + "\n";
    // For the message of the next process only: a full disk must not prevent training.
    if (ftruncate(file_, 0) != 0 || pwrite(file_, number.data(), number.size(), 0) < 0) return;
}

RunLock::~RunLock() {
    if (ftruncate(file_, 0) != 0) std::fprintf(stderr, "flockstep: .lock: %s\n", strerror(errno));
    close(file_);
}

}  // namespace flockstep
