#pragma once

#include "sim/engine/memory.h"

/// On which CUDA stream a batch works, and how that is ordered with the streams of its callers. On the CPU all of this
/// does nothing.
namespace flockstep {

/// The stream that the caller's array library works on now: torch's if torch is imported and uses CUDA, else CuPy's,
/// else the default stream. Needs the GIL; imports nothing.
Stream current_stream(Device device);

/// Orders the work of one batch over several streams. An event marks the end of its last work, so that a stream which
/// has gone in the meantime is never touched.
class StreamOrder {
  public:
    explicit StreamOrder(Device device) : device_(device) {}
    ~StreamOrder();
    StreamOrder(const StreamOrder&) = delete;
    StreamOrder& operator=(const StreamOrder&) = delete;

    /// Makes what is enqueued on `stream` from now on run after the batch's work so far. Does not wait. Inside a stream
    /// capture it does nothing: the graph is ordered by who launches it.
    void join(Stream stream);
    /// Notes that the batch's last work was enqueued on `stream`.
    void mark(Stream stream);

  private:
    Device device_;
    void* event_ = nullptr;  // cudaEvent_t
    void* last_ = nullptr;
    bool is_marked_ = false;  // the event stands for work that may still run
};

}  // namespace flockstep
