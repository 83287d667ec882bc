#pragma once

#include "trainer/algorithm/ppo.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

/// Training that diverged ends before it overwrites a good checkpoint: both throw std::runtime_error, "training
/// diverged: value_loss is nan after 4096 agent-steps; ...", the first for a loss or a gradient norm that is not
/// finite, the second for weights.
void expect_finite(const IterationMetrics& metrics, const RunFolder& folder);
void expect_finite_weights(const Archive& archive, const IterationMetrics& metrics, const RunFolder& folder);

}  // namespace flockstep
