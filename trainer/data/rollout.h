#pragma once

#include <string>
#include <vector>

#include "sim/engine/batch.h"
#include "trainer/data/input.h"
#include "trainer/device/launch.h"

namespace flockstep {

/// One role's observation parts and actions: all that a policy needs to know about an environment. Comes from a batch
/// or from a checkpoint.
struct PolicySpec {
    struct Part {
        std::string name;  // the batch's name of the tensor
        DType dtype;
        std::vector<int> shape;  // of one agent
        float scale;             // the network's input is number * scale, so that integers map to -1 .. 1
        int num_flags = 0;       // > 0: the lowest num_flags bits of each number become inputs of their own, 0 or 1
        int elements() const;
        int planes() const { return num_flags ? num_flags : 1; }  // input columns per element
    };
    std::string role;
    int first = 0, count = 0;
    std::vector<Part> parts;
    int num_actions = 0;
    std::string action_mask;  // the batch's name of the tensor; empty: every action is legal
};
/// One per role, in order. Throws std::invalid_argument unless each role's action is one Discrete.
std::vector<PolicySpec> policy_specs(const Batch& batch);

/// Columns of the network's input, parts in this order (by index). Data pointers are null.
InputColumns input_columns(const PolicySpec& spec, const std::vector<int>& order, int64_t num_envs, int num_agents);

/// The rollout buffer, on the batch's device; the engine writes into it directly. Row arrays are [steps][slot_rows] as
/// in rows.h. Arrays marked + have one more slot, for what follows the last step.
class Rollout {
  public:
    Rollout(Batch& batch, int num_steps, const std::vector<PolicySpec>& specs);
    Rollout(const Rollout&) = delete;

    int num_steps() const { return num_steps_; }
    int64_t slot_rows() const { return slot_rows_; }
    RoleRows rows(const PolicySpec& spec) const;

    /// Bindings of step `step`: reads its actions, writes its rewards and flags, and the observation that follows.
    const Bindings& step_bindings(int step) const { return bindings_[size_t(step)]; }
    /// Bindings for a reset or a restored state: its observation goes to the slot after the last step, from which
    /// begin() copies.
    const Bindings& last_bindings() const { return bindings_.back(); }
    /// Copies the slot after the last step to the first slot.
    void begin(const ExecutionContext& context);

    float *reward, *log_prob, *advantage, *value_target;
    float* value;                              // +
    uint8_t *terminated, *truncated, *active;  // active +
    int32_t* action;
    /// Observation part `p` of role `r`, and its action mask: [steps +][slot_bytes].
    struct StepBuffer {
        std::string output;
        char* data;
        int64_t slot_bytes;
    };
    const StepBuffer& part(size_t r, size_t p) const { return parts_[r][p]; }
    const StepBuffer* mask(size_t r) const { return masks_[r].data ? &masks_[r] : nullptr; }

  private:
    template <class T>
    T* allocate_rows(int slots, const char* what);
    StepBuffer allocate_step_buffer(const Tensor& tensor);
    Bindings bind(int step) const;

    Batch& batch_;
    int num_steps_;
    int64_t slot_rows_;
    std::vector<Buffer> buffers_;
    std::vector<std::vector<StepBuffer>> parts_;
    std::vector<StepBuffer> masks_;
    std::vector<Bindings> bindings_;  // by step
};

}  // namespace flockstep
