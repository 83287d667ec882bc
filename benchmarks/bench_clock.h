#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/engine/memory.h"

namespace flockstep {

/// Times work on one device: with CUDA events on its own stream, or with the host's steady clock.
class BenchClock {
  public:
    explicit BenchClock(Device device);
    ~BenchClock();
    BenchClock(const BenchClock&) = delete;
    BenchClock& operator=(const BenchClock&) = delete;

    /// The stream on which the timed work must be enqueued.
    Stream stream() const { return stream_; }
    /// Seconds from the first to the last operation that `work` enqueues; waits only at the end.
    double seconds(const std::function<void()>& work);
    /// Total seconds of all pieces of work, excluding what `before` enqueues before each; waits occasionally.
    double seconds(int64_t pieces, const std::function<void()>& before, const std::function<void()>& work);
    /// Captures what `work` enqueues in a CUDA graph, which replay() launches. False if the device has no graphs.
    bool capture(const std::function<void()>& work);
    void replay();

  private:
    Device device_;
    Stream stream_;
    std::vector<void*> events_;                                  // cudaEvent_t, for pieces of work
    void *begin_ = nullptr, *end_ = nullptr, *graph_ = nullptr;  // cudaEvent_t, cudaGraphExec_t
};

/// Bytes read and written per second by large copies within the device's memory; median of several. Waits.
double measure_copy_bandwidth(Device device);

}  // namespace flockstep
