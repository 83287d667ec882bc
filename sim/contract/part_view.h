#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/space.h"

/// Where the tensors of a launch lie, as kernels are told: plain data, filled in by the host. The contract's writers
/// and readers (ObservationWriter, RowWriter, LegalActions) go through them; rules never see them.
///
///   for (int i = 0; i < role.num_tensors(); ++i) {  // zeros for every agent of a role in world `env`
///       const PartView& part = parts[role.tensor(i)];
///       if (part.wanted()) memset(part.rows(false, env, part.first), 0, size_t(part.env_bytes));
///   }
namespace flockstep {

/// One tensor that the engine writes for a role: an observation part, or the action mask of an action part.
struct PartView {
    char* output;          // [num_envs, count, elements] of `dtype`; null if not requested
    char* final_output;    // the same shape; holds the rows whose episode ended
    DType written, dtype;  // as rules write it, as it is stored
    bool direct;           // rules write straight to the output
    int mask_of;           // >= 0: the action mask of that action part
    int first, count;      // agents of its role
    int elements;          // per agent
    int row_elements;      // the last axis of its shape
    int agent_bytes;       // of the stored elements
    int64_t env_bytes;     // of a world's rows
    int stage_offset;      // bytes, within the staging memory of the worlds that share it
    union {
        int stage_world_bytes;  // bytes from one of these worlds to the next
        int batch_rows;         // streamed: rows that a team's ring holds
    };

    /// Whether anybody reads it: else rules need not write it.
    SIM_HD bool wanted() const { return output != nullptr; }
    /// Bytes of an element as rules write it (a bit counts as 1), and as it is stored.
    SIM_HD int written_size() const { return written == DType::float32 ? 4 : 1; }
    SIM_HD int stored_size() const { return dtype == DType::float32 ? 4 : dtype == DType::bfloat16 ? 2 : 1; }
    /// The bytes that rules write are those that are stored.
    SIM_HD bool is_copied() const {
        if (written == DType::float32) return dtype == DType::float32;
        return written != DType::bit && (dtype == DType::uint8 || dtype == DType::int8);
    }
    /// Start of the rows of agents [first_agent, ...) of one world, in the output or in the final output, in device
    /// memory.
    SIM_HD char* rows(bool final, int64_t env, int first_agent) const {
        return (final ? final_output : output) + env * env_bytes + int64_t(first_agent - first) * agent_bytes;
    }
    /// Parts that are copied lie in the staging memory at the same offset within 16 bytes as at their destination, so
    /// that whole vectors can be moved. `first_env`: the first of the worlds that share it.
    SIM_HD int stage_shift(int64_t first_env, int first_agent) const {
        return is_copied() ? int(reinterpret_cast<uintptr_t>(rows(false, first_env, first_agent)) & 15) : 0;
    }
};

/// Agents [first, first + count); its observation parts and its action masks, by their place among all parts. Every
/// role has a place for every handle of the environment, in order, observations of all roles before all masks; what a
/// role does not have is not wanted, or has no agents. The world itself has one too, after the last role, if it has a
/// global state.
struct RoleView {
    static constexpr int learns = -2;  /// as `policy`: actions come from outside

    int first, count, first_part, num_parts, first_mask, num_masks;
    int policy;  // the scripted policy that plays it, -1 for a random one; or `learns`

    /// Tensor i of num_parts + num_masks, in this order.
    SIM_HD int tensor(int i) const { return i < num_parts ? first_part + i : first_mask + i - num_parts; }
    SIM_HD int num_tensors() const { return num_parts + num_masks; }
};
/// One action part of one role: where its actions come from, and what they may be. Pointers are to device memory.
struct ActionView {
    const void* input;   // [num_envs, count, size] (one row of all agents where every role has one Discrete part)
    int32_t* own;        // the engine's own tensor, which `act` writes; the same shape
    int64_t env_stride;  // elements between worlds
    int first, count, size;
    bool is_box, is_int64;
    int n;              // choices of a Discrete part
    int fallback;       // Discrete: the choice that replaces one that is refused
    const int* n_each;  // choices of a MultiDiscrete part, by integer; null for the others
    const int* fallback_each;
    const float *low, *high;  // Box: bounds of each float
    int first_word;           // within a world's actions
    int first_draw;           // of a random policy: parts draw apart from each other
    int first_legal;          // of its words in Header::legal
    int legal_words;          // per agent, 32 choices each; 0: everything is legal

    /// Of word i of a world's actions for this part: the agent, and which of its `size` words. Most parts have one,
    /// and a division is expensive.
    SIM_HD int agent(int i) const { return first + (size == 1 ? i : i / size); }
    SIM_HD int component(int i) const { return size == 1 ? 0 : i % size; }
};

}  // namespace flockstep
