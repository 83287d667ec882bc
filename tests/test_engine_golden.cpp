#include <cstdio>
#include <map>

#include "tests/test_engine.h"

/// What every environment did when these numbers were written down. A commit that moves one says why in its message.
namespace flockstep {
namespace {

/// FNV-1a over the outputs of 4 worlds of seed 7 in 40 steps, and their states after them.
const std::map<std::string, uint64_t> golden = {
    {"cartpole", 0x7abaaabb81671615u},
    {"test_roles", 0x9563166dabeda415u},
    {"test_cards", 0x3d0855dbb59ee77fu},
    {"test_scenes", 0x9d4675ca329397fau},
    {"test_mixed", 0x0d4d7e0c720d1354u},
    {"test_crowd", 0xcbf92cfbea8d1607u},
    {"test_cards, short hands", 0x8d295d21c5e85633u},
    {"test_crowd, seven agents", 0x0e0307347d8612b3u},
    {"pathfinding finish, priority", 0x7f7a10e2fe91131cu},
    {"pathfinding finish, block_both", 0x3791adb5b908bf36u},
    {"pathfinding finish, soft", 0x624b3ea43c491a80u},
    {"pathfinding nothing, priority", 0xd5bb9f72c7273948u},
    {"pathfinding nothing, block_both", 0xe4263818bac905a4u},
    {"pathfinding nothing, soft", 0xba9d6f9767fb44a3u},
    {"pathfinding restart, priority", 0x9b8009cbea5d584du},
    {"pathfinding restart, block_both", 0x56c6328c1193f959u},
    {"pathfinding restart, soft", 0xc8bc3cedf38dac83u},
    {"pathfinding all parts", 0x17411742d1877f16u},
    {"pathfinding all parts, finish", 0xfe6ad2211458d7b1u},
    {"pathfinding all parts, nothing", 0xae5f266a05bb5a67u},
    {"pathfinding costs alone", 0xdd0dc7406721b403u},
    {"pathfinding ragged", 0x72d45d39c3d201dbu},
    {"pathfinding ragged, finish", 0xf7a69e6dd0f1fe87u},
    {"pathfinding 64 agents", 0x9b40b279ae228447u},
    {"pathfinding one agent", 0xa8c8c88a248b8bd5u},
    {"pathfinding two cells", 0x886f1f24d9883ac7u},
    {"pathfinding oblong", 0x1ed77e0e1930bd3fu},
    {"pathfinding wide windows", 0xe86204e3654076e9u},
    {"pathfinding masked", 0x49ab1f48743321eau},
    {"pathfinding legacy occupancy", 0x3ee7b662fa679c4cu},
    {"pathfinding pool of mazes", 0x5e5331f6d59fe90au},
    {"pathfinding pool of rooms", 0xf1d83760ca4c2145u},
    {"pathfinding warehouse", 0xa209bd4c6db95ce0u},
    {"pathfinding pogema", 0xfa10d6d99ba182e9u},
    {"pathfinding pogema, finish", 0x820b5a918d6638bdu},
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
