#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/engine/batch.h"
#include "trainer/data/action_column.h"
#include "trainer/data/input.h"
#include "trainer/data/spec.h"
#include "trainer/device/launch.h"

namespace flockstep {

/// The rollout buffer, on the batch's device; the engine writes into it directly. Row arrays are [steps][slot_rows] as
/// in rows.h. Arrays marked + have one more slot, for what follows the last step.
///
/// Roles whose agents share a policy lie side by side in one buffer, a source: role after role, each beginning at a
/// multiple of 16 rows. Other roles have a source of their own.
class Rollout {
  public:
    /// segment_steps: number of steps within which a world is truncated at most once; each segment keeps its final
    /// observations.
    Rollout(Batch& batch, int num_steps, int segment_steps, const std::vector<PolicySpec>& policies);
    Rollout(const Rollout&) = delete;

    int num_steps() const { return num_steps_; }
    int segment_steps() const { return segment_steps_; }
    int num_segments() const { return (num_steps_ + segment_steps_ - 1) / segment_steps_; }
    int64_t slot_rows() const { return slot_rows_; }
    /// The rows of policy `p`.
    const RowSet& rows(size_t p) const { return rows_[p]; }
    /// Sets the data of a network's input: slots of the rollout, or of the final observations of its segments.
    void bind(size_t p, InputColumns& input) const;
    void bind_final(size_t p, InputColumns& input) const;
    /// The same for the critic's own input; parts: those of the policy.
    void bind_critic(const std::vector<PolicySpec::CriticPart>& parts, size_t p, InputColumns& input) const;
    void bind_final_critic(const std::vector<PolicySpec::CriticPart>& parts, size_t p, InputColumns& input) const;
    /// Where policy `p`'s actions and masks are, one for each of its action parts.
    const std::vector<ActionColumn>& actions(size_t p) const { return sources_[source_[p]].actions; }

    /// Bindings of step `step`: reads its actions, writes its rewards and flags, and the observation that follows.
    const Bindings& step_bindings(int step) const { return bindings_[size_t(step)]; }
    /// Bindings for a reset or a restored state: its observation goes to the slot after the last step, from which
    /// begin() copies.
    const Bindings& last_bindings() const { return bindings_.back(); }
    /// Copies the slot after the last step to the first slot.
    void begin(const ExecutionContext& context);

    float *reward, *log_prob, *advantage, *value_target;
    float* value;                              // +
    float* final_value;                        // [num_segments][slot_rows]: V(final_observation) of truncations
    uint8_t *terminated, *truncated, *active;  // active +
    uint8_t* acts = nullptr;                   // +; null where agents never wait
    uint8_t* final_active;                     // [num_segments][slot_rows]: truncated in this segment while active

    /// Observation part of a source: its memory [steps +][slot_bytes], and [num_segments][slot_bytes] of final ones.
    struct PartBuffer {
        char *data, *final_data;
        int64_t slot_bytes;
    };
    const std::vector<PartBuffer>& parts(size_t p) const { return sources_[source_[p]].parts; }

  private:
    /// One role's tensor within a source's slot.
    struct Tenant {
        RoleRange role;
        int64_t first_row;
    };
    struct Source {
        std::vector<Tenant> roles;
        int64_t rows = 0;
        std::vector<PartBuffer> parts;
        std::vector<ActionColumn> actions;
        std::vector<int64_t> part_bytes;  // of one row
    };
    void make_sources(const std::vector<PolicySpec>& policies);
    void allocate_states(const std::vector<PolicySpec>& policies);
    int64_t first_row_bytes(const std::vector<PolicySpec::CriticPart>& parts, size_t p, const InputPart& column) const;
    void allocate_source(Source& source, const PolicySpec& spec);
    RowSet make_rows(const PolicySpec& spec, const Source& source);
    void allocate_actions(Source& source, const PolicySpec& spec);
    template <class T>
    T* allocate(int64_t count, const std::string& what);
    Bindings bind_step(int step, const std::vector<PolicySpec>& policies) const;
    void bind_actions(int step, Bindings& bindings, const std::vector<PolicySpec>& policies) const;

    Batch& batch_;
    int num_steps_, segment_steps_;
    int64_t slot_rows_;
    std::vector<RoleRange> roles_;
    std::vector<Buffer> buffers_;
    void* action_ = nullptr;  // where every policy chooses one integer: the actions of all of them
    std::vector<Source> sources_;
    std::vector<size_t> source_;                 // of each policy
    std::vector<RowSet> rows_;                   // of each policy
    std::map<std::string, PartBuffer> tensors_;  // observations by role and states, by the batch's name
    std::vector<std::string> states_;            // those of tensors_ that are states
    std::vector<Bindings> bindings_;             // by step
};

}  // namespace flockstep
