#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/engine/memory.h"

namespace flockstep {

/// Clocks work on one device: by CUDA events on a stream of its own, or by the host's steady clock.
class BenchClock {
  public:
    explicit BenchClock(Device device);
    ~BenchClock();
    BenchClock(const BenchClock&) = delete;
    BenchClock& operator=(const BenchClock&) = delete;

    /// Where the clocked work is to be enqueued.
    Stream stream() const { return stream_; }
    /// Seconds from the first to the last thing that `work` enqueues; no host wait in between, one at the end.
    double seconds(const std::function<void()>& work);
    /// Seconds of all pieces of work together, without what `before` enqueues in front of each; waits now and then.
    double seconds(int64_t pieces, const std::function<void()>& before, const std::function<void()>& work);
    /// Captures what `work` enqueues in a CUDA graph; replay() launches it. False where the device has no graphs.
    bool capture(const std::function<void()>& work);
    void replay();

  private:
    Device device_;
    Stream stream_;
    std::vector<void*> events_;                                  // cudaEvent_t, for pieces of work
    void *begin_ = nullptr, *end_ = nullptr, *graph_ = nullptr;  // cudaEvent_t, cudaGraphExec_t
};

/// Bytes read and written per second by a large copy within the device's memory; the median of several. Waits.
double measure_copy_bandwidth(Device device);

}  // namespace flockstep
