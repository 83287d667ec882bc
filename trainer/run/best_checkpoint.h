#pragma once

#include <optional>
#include <string>

#include "sim/engine/batch.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

/// Keeps the best checkpoint of a run, checkpoint.best.safetensors, by one metric. The file's metadata say by which
/// metric, its value, and where that comes from, so that a resumed run goes on comparing.
class BestCheckpoint {
  public:
    /// `keep_best`: the setting: a metric, "-metric" for the lowest value, or empty: keeps none. `source`: "evaluation"
    /// or "training", where values come from; a value of the other source in the folder is not compared with.
    BestCheckpoint(const RunFolder& folder, const std::string& keep_best, const std::string& source);

    /// The metric that a value of keep_best names; empty: none.
    static std::string metric_of(const std::string& keep_best);
    /// Writes the checkpoint if its metric is better than every one before; not if it is missing or not finite. Throws
    /// std::runtime_error if it cannot be written.
    void offer(const Archive& archive, const Evaluation& evaluation);
    void offer(const Archive& archive, const Statistics& statistics);

  private:
    void offer(const Archive& archive, double value);
    RunFolder folder_;
    std::string metric_, source_;
    bool is_lowest_;
    std::optional<double> best_;
};

/// Throws std::invalid_argument, "keep_best: got "x", want one of: ...", if the batch has no such metric.
void check_metric(const std::string& metric, const Batch& batch);

}  // namespace flockstep
