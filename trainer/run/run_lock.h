#pragma once

#include <filesystem>

namespace flockstep {

/// Locks a run folder against other processes during its lifetime, by flock(2) on the file `.lock`, which contains the
/// process id. The operating system releases the lock however the process ends. On a file system without locks it
/// prints a warning and continues.
class RunLock {
  public:
    /// Also removes the partial files of interrupted writes. Throws std::invalid_argument, "runs/x: in use by process
    /// 123, ...", if another process holds the lock, std::runtime_error if the file cannot be opened.
    explicit RunLock(const std::filesystem::path& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

  private:
    int file_;
};

}  // namespace flockstep
