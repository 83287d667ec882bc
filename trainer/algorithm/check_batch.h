#pragma once

#include <memory>

#include "sim/engine/batch.h"
#include "trainer/config.h"

namespace flockstep {

/// The batch. Throws std::invalid_argument unless it was made with training_options(), or options that agree.
std::unique_ptr<Batch> check_batch(std::unique_ptr<Batch> batch, const TrainConfig& config);

/// Number of steps within which a world is truncated at most once, at most those of a rollout.
int segment_steps(const Batch& batch, const TrainConfig& config);

}  // namespace flockstep
