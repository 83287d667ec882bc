#pragma once

#include <algorithm>

#include "trainer/algorithm/metrics.h"
#include "trainer/device/phase_clock.h"

namespace flockstep {

/// Clocks the phases of an iteration: environment steps, choosing actions, update. On a GPU it times four of the
/// environment's steps.
class IterationClock {
  public:
    IterationClock(Device device, int num_steps)
        : num_steps_(num_steps),
          timed_steps_(device.is_cuda() ? std::min(num_steps, 4) : num_steps),
          clock_(device, first_step + 2 * timed_steps_) {}

    void start(Stream stream) { clock_.mark(begin, stream); }
    void end_rollout(Stream stream) { clock_.mark(rollout_end, stream); }
    void end(Stream stream) { clock_.mark(iteration_end, stream); }
    void start_step(int step, Stream stream) {
        if (step < timed_steps_) clock_.mark(first_step + 2 * step, stream);
    }
    void end_step(int step, Stream stream) {
        if (step < timed_steps_) clock_.mark(first_step + 2 * step + 1, stream);
    }
    /// Adds the last iteration's phases, multiplied by `times`. The device must have been synchronised.
    void add(PhaseSeconds& phases, double times) const {
        double stepping = 0;
        for (int t = 0; t < timed_steps_; ++t) stepping += clock_.seconds(first_step + 2 * t, first_step + 2 * t + 1);
        stepping *= double(num_steps_) / timed_steps_;
        const double collecting = clock_.seconds(begin, rollout_end);
        phases.environment += times * std::min(stepping, collecting);
        phases.policy += times * std::max(collecting - stepping, 0.0);
        phases.update += times * clock_.seconds(rollout_end, iteration_end);
    }

  private:
    enum Mark { begin, rollout_end, iteration_end, first_step };
    int num_steps_, timed_steps_;
    PhaseClock clock_;
};

}  // namespace flockstep
