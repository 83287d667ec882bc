#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch.h"

namespace flockstep {

/// Seed of worlds that nothing is trained on, unless another is asked for: far from the seeds of training and its first
/// million worlds, for `generator = pogema` counts up from the seed, world by world, and by 2^20 from episode to
/// episode.
inline constexpr int64_t evaluation_seed = 1'000'000;

/// What is evaluated, and on how much.
struct EvaluateConfig {
    InternedString policy;
    int64_t episodes = 1000;
    bool deterministic = false;
    template <class F>
    void fields(F f) {
        f("policy", policy, any_value(),
          "random or a scripted policy of the environment, where there is no checkpoint");
        f("episodes", episodes, between(1, 1 << 30), "worlds; the first episode of each counts");
        f("deterministic", deterministic, any_value(), "a checkpoint's most probable actions instead of sampled ones");
    }
};

/// A metric over episodes: mean, standard error of the mean, and the 95 % interval of the mean (Student's t).
struct MeanEstimate {
    std::string name;
    int64_t count = 0;
    double mean = 0, standard_error = 0, low = 0, high = 0;  // the last three are NaN for a single episode
};
/// Values that are not finite are left out.
MeanEstimate estimate_mean(const std::string& name, const std::vector<float>& values);

/// Metrics of an environment under one policy.
struct Evaluation {
    std::string environment, policy, device;
    int64_t episodes = 0, seed = 0;
    double seconds = 0;
    std::vector<MeanEstimate> metrics;  // in the environment's order
};

/// Options of a batch whose first episodes are all of one kind: fresh worlds, no phases, statistics on.
BatchOptions evaluation_options(int64_t episodes, uint64_t seed, Device device);

/// Plays the batch's worlds, made with evaluation_options, from a reset until each has ended an episode. `act` fills
/// the batch's actions for its present observations. `continues` is asked now and then; where it says false, the
/// evaluation ends early with the episodes that are over. Waits.
Evaluation evaluate(Batch& batch, const std::string& policy, const std::function<void()>& act,
                    const std::function<bool()>& continues = {});

/// Acting by a scripted policy. Throws std::invalid_argument if there is none of that name.
std::function<void()> scripted_policy(Batch& batch, const std::string& name);

std::string to_json(const Evaluation& evaluation);
/// A table for people.
std::string to_text(const Evaluation& evaluation);
/// Several policies on the same worlds side by side: one row per metric, mean +- standard error.
std::string to_text(const std::vector<Evaluation>& evaluations);

}  // namespace flockstep
