#include <cstdio>
#include <map>

#include "tests/test_engine.h"

/// What every environment did when these numbers were written down. A commit that moves one says why in its message.
namespace flockstep {
namespace {

/// FNV-1a over the outputs of 4 worlds of seed 7 in 40 steps, and their states after them.
const std::map<std::string, uint64_t> golden = {
    {"cartpole", 0xa7660c39db56ecd5u},
    {"test_roles", 0x2902289b3e3d3f73u},
    {"test_cards", 0xe04f22e7e0a1a69fu},
    {"test_scenes", 0x5b7e8bf0dfa81bd7u},
    {"test_mixed", 0x986d20dc1dddadeeu},
    {"test_crowd", 0x2a9fbd03dc7fe5deu},
    {"test_cards, short hands", 0x20ac4dfb7b23f2b3u},
    {"test_crowd, seven agents", 0x112e867d1a2d2f40u},
    {"pathfinding finish, priority", 0x473b1218d2414620u},
    {"pathfinding finish, block_both", 0x9dc459d8f03ae4fau},
    {"pathfinding finish, soft", 0xa4039e67faa3d744u},
    {"pathfinding nothing, priority", 0xa66da3d8e036c080u},
    {"pathfinding nothing, block_both", 0x3c0ad5f399f56ed0u},
    {"pathfinding nothing, soft", 0x49fe3b8cfa9e585fu},
    {"pathfinding restart, priority", 0x3dfb09fce572c349u},
    {"pathfinding restart, block_both", 0x0d6f4d07f319e979u},
    {"pathfinding restart, soft", 0x7838700b58d0bb13u},
    {"pathfinding all parts", 0xfab77def78c7a8a6u},
    {"pathfinding all parts, finish", 0x3305c7f8b4435addu},
    {"pathfinding all parts, nothing", 0x38e260adeaad8817u},
    {"pathfinding costs alone", 0x1eeff284fc437583u},
    {"pathfinding ragged", 0x2b9a73bec09c8ab7u},
    {"pathfinding ragged, finish", 0x1a2426327302b2fbu},
    {"pathfinding 64 agents", 0x3faf136d37cb07aau},
    {"pathfinding one agent", 0xaef23afa16728345u},
    {"pathfinding two cells", 0xcef5faacf2467052u},
    {"pathfinding oblong", 0x8c5bd9f43f0ca517u},
    {"pathfinding wide windows", 0x35b470920c9d06b5u},
    {"pathfinding masked", 0x9bab598dd1c23b22u},
    {"pathfinding legacy occupancy", 0xb3e1f983ccd7d67cu},
    {"pathfinding pool of mazes", 0x6c183e5f737f8746u},
    {"pathfinding pool of rooms", 0xdc940ee64fefc9dcu},
    {"pathfinding warehouse", 0xe7d4ddbfb4fae070u},
    {"pathfinding pogema", 0x505aff6838de3c38u},
    {"pathfinding pogema, finish", 0xd05581d79fd0afaeu},
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
