#pragma once

#include <string>

#include "sim/engine/batch.h"

/// Finds the plan (see plan.h) under which worlds step fastest on this machine, by trying them.
///
///   options.plan = tune_plan("pathfinding", options, settings).plan;
///   auto batch = make_batch("pathfinding", options, settings);
namespace flockstep {

/// What was found.
struct TunedPlan {
    std::string plan;            // for BatchOptions::plan
    bool is_from_cache = false;  // found by an earlier call
    int num_tried = 0;           // plans that were measured
    double speedup = 1;          // over the engine's own choice, in steps per second; 1: that is the fastest
};

/// "the fastest of 14 plans tried, 1.25 times the engine's own choice".
std::string describe(const TunedPlan& tuned);

/// Steps batches of these options under one plan after the other, all from the same state: some steps of random actions
/// behind the reset, at random points of the time limit. Takes about `seconds` once, waits, and frees what it
/// allocated; batches that exist are not touched. Each needs as much memory as the batch itself, and a plan without
/// room for it is left out. The answer is kept in the user's cache ($XDG_CACHE_HOME or ~/.cache, flockstep/plans) for
/// the same environment, settings, options, device and version; where that cannot be read or written, plans are tried
/// again. On the CPU the engine's choice is returned. `uses_cache`: false measures anew, and keeps that.
/// Throws as make_batch does.
TunedPlan tune_plan(const std::string& environment, const BatchOptions& options, const Settings& settings,
                    double seconds = 1.0, bool uses_cache = true);

}  // namespace flockstep
