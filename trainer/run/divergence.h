#pragma once

#include "trainer/algorithm/find_offender.h"
#include "trainer/run/archive.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

/// Throws NotFinite if a number of a policy in a snapshot is not finite: it would be no use as a checkpoint.
/// iteration: after which it was taken.
void expect_finite(const Archive& snapshot, int64_t iteration);

/// The sentence that ends a run: what was not finite, and how to come there again. saved_iterations: of the folder's
/// checkpoint; -1: there is none.
std::string diverged_text(const NotFinite& error, const RunFolder& folder, int64_t seed, int64_t saved_iterations);

}  // namespace flockstep
