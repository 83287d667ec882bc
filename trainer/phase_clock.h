#pragma once

#include <memory>
#include <vector>

#include "sim/engine/memory.h"

namespace flockstep {

/// Marks points in time along a stream, also inside a graph that is being captured: each replay marks them again.
/// On the CPU the moment of the call counts.
class PhaseClock {
  public:
    PhaseClock(Device device, int num_marks);
    ~PhaseClock();
    void mark(int mark, Stream stream);
    /// Between two marks, as they were last passed. The device must have been waited for.
    double seconds(int from, int to) const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
