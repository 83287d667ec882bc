#include "tests/test_engine.h"

namespace flockstep {
namespace {

const SettingValues short_episodes = {{"max_episode_steps", "13"}};

const EnvironmentCases pendulum_cases("pendulum", short_episodes,
                                      {
                                          {"pendulum", {}, 0x6fee9e6787408c6cu},
                                          {"pendulum, weightless", {{"g", "0"}}, 0x483bbd86cdc5c689u},
                                      });
const EnvironmentCases acrobot_cases("acrobot", short_episodes, {{"acrobot", {}, 0xd3b2bae80783bd43u}});
const EnvironmentCases mountain_car_cases("mountain_car_continuous", short_episodes,
                                          {
                                              {"mountain_car_continuous", {}, 0x1e67ab294172f596u},
                                          });

}  // namespace
}  // namespace flockstep
