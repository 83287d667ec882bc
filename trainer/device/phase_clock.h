#pragma once

#include <memory>
#include <vector>

#include "sim/engine/memory.h"

namespace flockstep {

/// Timestamps along a stream, also within a captured graph, where each replay records them again. On the CPU it records
/// the time of the call.
class PhaseClock {
  public:
    PhaseClock(Device device, int num_marks);
    ~PhaseClock();
    void mark(int mark, Stream stream);
    /// Seconds between the latest records of two marks. The device must have been synchronised.
    double seconds(int from, int to) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
