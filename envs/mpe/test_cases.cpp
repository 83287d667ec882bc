#include "tests/test_engine.h"

namespace flockstep {
namespace {

const SettingValues short_episodes = {{"max_episode_steps", "13"}};
const SettingValues continuous = {{"action_type", "continuous"}};

const EnvironmentCases spread_cases(
    "mpe_spread", short_episodes,
    {
        {"mpe_spread", {}, 0x0u},
        {"mpe_spread, continuous", continuous, 0x0u},
        {"mpe_spread, one agent", {{"num_agents", "1"}, {"num_landmarks", "1"}, {"local_ratio", "1"}}, 0x0u},
        {"mpe_spread, 40 agents", {{"num_agents", "40"}, {"num_landmarks", "7"}, {"local_ratio", "0"}}, 0x0u},
    });
const EnvironmentCases tag_cases(
    "mpe_tag", short_episodes,
    {
        {"mpe_tag", {}, 0x0u},
        {"mpe_tag, continuous", continuous, 0x0u},
        {"mpe_tag, no obstacles", {{"num_adversaries", "1"}, {"num_obstacles", "0"}}, 0x0u},
        {"mpe_tag, own contacts", {{"num_good_agents", "3"}, {"charged_contacts", "own"}}, 0x0u},
        {"mpe_tag, 20 good agents", {{"num_good_agents", "20"}, {"num_adversaries", "21"}}, 0x0u},
    });

}  // namespace
}  // namespace flockstep
