#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/json.h"
#include "trainer/run/evaluate.h"

namespace flockstep {

/// Evaluations during training as marl-eval reads them (id-marl-eval 0.0.4, "Data Structure for Raw Experiment data"):
/// environment > task > algorithm > run > step_0, step_1, ..., absolute_metrics, and in each step step_count and, by
/// metric, a list with a number per episode. Names are in lower case, which marl-eval's functions look them up by.
/// Gorsane et al. 2022: the absolute metrics are of the best policy of the run, on ten times as many fresh episodes.
class MarlEvalFile {
  public:
    /// Whose evaluations: the keys of the levels above the steps.
    struct Run {
        std::string environment, task, algorithm;
        int64_t seed = 0;
    };
    /// Reads the file if it is there, without the steps beyond `env_steps`, where a run resumes. Throws
    /// std::invalid_argument if it holds something else.
    MarlEvalFile(std::filesystem::path path, const Run& run, int64_t env_steps);

    /// Adds a step and writes the file. env_steps: of all worlds.
    void add(int64_t env_steps, const Evaluation& evaluation);
    /// Adds the absolute metrics, over the episodes of all evaluations, and writes the file.
    void add_absolute(const std::vector<Evaluation>& evaluations);
    bool has_absolute() const { return steps_.contains("absolute_metrics"); }

  private:
    void read(int64_t env_steps);
    void drop_from(int64_t env_steps);
    void write() const;
    std::filesystem::path path_;
    std::vector<std::string> levels_;  // environment, task, algorithm, run
    Json steps_ = Json::object();
};

}  // namespace flockstep
