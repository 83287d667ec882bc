#include <cstdio>
#include <map>

#include "tests/test_engine.h"

/// What every environment did when these numbers were written down. A commit that moves one says why in its message.
namespace flockstep {
namespace {

/// FNV-1a over the outputs of 4 worlds of seed 7 in 40 steps, and their states after them.
const std::map<std::string, uint64_t> golden = {
    {"cartpole", 0x29876aad4c5ceafcu},
    {"test_roles", 0x9224d4ef234dffc5u},
    {"test_cards", 0xab4120a3eb6689e3u},
    {"test_scenes", 0x24c84e59e44be664u},
    {"test_scenes, weighted", 0xd02adfa63e206b68u},
    {"test_scenes, given", 0xc47838c48e56caa7u},
    {"test_mixed", 0x9fdcf7e9d38bc584u},
    {"test_crowd", 0x2e2c1301c0c523d7u},
    {"test_stones", 0xae35db69c704627eu},
    {"test_chain", 0xcc2f0bcba477d61eu},
    {"test_cards, short hands", 0x37122643a11fc5e3u},
    {"test_crowd, seven agents", 0xa94a969db91e541eu},
    {"test_mixed, slow reverse", 0x55c80cd1375e0456u},
    {"test_chain, empty worlds", 0x6eb3364979678534u},
    {"pathfinding finish, priority", 0x9c397187b2760112u},
    {"pathfinding finish, block_both", 0x716f02d397ebb0e6u},
    {"pathfinding finish, soft", 0x0e4fbc8c6158860eu},
    {"pathfinding nothing, priority", 0xabdb76b480485007u},
    {"pathfinding nothing, block_both", 0xef3bf82daec931e9u},
    {"pathfinding nothing, soft", 0xb172f313ff59543au},
    {"pathfinding restart, priority", 0x0772fa3a94a7d78eu},
    {"pathfinding restart, block_both", 0x998132d181c368bfu},
    {"pathfinding restart, soft", 0x851b8f7dbdac0222u},
    {"pathfinding all parts", 0x4161bbf8e0e256c7u},
    {"pathfinding all parts, finish", 0x2deef248d4ec10e7u},
    {"pathfinding all parts, nothing", 0x8f1ec0e22a86defeu},
    {"pathfinding costs alone", 0x5b4a889924421906u},
    {"pathfinding ragged", 0xd578fc9bc73f9ae2u},
    {"pathfinding ragged, finish", 0xd53e8a69dc2762f0u},
    {"pathfinding 64 agents", 0xde518280af72d33du},
    {"pathfinding one agent", 0x7d0f102204679ef5u},
    {"pathfinding two cells", 0x0eaf68190c287267u},
    {"pathfinding oblong", 0x706d70e8ccf18751u},
    {"pathfinding wide windows", 0xf8679b069e3f7a7du},
    {"pathfinding masked", 0x9d330aed592571e7u},
    {"pathfinding legacy occupancy", 0xa4b94d1ca525b425u},
    {"pathfinding pool of mazes", 0xbf38c3c6af71663bu},
    {"pathfinding pool of rooms", 0x4c131392c4af1f30u},
    {"pathfinding warehouse", 0xd258f1660f300020u},
    {"pathfinding pogema", 0x93155c33a2aa8464u},
    {"pathfinding pogema, finish", 0x50e29687b3595c18u},
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
