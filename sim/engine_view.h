#pragma once

#include <cstdint>

#include "sim/field.h"
#include "sim/hd.h"
#include "sim/rows.h"
#include "sim/space.h"

/// What a launch is told about a batch, whatever its environment: plain data that the host fills in and that kernels
/// get by value.
namespace flockstep {

inline constexpr int max_roles = 8, max_parts = 32, max_action_parts = 16, max_metrics = 48;

/// What happens to a world whose episode ended; the words are Gymnasium's.
enum class AutoresetMode : int { same_step, next_step, disabled };

/// Which last observations are kept: none, those of every episode that ended, or only those that the time limit cut
/// (what a trainer bootstraps from: a termination that follows does not overwrite them).
enum class FinalObservation : int { none, all, truncated };

/// What becomes of an action that the rules call illegal: it is replaced by the default choice and reported, or passed
/// to rules that say what it means.
enum class IllegalActions : int { refuse, pass };

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

    SIM_HD bool wanted() const { return output != nullptr; }
    SIM_HD int written_size() const { return written == DType::float32 ? 4 : 1; }
    SIM_HD int stored_size() const { return dtype == DType::float32 ? 4 : dtype == DType::bfloat16 ? 2 : 1; }
    /// The bytes that rules write are those that are stored.
    SIM_HD bool is_copied() const {
        if (written == DType::float32) return dtype == DType::float32;
        return written != DType::bit && (dtype == DType::uint8 || dtype == DType::int8);
    }
    /// Start of the rows of agents [first_agent, ...) of one world.
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
    static constexpr int learns = -2;

    int first, count, first_part, num_parts, first_mask, num_masks;
    int policy;  // the scripted policy that plays it, -1 for a random one; or `learns`

    /// Tensor i of num_parts + num_masks, in this order.
    SIM_HD int tensor(int i) const { return i < num_parts ? first_part + i : first_mask + i - num_parts; }
    SIM_HD int num_tensors() const { return num_parts + num_masks; }
};
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
/// Where an action was refused first. `code` 0: nowhere; 1: out of range; 2: forbidden by the action mask. `value`: the
/// integer, or a float's bits.
struct ActionError {
    int code, part, agent, integer;
    int64_t env, value;
    int step;
};
/// What may change between launches of one captured graph: lives at a fixed address on the device.
struct Control {
    uint64_t seed;
    ActionError error;
};

/// What a metric is the mean of.
enum class MetricKind : int {
    episode_return,  // rewards of role `role`, by agent
    episode_length,
    agent_sum,      // sum `index` of Header::sums, by agent of role `role`
    env_sum,        // the same of a world
    episode_value,  // number `index` of Header::results
    env_metric,     // the rules' metric `index`
    agent_metric    // the same, by agent of role `role` (-1: of all roles)
};
struct MetricView {
    MetricKind kind;
    int index, role;
};

/// Of each team while it observes, in bytes from the start of its memory; laid out by the host.
struct StreamPlan {
    int order_bytes;  // of the list of agents in front of the teams' memory
    int num_teams;    // that can work on a world at a time
    int team_bytes;   // from one team's memory to the next: its ring, then TeamScratch
    int ring_bytes;
    int world_bytes;  // of all that, from one world to the next where several share a block
};

/// What the steps of a batch need, whatever its environment; plain data.
struct EngineCommon {
    Control* control;
    int64_t num_envs, first_env, all_envs;  // first_env: global index of world 0 (ranks); all_envs: of all ranks
    int num_agents, num_roles, num_parts, num_action_parts, num_metrics, max_episode_steps;
    int first_learner, num_learners;  // agents that have rows in the outputs and actions from outside
    int num_scripted;                 // roles that are played inside a step
    bool has_state;                   // roles[num_roles] is the world, with its global state
    AutoresetMode mode;
    IllegalActions illegal_actions;
    FinalObservation final_observation;
    bool spread_phases, statistics;
    char* tiles;
    int tile_worlds, world_bytes;
    FieldPlace state_fields[max_state_fields], scratch_fields[max_scratch_fields];
    RoleView roles[max_roles + 1];
    PartView parts[max_parts];
    ActionView actions[max_action_parts];
    int action_offset[max_action_parts], action_size[max_action_parts];  // by handle, see ActionLayout
    int action_words;                                                    // per world
    int legal_words;                                                     // per world
    MetricView metrics[max_metrics];
    int agents_per_range;  // most agents that one call of observe may be given
    int scratch_bytes;     // of a world's staged scratch
    StreamPlan stream;     // where observations are streamed
    uint32_t bound_parts;  // bits of the observation parts that this launch writes elsewhere
    char* rows[max_rows];  // outputs by row of RowTable; null: not requested, or constant and written already
};
/// What is kept of a metric, side by side, since an ended episode touches memory that nothing else does. The first
/// episode's value is -0 where it was 0, for 0 says that there was none.
enum Statistic { sum_statistic, square_statistic, first_statistic, count_statistic, num_statistics };

}  // namespace flockstep
