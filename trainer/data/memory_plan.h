#pragma once

#include <cstdint>

#include "sim/engine/batch.h"
#include "trainer/config.h"

namespace flockstep {

/// Lower bound of the memory that training needs per world, in bytes: the batch's tensors and state, and its share of
/// the rollout buffer. world: a batch of one world, made with the options of training.
double training_bytes(const Batch& world, const TrainConfig& config);

}  // namespace flockstep
