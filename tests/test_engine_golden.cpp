#include <cstdio>
#include <set>

#include "tests/test_engine.h"

/// What every environment did when the golden hashes of its cases were written down: FNV-1a over the outputs of 4
/// worlds of seed 7 in 40 steps, and their states after them. A commit that moves one says why in its message.
namespace flockstep {

TEST_CASE("every environment: brings cases of its own, with names that begin with its own") {
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
