#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

/// How much memory this process could still fill, on Linux. What the system does not say limits nothing: SIZE_MAX.
namespace flockstep {

/// Free pages of the machine and those it only caches files in (MemAvailable).
size_t machine_room();
/// What the control groups of this process leave, version 1 or 2: the least, over a group and all above it, of its
/// limit less what it uses, where cached files that are not in use do not count. mount: /sys/fs/cgroup; groups:
/// the text of /proc/self/cgroup.
size_t cgroup_room(const std::filesystem::path& mount, const std::string& groups);
/// Address space that the limit of this process leaves (ulimit -v).
size_t address_room();
/// Bytes of this process that are in memory or swapped out, files that are mapped left out.
size_t resident_bytes();

}  // namespace flockstep
