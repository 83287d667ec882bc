#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sim/contract/space.h"

namespace flockstep {

/// What an array of a checkpoint may contain.
struct NumberRange {
    double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

/// Is shown every array on the device that training continues from, by name: a checkpoint is written by one, and read
/// by another.
class StateVisitor {
  public:
    virtual ~StateVisitor() = default;
    /// data: row-major numbers on the device. Waits.
    virtual void visit(const std::string& name, DType dtype, const std::vector<int64_t>& shape, void* data,
                       NumberRange range = {}) = 0;
};

}  // namespace flockstep
