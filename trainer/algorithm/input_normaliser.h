#pragma once

#include <string>
#include <vector>

#include "trainer/data/normalise.h"
#include "trainer/data/state_visitor.h"
#include "trainer/device/launch.h"

namespace flockstep {

/// How a network's input becomes numbers: the shift and scale of each column, and with `learns` the running moments
/// that they come from.
class InputNormaliser {
  public:
    /// columns: of the input; scale: of each, before anything is learnt.
    InputNormaliser(const InputColumns& columns, const std::vector<float>& scale, bool learns, Memory& memory);
    /// Makes an input use it.
    void attach(InputColumns& input) const;
    /// Merges the samples of active rows into the moments.
    void learn(const ExecutionContext& context, const InputColumns& input, int64_t num_samples);
    /// Whether there are no moments yet. Waits.
    bool is_new() const;
    /// The squares of all shifts and scales: finite if they are.
    void sum_squares(const ExecutionContext& context, double* sum, Store store) const;
    void visit(StateVisitor& visitor, const std::string& prefix, bool for_learning);

  private:
    Memory& memory_;
    bool learns_;
    int width_, columns_;
    Buffer numbers_, moments_, sums_;
};

}  // namespace flockstep
