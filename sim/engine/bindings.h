#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/contract/space.h"

namespace flockstep {

class Batch;
struct EngineCommon;

/// Where one launch reads its actions and writes its outputs, in place of the engine's own tensors. An argument of a
/// launch: a batch keeps none of it, so the next launch without bindings uses the engine's own again. Names are looked
/// up once, here; a Bindings may be used for any number of launches of its batch.
///
///   Bindings slot(batch);
///   slot.read_action(0, actions, DType::int32).write_output("reward", rewards);
///   batch.step(slot, stream);
class Bindings {
  public:
    explicit Bindings(const Batch& batch) : batch_(&batch) {}
    /// A step reads action tensor `index` from `data`: device memory of the same shape as batch.actions()[index], int32
    /// or int64 for integers, float32 for Box. It must stay unchanged until the step has run. Throws
    /// std::invalid_argument for another dtype.
    Bindings& read_action(size_t index, const void* data, DType dtype);
    /// Observation part, mask or row output `name` (its Tensor's name) goes to `data`: device memory of the same shape
    /// and dtype, aligned to 16 bytes. Where observations are streamed (Batch::streams_observations), rows of agents
    /// that are not active are left as they are there. Throws std::invalid_argument if the output is not written or
    /// `data` not aligned.
    Bindings& write_output(const std::string& name, void* data);

    /// For backends: rewrites the addresses of a launch's view.
    void apply(EngineCommon& view) const;

  private:
    struct Action {
        size_t index;
        const void* data;
        bool is_int64;
    };
    struct Output {
        int slot;  // see Batch::output_slot
        void* data;
    };
    const Batch* batch_;
    std::vector<Action> actions_;
    std::vector<Output> outputs_;
};

}  // namespace flockstep
