#pragma once

#include <string>

#include "trainer/algorithm/ppo.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/log_tensorboard.h"
#include "trainer/run/log_terminal.h"
#include "trainer/run/metrics_file.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/training_task.h"

namespace flockstep {

/// Logs a training run to the terminal, metrics.jsonl and TensorBoard. Where a run resumes, what the files hold of
/// later iterations is removed or, in TensorBoard, superseded: curves are monotonic.
class TrainingLog {
  public:
    /// `first`: metrics when the run starts or resumes. Throws std::runtime_error if a file cannot be written, as do
    /// all.
    TrainingLog(const TrainingTask& task, const RunFolder& folder, Trainer& trainer, const IterationMetrics& first);

    /// Writes a training record: the metrics since the one before.
    void write(const IterationMetrics& metrics);
    /// Writes the record of an evaluation during training. `now`: where training is.
    void write(const IterationMetrics& now, const Evaluation& evaluation);
    /// Shows progress on the terminal, at most every log_every seconds, unless it is the last.
    void show(const IterationMetrics& metrics, double progress, bool is_last);
    /// Waits until metrics.jsonl is on the disk.
    void sync() { json_.sync(); }

    /// Iterations at the last training record and at the last evaluation; -1: none.
    int64_t last_training() const { return last_training_; }
    int64_t last_evaluation() const { return last_evaluation_; }

  private:
    using Clock = std::chrono::steady_clock;
    MetricsFile json_;
    TensorBoardFile curves_;
    TerminalLog terminal_;
    double log_every_;
    Clock::time_point shown_{};
    double last_seconds_;
    int64_t last_steps_, last_training_, last_evaluation_;
};

}  // namespace flockstep
