#include "tests/test_engine.h"

namespace flockstep {
namespace {

const SettingValues short_episodes = {{"max_episode_steps", "13"}};
const SettingValues continuous = {{"action_type", "continuous"}};

const EnvironmentCases spread_cases("mpe_spread", short_episodes,
                                    {
                                        {"mpe_spread", {}, 0xbb06aae1f9f9f240u},
                                        {"mpe_spread, continuous", continuous, 0x2ebbfc35ff38524bu},
                                        {"mpe_spread, one agent",
                                         {{"num_agents", "1"}, {"num_landmarks", "1"}, {"local_ratio", "1"}},
                                         0x46165ef737e5cdfdu},
                                        {"mpe_spread, 40 agents",
                                         {{"num_agents", "40"}, {"num_landmarks", "7"}, {"local_ratio", "0"}},
                                         0xa4c9f32d7ac4bbefu},
                                    });
const EnvironmentCases tag_cases(
    "mpe_tag", short_episodes,
    {
        {"mpe_tag", {}, 0x0bed67d688a0e459u},
        {"mpe_tag, continuous", continuous, 0x56e0e83df0d8eea2u},
        {"mpe_tag, no obstacles", {{"num_adversaries", "1"}, {"num_obstacles", "0"}}, 0xc1e2d90dcd6323bbu},
        {"mpe_tag, own contacts", {{"num_good_agents", "3"}, {"charged_contacts", "own"}}, 0x230d2340d91614adu},
        {"mpe_tag, 20 good agents", {{"num_good_agents", "20"}, {"num_adversaries", "21"}}, 0x98111fc92aca5fccu},
    });

}  // namespace
}  // namespace flockstep
