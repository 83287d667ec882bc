#pragma once

#include "trainer/algorithm/ppo.h"
#include "trainer/data/state_visitor.h"
#include "trainer/run/checkpoint_info.h"

namespace flockstep {

/// Whether an array of a checkpoint is of the worlds' state, not of a policy or the trainer.
bool is_of_worlds(const std::string& array);

/// Everything needed to continue bit for bit. Waits.
Archive snapshot(Trainer& trainer);
/// Continues from a snapshot(). Throws std::invalid_argument if it comes from another environment, number of worlds or
/// network, DamagedCheckpoint for values that cannot be; the trainer must then be discarded.
void restore(Trainer& trainer, const Archive& archive);

/// Reads the arrays that it is shown from an archive. Throws std::invalid_argument if one is missing or has another
/// shape, DamagedCheckpoint if a number is not finite or out of range.
class StateReader : public StateVisitor {
  public:
    StateReader(const Archive& archive, Memory& memory) : archive_(archive), memory_(memory) {}
    void visit(const std::string& name, DType dtype, const std::vector<int64_t>& shape, void* data,
               NumberRange range) override;

  private:
    const Archive& archive_;
    Memory& memory_;
};

}  // namespace flockstep
