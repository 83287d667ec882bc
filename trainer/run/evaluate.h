#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch.h"
#include "trainer/run/archive.h"

namespace flockstep {

/// Default seed of evaluation worlds, which training must not see. It is far from the seeds of training's first million
/// worlds because `generator = pogema` counts up from the seed, by 1 per world and by 2^20 per episode.
inline constexpr int64_t evaluation_seed = 1'000'000;

/// What to evaluate, and on how many episodes.
struct EvaluateConfig {
    InternedString policy;
    int64_t episodes = 1000;
    bool deterministic = false;
    template <class F>
    void fields(F f) {
        f("policy", policy, any_value(), "without a checkpoint: random, or a scripted policy of the environment");
        f("episodes", episodes, between(1, 1 << 30), "number of episodes: that many worlds, one episode each");
        f("deterministic", deterministic, any_value(), "take the policy's most probable action instead of sampling");
    }
};

/// A metric over episodes: mean, standard error of the mean, and the 95 % interval of the mean (Student's t).
struct MeanEstimate {
    std::string name;
    int64_t count = 0;
    double mean = 0, standard_error = 0, low = 0, high = 0;  // the last three are NaN for a single episode
};
/// Ignores values that are not finite.
MeanEstimate estimate_mean(const std::string& name, const std::vector<float>& values);

/// Metrics of an environment under one policy.
struct Evaluation {
    std::string environment, policy, device;
    int64_t episodes = 0, seed = 0;
    double seconds = 0;
    std::vector<MeanEstimate> metrics;                 // in the environment's order
    std::map<std::string, std::vector<float>> values;  // of each metric by episode; NaN where there is none
};

/// Batch options for evaluation: one world per episode, all starting at their first step, statistics on.
BatchOptions evaluation_options(int64_t episodes, uint64_t seed, Device device);

/// Steps the batch's worlds, made with evaluation_options, from a reset until each has finished an episode. `act`
/// writes the batch's actions for its current observations. `seed`: of the worlds. `keep_going` is called before each
/// step; if it returns false, the evaluation stops early with the episodes that have finished. Synchronises.
Evaluation evaluate(Batch& batch, const std::string& policy, const std::function<void()>& act, uint64_t seed,
                    const std::function<bool()>& keep_going = {});

/// Acts by the policies of a checkpoint, with random numbers of the seed.
std::function<void()> trained_policy(const Archive& archive, Batch& batch, uint64_t seed, bool deterministic);

/// Acts by a scripted policy. Throws std::invalid_argument if there is none of that name.
std::function<void()> scripted_policy(Batch& batch, const std::string& name);

std::string to_json(const Evaluation& evaluation);
/// A table for the terminal.
std::string to_text(const Evaluation& evaluation);
/// Several policies on the same worlds side by side: one row per metric, mean +- standard error.
std::string to_text(const std::vector<Evaluation>& evaluations);

}  // namespace flockstep
