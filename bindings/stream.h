#pragma once

#include "sim/engine/memory.h"

/// The CUDA stream a batch works on, and its ordering with the streams of callers. No-ops on the CPU.
namespace flockstep {

/// The current stream of the caller's array library: torch's if torch is imported and uses CUDA, else CuPy's, else the
/// default stream. Needs the GIL; imports nothing.
Stream current_stream(Device device);

/// Orders a batch's work across streams. An event marks the end of its last work, so that a stream destroyed in the
/// meantime is never used.
class StreamOrder {
  public:
    explicit StreamOrder(Device device) : device_(device) {}
    ~StreamOrder();
    StreamOrder(const StreamOrder&) = delete;
    StreamOrder& operator=(const StreamOrder&) = delete;

    /// Makes `stream` wait for the batch's previous work, without blocking the host. No-op during stream capture: the
    /// launch orders the graph.
    void join(Stream stream);
    /// Records that the batch's last work was enqueued on `stream`.
    void mark(Stream stream);

  private:
    Device device_;
    void* event_ = nullptr;  // cudaEvent_t
    void* last_ = nullptr;
    bool is_marked_ = false;  // the event was recorded for work that may still run
};

}  // namespace flockstep
