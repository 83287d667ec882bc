#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

/// How much memory this process can still use, on Linux. SIZE_MAX where the system reports no limit.
namespace flockstep {

/// Available memory of the machine: free pages and those used only to cache files (MemAvailable).
size_t machine_room();
/// What this process's control groups leave, version 1 or 2: the minimum, over a group and its ancestors, of the limit
/// minus the usage, not counting inactive cached files. mount: /sys/fs/cgroup; groups: the contents of
/// /proc/self/cgroup.
size_t cgroup_room(const std::filesystem::path& mount, const std::string& groups);
/// Address space left under this process's limit (ulimit -v).
size_t address_room();
/// Anonymous memory of this process, resident or swapped out; excludes mapped files.
size_t resident_bytes();

}  // namespace flockstep
