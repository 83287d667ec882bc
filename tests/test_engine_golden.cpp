#include <cstdio>
#include <map>

#include "tests/test_engine.h"

/// What every environment did when these numbers were written down. A commit that moves one says why in its message.
namespace flockstep {
namespace {

/// FNV-1a over the outputs of 4 worlds of seed 7 in 40 steps, and their states after them.
const std::map<std::string, uint64_t> golden = {
    {"cartpole", 0x760182ed9f9a4df5u},
    {"test_roles", 0x0f3feb824571df9bu},
    {"test_cards", 0x9e46c84fa91041ffu},
    {"test_scenes", 0x7376e05a210767dfu},
    {"test_mixed", 0x24286fb2ccfa0086u},
    {"test_crowd", 0x8a94fb8a2c39fcaau},
    {"test_cards, short hands", 0x9a08d26b03e3e973u},
    {"test_crowd, seven agents", 0x30fdbc5abe2f3fecu},
    {"pathfinding finish, priority", 0xf7b8d301385864ecu},
    {"pathfinding finish, block_both", 0xd084075b7cb922aeu},
    {"pathfinding finish, soft", 0x368f75d438d24824u},
    {"pathfinding nothing, priority", 0xe7417f231f56e9b0u},
    {"pathfinding nothing, block_both", 0x0e70b83e54168600u},
    {"pathfinding nothing, soft", 0x55e00c016e5552afu},
    {"pathfinding restart, priority", 0x8f9be76de4a2f799u},
    {"pathfinding restart, block_both", 0x8dedebd62ff77189u},
    {"pathfinding restart, soft", 0xad11704e052786f3u},
    {"pathfinding all parts", 0x7704dd39e1c45566u},
    {"pathfinding all parts, finish", 0x2a0d395497e79b91u},
    {"pathfinding all parts, nothing", 0x11bb17faedc72627u},
    {"pathfinding costs alone", 0x9fd0b4457e2106f3u},
    {"pathfinding ragged", 0x5b48cc2b63610b87u},
    {"pathfinding ragged, finish", 0x087048b92f5501e7u},
    {"pathfinding 64 agents", 0x4eb1f1f6335959aau},
    {"pathfinding one agent", 0xbe4cd2fc5b435a75u},
    {"pathfinding two cells", 0x8a503a8b8e468692u},
    {"pathfinding oblong", 0x4568d1a1aef1c2d7u},
    {"pathfinding wide windows", 0x3691400cfb620a2du},
    {"pathfinding masked", 0x729aa2b1a7529722u},
    {"pathfinding legacy occupancy", 0x6aaf7d2c4631abdcu},
    {"pathfinding pool of mazes", 0x003695b9299f01c6u},
    {"pathfinding pool of rooms", 0x312dc2ae85d02ba4u},
    {"pathfinding warehouse", 0x7107db6a54705f32u},
    {"pathfinding pogema", 0x793c0f71b5b73e00u},
    {"pathfinding pogema, finish", 0x490c9857334e5962u},
};

}  // namespace

TEST_CASE("every environment: golden hash") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = some_envs(4);
                options.device = device;
                const uint64_t hash = played_hash(*make(c, options), 40);
                char line[160];
                std::snprintf(line, sizeof line, "    {\"%s\", 0x%016llxu},", c.name.c_str(), (unsigned long long)hash);
                INFO("now: " << line);
                REQUIRE(golden.count(c.name) == 1);
                CHECK(golden.at(c.name) == hash);
            }
        }
    }
}

}  // namespace flockstep
