#pragma once

#include <string>

#include "sim/engine/batch.h"

/// Finds the plan (see plan.h) under which worlds step fastest on this machine, by trying them.
///
///   options.plan = tune_plan("pathfinding", options, settings).plan;
///   auto batch = make_batch("pathfinding", options, settings);
namespace flockstep {

/// The result of tuning.
struct TunedPlan {
    std::string plan;            // for BatchOptions::plan
    bool is_from_cache = false;  // measured by an earlier call
    int num_tried = 0;           // plans that were measured
    double speedup = 1;          // over the engine's default, in steps per second; 1: the default is the fastest
};

/// "the fastest of 14 plans tried, 1.25 times the engine's own choice".
std::string describe(const TunedPlan& tuned);

/// Times steps of a batch with these options under one plan after another, all from the same state: a few steps of
/// random actions after a reset, at random points of the time limit. Takes about `seconds`, waits, and frees what it
/// allocates; existing batches are not affected. Each trial needs as much memory as the batch itself; plans that do not
/// fit are skipped. The result is stored in the user's cache ($XDG_CACHE_HOME or ~/.cache, flockstep/plans) for the
/// same environment, settings, options, device and version; if the cache is not accessible, plans are measured every
/// time. On the CPU the engine's default is returned. `uses_cache`: false measures again and updates the cache. Throws
/// like make_batch.
TunedPlan tune_plan(const std::string& environment, const BatchOptions& options, const Settings& settings,
                    double seconds = 1.0, bool uses_cache = true);

}  // namespace flockstep
