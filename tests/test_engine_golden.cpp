#include <cstdio>
#include <set>

#include "tests/test_engine.h"

/// Golden hashes of every environment's cases: FNV-1a over the outputs of 4 worlds with seed 7 during 40 steps, and
/// their final states. A commit that changes a hash explains why in its message.
namespace flockstep {

TEST_CASE("every environment: has cases, whose names start with its own name") {
    std::set<std::string> environments, names;
    for (const EngineCase& c : engine_cases()) {
        CHECK(c.name.rfind(c.environment, 0) == 0);
        CHECK(names.insert(c.name).second);
        environments.insert(c.environment);
    }
    for (const EnvironmentEntry& entry : full_registry().entries()) {
        INFO(entry.name << ": want envs/.../test_cases.cpp");
        CHECK(environments.count(entry.name) == 1);
    }
}

TEST_CASE("every environment: golden hash") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = some_envs(4);
                options.device = device;
                const uint64_t hash = played_hash(*make(c, options), 40);
                char line[160];
                std::snprintf(line, sizeof line, "{\"%s\", ..., 0x%016llxu}", c.name.c_str(), (unsigned long long)hash);
                INFO("now: " << line);
                CHECK(c.golden_hash == hash);
            }
        }
    }
}

}  // namespace flockstep
