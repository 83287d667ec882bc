#include <cstdio>
#include <string>

#include "tests/test_engine.h"

namespace flockstep {
namespace {

const SettingValues lifelong = {{"on_target", "restart"}, {"collision_system", "soft"}};
const char* const all_parts = "windows,cost_to_go,intent";

SettingValues mode(const char* on_target, const char* collisions) {
    return {{"on_target", on_target}, {"collision_system", collisions}};
}
SettingValues lifelong_with(const SettingValues& more) { return merged(lifelong, more); }

const SettingValues small_map = {{"num_agents", "8"}, {"size", "8"}, {"density", "0.2"}, {"max_episode_steps", "13"}};
const EnvironmentCases cases(
    "pathfinding", small_map,
    {
        {"pathfinding finish, priority", mode("finish", "priority"), 0x9c397187b2760112u},
        {"pathfinding finish, block_both", mode("finish", "block_both"), 0x716f02d397ebb0e6u},
        {"pathfinding finish, soft", mode("finish", "soft"), 0x0e4fbc8c6158860eu},
        {"pathfinding nothing, priority", mode("nothing", "priority"), 0xabdb76b480485007u},
        {"pathfinding nothing, block_both", mode("nothing", "block_both"), 0xef3bf82daec931e9u},
        {"pathfinding nothing, soft", mode("nothing", "soft"), 0xb172f313ff59543au},
        {"pathfinding restart, priority", mode("restart", "priority"), 0x0772fa3a94a7d78eu},
        {"pathfinding restart, block_both", mode("restart", "block_both"), 0x998132d181c368bfu},
        {"pathfinding restart, soft", mode("restart", "soft"), 0x851b8f7dbdac0222u},
        {"pathfinding all parts", lifelong_with({{"observation", all_parts}}), 0x4161bbf8e0e256c7u},
        {"pathfinding all parts, finish", {{"observation", all_parts}}, 0x2deef248d4ec10e7u},
        {"pathfinding all parts, nothing",
         {{"observation", all_parts}, {"on_target", "nothing"}, {"num_agents", "2"}},
         0x8f1ec0e22a86defeu},
        {"pathfinding costs alone", lifelong_with({{"observation", "cost_to_go"}, {"cost_clip", "3"}}),
         0x5b4a889924421906u},
        {"pathfinding ragged", lifelong_with({{"min_agents", "2"}, {"min_size", "5"}, {"min_density", "0"}}),
         0xd578fc9bc73f9ae2u},
        {"pathfinding ragged, finish",
         {{"min_agents", "1"}, {"min_size", "5"}, {"observation", all_parts}},
         0xd53e8a69dc2762f0u},
        {"pathfinding 64 agents",
         lifelong_with({{"num_agents", "64"}, {"size", "16"}, {"observation", "windows,cost_to_go"}}),
         0xde518280af72d33du},
        {"pathfinding one agent", {{"num_agents", "1"}, {"size", "4"}, {"obs_radius", "1"}}, 0x7d0f102204679ef5u},
        {"pathfinding two cells",
         {{"num_agents", "1"}, {"height", "2"}, {"width", "2"}, {"density", "0"}, {"obs_radius", "2"}},
         0x0eaf68190c287267u},
        {"pathfinding oblong", lifelong_with({{"height", "5"}, {"width", "40"}, {"obs_radius", "3"}}),
         0x706d70e8ccf18751u},
        {"pathfinding wide windows", lifelong_with({{"obs_radius", "17"}, {"distance_reward", "0.1"}}),
         0xf8679b069e3f7a7du},
        {"pathfinding masked", lifelong_with({{"mask_obstacles", "true"}}), 0x9d330aed592571e7u},
        {"pathfinding legacy occupancy", lifelong_with({{"soft_occupancy", "legacy"}}), 0xa4b94d1ca525b425u},
        {"pathfinding pool of mazes", lifelong_with({{"generator", "maze"}, {"size", "11"}, {"num_maps", "3"}}),
         0xbf38c3c6af71663bu},
        {"pathfinding pool of rooms", lifelong_with({{"generator", "rooms"}, {"size", "16"}, {"num_maps", "3"}}),
         0x4c131392c4af1f30u},
        {"pathfinding warehouse",
         lifelong_with({{"generator", "warehouse"}, {"shelf_rows", "2"}, {"shelf_columns", "2"}}), 0xd258f1660f300020u},
        {"pathfinding pool of blocks and caves, few agents",
         lifelong_with({{"generator", "mixed"},
                        {"kinds", "blocks,caves"},
                        {"size", "14"},
                        {"min_size", "6"},
                        {"num_maps", "6"},
                        {"max_agent_share", "0.1"}}),
         0xbbfaed49fccea76cu},
        {"pathfinding mixed pool",
         lifelong_with({{"generator", "mixed"},
                        {"size", "18"},
                        {"min_size", "8"},
                        {"num_maps", "10"},
                        {"min_agents", "2"},
                        {"max_agent_share", "0.3"},
                        {"observation", all_parts}}),
         0xdde0f61885b6245cu},
        {"pathfinding shared reward",
         lifelong_with({{"shared_reward", "0.3"}, {"shared_reward_radius", "3"}, {"distance_reward", "0.1"}}),
         0x9b7822e32a162d1eu},
        {"pathfinding pogema", lifelong_with({{"generator", "pogema"}}), 0x93155c33a2aa8464u},
        {"pathfinding pogema, finish", {{"generator", "pogema"}}, 0x50e29687b3595c18u},
    });

/// Every mode with every collision system.
std::vector<EngineCase> modes_with(const SettingValues& settings) {
    std::vector<EngineCase> cases;
    for (const char* on_target : {"finish", "nothing", "restart"})
        for (const char* collisions : {"priority", "block_both", "soft"})
            cases.push_back({"pathfinding " + std::string(on_target) + ", " + collisions, "pathfinding",
                             settings_of(merged(settings, mode(on_target, collisions)))});
    return cases;
}

}  // namespace

TEST_CASE("pathfinding: CPU equals GPU over a million agent-steps of each mode and collision system") {
    if (!gpu_is_there()) return;
    for (const char* parts : {"windows", "windows,cost_to_go,intent"}) {
        const auto modes =
            modes_with({{"num_agents", "64"}, {"size", "32"}, {"max_episode_steps", "61"}, {"observation", parts}});
        for (const EngineCase& c : modes) {
            DYNAMIC_SECTION(c.name << ", " << parts) {
                BatchOptions options = some_envs(160);
                options.stagger_episodes = true;
                const auto host = make(c, options), device = make(c, on_gpu(options));
                const bool plans = std::string(parts) != "windows";
                int64_t agent_steps = 0;
                for (int round = 0; agent_steps < 1'000'000 && round < 40; ++round) {
                    const int policy = plans && round % 2 == 1 ? 0 : -1;
                    REQUIRE(played_difference(*host, *device, 40, {}, policy, &agent_steps) == "");
                }
                std::printf("%s, %s: %lld agent-steps compared\n", c.name.c_str(), parts, (long long)agent_steps);
                CHECK(agent_steps >= 1'000'000);
            }
        }
    }
}

}  // namespace flockstep
