#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "trainer/algorithm/ppo.h"
#include "trainer/run/evaluate.h"

namespace flockstep {

/// Progress of a run. On a terminal a block of lines that is redrawn in place; otherwise (or if TERM is dumb) plain
/// lines from time to time.
class TerminalLog {
  public:
    /// `out`: usually stdout. `first`, `progress`: of the run before this process trained.
    TerminalLog(std::FILE* out, std::string title, int64_t total_steps, const IterationMetrics& first, double progress);

    /// Shows the metrics; plain lines are limited to one every few seconds, except for the last.
    void show(const IterationMetrics& metrics, double progress, bool is_last);
    /// Adds the result of the last evaluation during training to what is shown from now on.
    void show_evaluation(const MeanEstimate& metric);

  private:
    std::string block(const IterationMetrics& metrics, double progress) const;
    std::string line(const IterationMetrics& metrics, double progress) const;
    double seconds_left(const IterationMetrics& metrics, double progress) const;
    void measure(const IterationMetrics& metrics);

    using Clock = std::chrono::steady_clock;
    std::FILE* out_;
    std::string title_;
    int64_t total_steps_;
    bool is_live_;
    int lines_drawn_ = 0;
    std::string evaluation_;  // the last one's result
    Clock::time_point last_line_{};
    double rate_ = 0, first_progress_, first_seconds_, last_seconds_;
    int64_t last_steps_;
};

/// Fractions of time per phase: "environment 31 %, policy 24 %, update 45 %".
std::string phases_text(const PhaseSeconds& phases);
/// The environment's metrics: "episode_return 187.3 +- 2.1, episode_length 187.3".
std::string statistics_text(const Statistics& statistics, size_t most);

}  // namespace flockstep
