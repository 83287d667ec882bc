#pragma once

#include <fstream>
#include <string>

#include "trainer/algorithm/ppo.h"
#include "trainer/run/log_tensorboard.h"
#include "trainer/run/log_terminal.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

/// Logs a training run to the terminal, metrics.jsonl and TensorBoard.
class TrainingLog {
  public:
    /// Appends to an existing log. `first`: metrics when the run starts or resumes.
    TrainingLog(const RunFolder& run, const Trainer& trainer, const std::string& environment,
                const IterationMetrics& first, double progress);
    /// Throws std::runtime_error if a file cannot be written.
    void write(const IterationMetrics& metrics, double progress, bool is_last);

  private:
    void write_json(const IterationMetrics& metrics);
    void write_curves(const IterationMetrics& metrics);

    RunFolder run_;
    std::ofstream json_;
    TensorBoardFile curves_;
    TerminalLog terminal_;
};

}  // namespace flockstep
