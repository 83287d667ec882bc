#pragma once

#include <cstdint>

#include "sim/engine/batch.h"
#include "trainer/config.h"

namespace flockstep {

/// Bytes that training takes for each world, at least: the batch's own tensors and state, and its part of the rollout.
/// world: a batch of one, made with the options of training.
double training_bytes(Batch& world, const TrainConfig& config);

}  // namespace flockstep
