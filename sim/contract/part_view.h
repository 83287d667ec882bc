#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/space.h"

/// Descriptors of a launch's tensors, as passed to kernels: plain data, filled in by the host. The contract's writers
/// and readers (ObservationWriter, RowWriter, LegalActions) use them; rules never see them.
///
///   for (int i = 0; i < role.num_tensors(); ++i) {  // zeros for every agent of a role in world `env`
///       const PartView& part = parts[role.tensor(i)];
///       if (part.wanted()) memset(part.rows(false, env, part.first), 0, size_t(part.env_bytes));
///   }
namespace flockstep {

/// One tensor that the engine writes for a role: an observation part, or the action mask of an action part.
struct PartView {
    char* output;               // [num_envs, count, elements] of `dtype`; null if not requested
    char* final_output;         // the same shape; holds the rows whose episode ended
    DType source_dtype, dtype;  // as rules write it, as it is stored
    bool direct;                // rules write straight to the output
    int mask_of;                // >= 0: the action mask of that action part
    int first, count;           // agents of the role
    int elements;               // per agent
    int row_elements;           // the last axis of its shape
    int agent_bytes;            // of the stored elements
    int64_t env_bytes;          // of a world's rows
    int stage_offset;           // bytes, within the staging memory of the worlds that share it
    union {
        int stage_world_bytes;  // bytes from one of these worlds to the next
        int batch_rows;         // streamed: capacity of a team's ring in rows
    };

    /// Whether the output was requested; otherwise rules need not write it.
    SIM_HD bool wanted() const { return output != nullptr; }
    /// Bytes of an element in the source type (a bit counts as 1), and in the storage type.
    SIM_HD int source_size() const { return source_dtype == DType::float32 ? 4 : 1; }
    SIM_HD int stored_size() const { return dtype == DType::float32 ? 4 : dtype == DType::bfloat16 ? 2 : 1; }
    /// Whether the bytes that rules write are stored without conversion.
    SIM_HD bool is_copied() const {
        if (source_dtype == DType::float32) return dtype == DType::float32;
        return source_dtype != DType::bit && (dtype == DType::uint8 || dtype == DType::int8);
    }
    /// Start of the rows of agents [first_agent, ...) of one world, in the output or in the final output, in device
    /// memory.
    SIM_HD char* rows(bool final, int64_t env, int first_agent) const {
        return (final ? final_output : output) + env * env_bytes + int64_t(first_agent - first) * agent_bytes;
    }
    /// Copied parts have the same offset within 16 bytes in staging memory as at their destination, so that whole
    /// vectors can be copied. `first_env`: the first of the worlds that share the staging memory.
    SIM_HD int stage_shift(int64_t first_env, int first_agent) const {
        return is_copied() ? int(reinterpret_cast<uintptr_t>(rows(false, first_env, first_agent)) & 15) : 0;
    }
};

/// A role: agents [first, first + count), and the indices of its observation parts and action masks among all parts.
/// Every role has an entry for every handle of the environment, in order, observations of all roles before all masks;
/// entries that a role does not use are not requested, or have no agents. If there is a global state, the world itself
/// follows as one more role.
struct RoleView {
    static constexpr int learns = -2;  /// value of `policy`: the caller supplies actions

    int first, count, first_part, num_parts, first_mask, num_masks;
    int policy;  // the scripted policy that controls it, -1 for the random one; or `learns`

    /// Tensor i of num_parts + num_masks, in this order.
    SIM_HD int tensor(int i) const { return i < num_parts ? first_part + i : first_mask + i - num_parts; }
    SIM_HD int num_tensors() const { return num_parts + num_masks; }
};
/// One action part of one role: its input and its valid values. Pointers are to device memory.
struct ActionView {
    const void* input;   // [num_envs, count, size] (one row of all agents where every role has one Discrete part)
    int32_t* own;        // the engine's own tensor, which `act` writes; the same shape
    int64_t env_stride;  // elements between worlds
    int first, count, size;
    bool is_box, is_int64;
    int n;               // choices of a Discrete part
    int default_choice;  // Discrete: the choice that replaces an invalid one
    const int* n_each;   // choices of a MultiDiscrete part, by integer; null for the others
    const int* default_choice_each;
    const float *low, *high;  // Box: bounds of each float
    int first_word;           // within a world's actions
    int first_draw;           // of the random policy: parts use different draws
    int first_legal;          // of its words in EpisodeState::legal
    int legal_words;          // per agent, 32 choices each; 0: everything is legal

    /// The agent of word i of a world's actions for this part, and the component among its `size` words. Most parts
    /// have one word, and a division is expensive.
    SIM_HD int agent(int i) const { return first + (size == 1 ? i : i / size); }
    SIM_HD int component(int i) const { return size == 1 ? 0 : i % size; }
};

}  // namespace flockstep
