#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/contract/space.h"

namespace flockstep {

class Batch;
struct EngineCommon;

/// Tensors from which a launch reads its actions and to which it writes its outputs, instead of the engine's own. The
/// bindings only apply to the launch they are passed to; a launch without bindings uses the engine's own tensors. Names
/// are looked up once, here; a Bindings may be used for any number of launches of its batch.
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
    /// Writes observation part, mask or row output `name` (its Tensor's name) to `data`: device memory of the same
    /// shape and dtype, aligned to 16 bytes. If observations are streamed (Batch::streams_observations), rows of
    /// inactive agents are left unchanged there. Throws std::invalid_argument if the output is not written or `data` is
    /// not aligned.
    Bindings& write_output(const std::string& name, void* data);

    /// Writes the final observations of part `name` to `data`, as write_output does the current ones. The batch must
    /// keep final observations.
    Bindings& write_final(const std::string& name, void* data);

    /// For backends: replaces the addresses in a launch's view.
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
        bool is_final = false;
    };
    void add(const std::string& name, void* data, bool is_final);
    const Batch* batch_;
    std::vector<Action> actions_;
    std::vector<Output> outputs_;
};

}  // namespace flockstep
