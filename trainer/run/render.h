#pragma once

#include <functional>
#include <string>

#include "replay/replay.h"
#include "sim/engine/batch.h"

/// Episodes as HTML replays. How an environment looks is its own matter: its registry entry has what draws a world.
namespace flockstep {

/// Options of a batch that can be recorded: one world that stays as its episode left it.
BatchOptions recording_options(uint64_t seed, Device device);

/// Plays one episode of a batch made with recording_options, and draws every step. `act` fills the batch's actions.
/// `goes_on` is asked before each step; where it says false, the replay ends there. Throws std::invalid_argument where
/// the environment has no drawing. Waits.
Replay record_episode(Batch& batch, const std::string& policy, const std::function<void()>& act,
                      const std::function<bool()>& goes_on = {});

}  // namespace flockstep
