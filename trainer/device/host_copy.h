#pragma once

#include <memory>

#include "sim/engine/memory.h"

namespace flockstep {

/// A copy of device memory on the host. The host waits for it alone, not for what is enqueued after it.
class HostCopy {
  public:
    /// `data` is in `memory`, which must outlive the copy.
    HostCopy(Memory& memory, const void* data, size_t bytes);
    ~HostCopy();
    /// Enqueues the copy. Not to be captured in a graph.
    void start(Stream stream);
    /// Waits until what was enqueued before start() is done, and the copy. Returns the bytes, which stay until the next
    /// start().
    const void* wait();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
