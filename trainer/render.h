#pragma once

#include <functional>
#include <string>

#include "sim/batch.h"
#include "sim/replay.h"

/// Episodes as HTML replays. How an environment looks is its own matter: it has a function that draws a world, in
/// envs/NAME/draw.cpp, and a line in render.cpp.
namespace flockstep {

/// Draws world `env` as it is now, from Batch::get_field and outputs: appends one frame to `replay` and, where that has
/// none yet, fills in the scene and the entities first. Reward and captions of the frame are the caller's. Waits.
using DrawWorld = void (*)(Batch& batch, int64_t env, Replay& replay);

/// Null where the environment has no drawing.
DrawWorld find_drawing(const std::string& environment);

/// Options of a batch that can be recorded: one world that stays as its episode left it.
BatchOptions recording_options(uint64_t seed, Device device);

/// Plays one episode of a batch made with recording_options, and draws every step. `act` fills the batch's actions.
/// Throws std::invalid_argument where the environment has no drawing. Waits.
Replay record_episode(Batch& batch, const std::string& policy, const std::function<void()>& act);

}  // namespace flockstep
