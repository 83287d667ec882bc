#include "sim/engine/free_memory.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>

namespace flockstep {

namespace fs = std::filesystem;

namespace {
/// The number in a line "KEY NUMBER" or "KEY: NUMBER kB", without scaling; SIZE_MAX without such a line.
size_t number_of(const fs::path& file, const std::string& key) {
    std::ifstream lines(file);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string word;
        size_t number = 0;
        if (words >> word && word == key && words >> number) return number;
    }
    return SIZE_MAX;
}
size_t kilobytes_of(const fs::path& file, const std::string& key) {
    const size_t kilobytes = number_of(file, key);
    return kilobytes == SIZE_MAX ? SIZE_MAX : kilobytes << 10;
}
/// The number in a file that contains nothing else; SIZE_MAX for other contents, such as "max".
size_t only_number(const fs::path& file) {
    size_t number = 0;
    return std::ifstream(file) >> number ? number : SIZE_MAX;
}

struct GroupFiles {
    const char *limit, *usage, *cached;  // cached: a key of memory.stat
};
constexpr GroupFiles version_1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles version_2{"memory.max", "memory.current", "inactive_file"};

size_t room_of(const fs::path& group, const GroupFiles& files) {
    const size_t limit = only_number(group / files.limit), usage = only_number(group / files.usage);
    if (limit == SIZE_MAX || usage == SIZE_MAX) return SIZE_MAX;
    const size_t cached = number_of(group / "memory.stat", files.cached);
    const size_t used = usage - std::min(usage, cached == SIZE_MAX ? 0 : cached);
    return limit - std::min(limit, used);
}

/// The minimum over a group and its ancestors, up to the mount point. In a container the path may be the host's.
size_t room_upwards(const fs::path& mount, const std::string& path, const GroupFiles& files) {
    size_t room = room_of(mount, files);
    for (fs::path below = fs::path(path).relative_path(); !below.empty(); below = below.parent_path())
        room = std::min(room, room_of(mount / below, files));
    return room;
}
}  // namespace

size_t machine_room() { return kilobytes_of("/proc/meminfo", "MemAvailable:"); }

size_t cgroup_room(const fs::path& mount, const std::string& groups) {
    size_t room = SIZE_MAX;
    std::istringstream lines(groups);
    for (std::string line; std::getline(lines, line);) {  // NUMBER:CONTROLLERS:PATH
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) continue;
        const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
        if (controllers == ",,")
            room = std::min(room, room_upwards(mount, line.substr(second + 1), version_2));
        else if (controllers.find(",memory,") != std::string::npos)
            room = std::min(room, room_upwards(mount / "memory", line.substr(second + 1), version_1));
    }
    return room;
}

size_t address_room() {
    rlimit limit{};
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
    const size_t used = kilobytes_of("/proc/self/status", "VmSize:");
    return used == SIZE_MAX ? SIZE_MAX : limit.rlim_cur - std::min<size_t>(limit.rlim_cur, used);
}

size_t resident_bytes() {
    size_t bytes = 0;
    for (const char* key : {"RssAnon:", "VmSwap:"})
        if (const size_t part = kilobytes_of("/proc/self/status", key); part != SIZE_MAX) bytes += part;
    return bytes;
}

}  // namespace flockstep
