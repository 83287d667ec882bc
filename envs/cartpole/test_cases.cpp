#include "tests/test_engine.h"

namespace flockstep {
namespace {

const EnvironmentCases cases("cartpole", {{"max_episode_steps", "13"}},
                             {
                                 {"cartpole", {}, 0x29876aad4c5ceafcu},
                             });

}  // namespace
}  // namespace flockstep
