#pragma once

#include <cstdint>

#include "sim/contract/field.h"
#include "sim/contract/part_view.h"
#include "sim/contract/rows.h"

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

/// Where an action was refused first. `code` 0: nowhere; 1: out of range; 2: forbidden by the action mask. `value`: the
/// integer, or a float's bits.
struct ActionError {
    int code, part, agent, integer;
    int64_t env, value;
    int step;
};
/// Whose random streams a world draws from: those of world `env` of a run of `all_envs` worlds under `seed`.
struct StreamKey {
    uint64_t seed;
    uint32_t env, all_envs;
};
/// What may change between launches of one captured graph: lives at a fixed address on the device.
struct Control {
    uint64_t seed;
    const StreamKey* keys;  // [num_envs]; null: every world draws from `seed`, by its own index
    ActionError error;
};

/// What a launch does: a step; a reset, of all worlds or of those in a mask; outputs of a state that was set from
/// outside; or a scripted policy's actions.
enum class Operation : int { step, reset, refresh, act };
/// One launch, but for the memory that it names.
struct Work {
    Operation operation;
    const uint8_t* mask;  // reset: [num_envs] on the device; null for all
    bool seeded;          // reset: the batch was seeded
    int policy;           // act: -1 is random
    uint32_t draw;        // act: tells random draws of one step apart
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
/// episode's value is -0 where it was 0, for 0 says that there was none; NaN where nobody had the role.
enum Statistic { sum_statistic, square_statistic, first_statistic, count_statistic, num_statistics };

}  // namespace flockstep
