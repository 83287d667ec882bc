#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "sim/engine/free_memory.h"
#include "sim/engine/memory.h"
#include "tests/catch.h"

using namespace flockstep;
namespace fs = std::filesystem;

namespace {
/// Files of control groups as the kernel shows them, in a folder that goes away.
struct Groups {
    fs::path path = fs::temp_directory_path() / ("flockstep-groups-" + std::to_string(getpid()));
    Groups() { fs::create_directories(path); }
    ~Groups() { fs::remove_all(path); }
    void write(const std::string& file, const std::string& text) const {
        fs::create_directories((path / file).parent_path());
        std::ofstream(path / file) << text;
    }
};
}  // namespace

TEST_CASE("memory: control groups of version 2 leave the least of what they and those above them leave") {
    const Groups groups;
    groups.write("a/memory.max", "1000\n"), groups.write("a/memory.current", "700\n");
    groups.write("a/memory.stat", "anon 300\ninactive_file 250\nactive_file 150\n");
    groups.write("a/b/memory.max", "max\n"), groups.write("a/b/memory.current", "600\n");
    CHECK(cgroup_room(groups.path, "0::/a/b\n") == 550);
    groups.write("a/b/memory.max", "800\n");
    CHECK(cgroup_room(groups.path, "0::/a/b\n") == 200);
    groups.write("a/b/memory.max", "500\n");
    CHECK(cgroup_room(groups.path, "0::/a/b\n") == 0);
    CHECK(cgroup_room(groups.path, "0::/\n") == SIZE_MAX);
}

TEST_CASE("memory: in a container the group's own files lie where groups are mounted") {
    const Groups groups;
    groups.write("memory.max", "4096\n"), groups.write("memory.current", "96\n");
    CHECK(cgroup_room(groups.path, "0::/\n") == 4000);
    CHECK(cgroup_room(groups.path, "0::/of/the/host\n") == 4000);
}

TEST_CASE("memory: control groups of version 1 are those of the memory controller") {
    const Groups groups;
    groups.write("memory/a/memory.limit_in_bytes", "1000\n"), groups.write("memory/a/memory.usage_in_bytes", "400\n");
    groups.write("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
    CHECK(cgroup_room(groups.path, "11:cpu,cpuacct:/x\n9:memory:/a\n0::/\n") == 700);
    CHECK(cgroup_room(groups.path, "11:cpu:/a\n") == SIZE_MAX);
    CHECK(cgroup_room(groups.path, "nonsense\n") == SIZE_MAX);
    CHECK(cgroup_room(groups.path / "absent", "0::/a\n") == SIZE_MAX);
}

TEST_CASE("memory: the limit of the address space counts") {
    rlimit before{};
    getrlimit(RLIMIT_AS, &before);
    if (before.rlim_cur != RLIM_INFINITY) return;
    CHECK(address_room() == SIZE_MAX);
    const rlimit small{rlim_t{1} << 40, before.rlim_max};
    setrlimit(RLIMIT_AS, &small);
    const size_t room = address_room();
    setrlimit(RLIMIT_AS, &before);
    CHECK(room < size_t{1} << 40);
    CHECK(room > size_t{1} << 35);
}

TEST_CASE("memory: a large block is zero, takes nothing until it is touched, and counts as taken") {
    constexpr size_t size = size_t{320} << 20, slack = size_t{128} << 20;
    const std::unique_ptr<Memory> memory = make_memory({});
    if (free_host_bytes() < 4 * size) {
        WARN("too little memory is free");
        return;
    }
    const size_t before = resident_bytes();
    {
        const Buffer block(*memory, size, "a block");
        CHECK(resident_bytes() < before + slack);
        CHECK(reinterpret_cast<uintptr_t>(block.data()) % 256 == 0);
        const char* bytes = static_cast<const char*>(block.data());
        for (size_t i = 0; i < size; i += size / 7) CHECK(bytes[i] == 0);
        memset(block.data(), 1, size);
        CHECK(resident_bytes() > before + size - slack);
    }
    CHECK(resident_bytes() < before + slack);
}

TEST_CASE("memory: blocks that fit one by one, but not together, are refused before they are filled") {
    const std::unique_ptr<Memory> memory = make_memory({});
    const size_t before = resident_bytes(), size = free_host_bytes() / 10 * 4;
    if (size < size_t{1} << 30) {
        WARN("too little memory is free");
        return;
    }
    const Buffer one(*memory, size, "one"), two(*memory, size, "two");
    std::string said;
    try {
        const Buffer three(*memory, size, "three");
    } catch (const std::runtime_error& error) {
        said = error.what();
    }
    CHECK(said.rfind("memory: three needs " + std::to_string(size >> 20) + " MiB, free are ", 0) == 0);
    CHECK(resident_bytes() < before + (size_t{128} << 20));
}
