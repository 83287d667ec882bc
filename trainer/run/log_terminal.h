#pragma once

#include <chrono>
#include <cstdio>
#include <string>

#include "trainer/ppo.h"

namespace flockstep {

/// What people see of a run: on a terminal a block of lines that is drawn again and again, elsewhere (or where TERM is
/// dumb) one plain line now and then.
class TerminalLog {
  public:
    /// `out`: where to write, usually stdout. `first`, `progress`: of the run before this process trained.
    TerminalLog(std::FILE* out, std::string title, int64_t total_steps, const IterationMetrics& first, double progress);

    /// Shows the metrics; plain lines come at most every few seconds, unless `is_last`.
    void show(const IterationMetrics& metrics, double progress, bool is_last);
    bool is_live() const { return is_live_; }
    /// Agent-steps per second between the last two calls of show().
    double rate() const { return rate_; }

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
    Clock::time_point last_line_{};
    double rate_ = 0, first_progress_, first_seconds_, last_seconds_;
    int64_t last_steps_;
};

/// Share of time in the phases: "environment 31 %, policy 24 %, update 45 %".
std::string phases_text(const PhaseSeconds& phases);
/// The environment's metrics: "episode_return 187.3 +- 2.1, episode_length 187.3".
std::string statistics_text(const Statistics& statistics, size_t most);

}  // namespace flockstep
