#include "tests/test_engine.h"

namespace flockstep {
namespace {

const SettingValues short_episodes = {{"max_episode_steps", "13"}};

const EnvironmentCases test_roles("test_roles", short_episodes,
                                  {
                                      {"test_roles", {}, 0x9224d4ef234dffc5u},
                                  });
const EnvironmentCases test_cards("test_cards", short_episodes,
                                  {
                                      {"test_cards", {}, 0xab4120a3eb6689e3u},
                                      {"test_cards, short hands", {{"hand_size", "2"}}, 0x37122643a11fc5e3u},
                                  });
const EnvironmentCases test_scenes("test_scenes", short_episodes,
                                   {
                                       {"test_scenes", {}, 0x24c84e59e44be664u},
                                       {"test_scenes, weighted",
                                        {{"num_scenes", "50"}, {"num_agents", "7"}, {"scene_order", "weighted"}},
                                        0xd02adfa63e206b68u},
                                       {"test_scenes, from_state",
                                        {{"num_scenes", "50"}, {"num_agents", "7"}, {"scene_order", "from_state"}},
                                        0xc47838c48e56caa7u},
                                   });
const EnvironmentCases test_mixed("test_mixed", short_episodes,
                                  {
                                      {"test_mixed", {}, 0x9fdcf7e9d38bc584u},
                                      {"test_mixed, slow reverse", {{"reverse", "0.25"}}, 0x55c80cd1375e0456u},
                                  });
const EnvironmentCases test_crowd("test_crowd", short_episodes,
                                  {
                                      {"test_crowd", {}, 0x2e2c1301c0c523d7u},
                                      {"test_crowd, seven agents", {{"num_agents", "7"}}, 0xa94a969db91e541eu},
                                  });
const EnvironmentCases test_stones("test_stones", short_episodes,
                                   {
                                       {"test_stones", {}, 0x779ee3b2ce3225e0u},
                                   });
const EnvironmentCases test_chain(
    "test_chain", short_episodes,
    {
        {"test_chain", {}, 0xcc2f0bcba477d61eu},
        {"test_chain, empty worlds", {{"empty_worlds", "true"}, {"num_agents", "7"}}, 0x6eb3364979678534u},
    });

const EnvironmentCases test_driving(
    "test_driving", short_episodes,
    {
        {"test_driving", {{"num_scenes", "20"}, {"active_agents", "3"}, {"parked_agents", "4"}}, 0x997c56a2bf50be5eu},
    });
const EnvironmentCases test_herd("test_herd", short_episodes,
                                 {
                                     {"test_herd", {}, 0xb76562ab6528f001u},
                                 });
const EnvironmentCases test_teams("test_teams", short_episodes,
                                  {
                                      {"test_teams", {}, 0x4d7fc1a10a76cc50u},
                                  });
const EnvironmentCases test_fog(
    "test_fog", short_episodes,
    {
        {"test_fog", {}, 0x252716cb1d91dddcu},
        {"test_fog, a clear day", {{"fog", "false"}, {"num_boats", "3"}}, 0x2607180e2003ef8bu},
    });

}  // namespace
}  // namespace flockstep
