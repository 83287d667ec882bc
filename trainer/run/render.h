#pragma once

#include <functional>
#include <string>

#include "replay/replay.h"
#include "sim/engine/batch.h"

/// Records episodes as HTML replays. The environment's registry entry provides the function that draws a world.
namespace flockstep {

/// Batch options for recording: one world, without autoreset.
BatchOptions recording_options(uint64_t seed, Device device);

/// Plays one episode of a batch made with recording_options, and draws every step. `act` writes the batch's actions.
/// `keep_going` is called before each step; the replay ends where it returns false. Throws std::invalid_argument if the
/// environment cannot be drawn. Synchronises.
Replay record_episode(Batch& batch, const std::string& policy, const std::function<void()>& act,
                      const std::function<bool()>& keep_going = {});

}  // namespace flockstep
