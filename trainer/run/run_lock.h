#pragma once

#include <filesystem>

namespace flockstep {

/// Keeps other processes out of a run folder for as long as it lives, by flock(2) on the file `.lock` in it, which
/// holds this process's number meanwhile. The operating system releases it however the process ends. On a file system
/// that has no locks it says so on stderr and goes on.
class RunLock {
  public:
    /// Also removes what interrupted writes left in the folder: nobody else can be writing there. Throws
    /// std::invalid_argument, "runs/x: in use by process 123, ...", where another process has it, std::runtime_error
    /// where the file cannot be opened.
    explicit RunLock(const std::filesystem::path& folder);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

  private:
    int file_;
};

}  // namespace flockstep
