#pragma once

#include <cstdint>

#include "sim/contract/field.h"
#include "sim/contract/part_view.h"
#include "sim/contract/rows.h"

/// The description of a batch that a launch receives, independent of the environment: plain data that the host fills in
/// and passes to kernels by value.
namespace flockstep {

inline constexpr int max_roles = 8, max_parts = 32, max_action_parts = 16, max_metrics = 48;

/// What happens to a world whose episode ended; the names are Gymnasium's.
enum class AutoresetMode : int { same_step, next_step, disabled };

/// Which final observations are kept: none, those of every ended episode, or only those of truncated episodes (which a
/// trainer bootstraps from: a later termination does not overwrite them).
enum class FinalObservation : int { none, all, truncated };

/// How an illegal action is handled: replaced by the default choice and reported, or passed to rules that define its
/// meaning.
enum class IllegalActions : int { refuse, pass };

/// The first invalid action. `code` 0: none; 1: out of range; 2: masked as illegal. `value`: the integer, or a float's
/// bits.
struct ActionError {
    int code, part, agent, integer;
    int64_t env, value;
    int step;
};
/// Selects a world's random streams: those of world `env` in a run of `all_envs` worlds with `seed`.
struct StreamKey {
    uint64_t seed;
    uint32_t env, all_envs;
};
/// Data that may change between launches of a captured graph: at a fixed address on the device.
struct Control {
    uint64_t seed;
    const StreamKey* keys;  // [num_envs]; null: every world uses `seed` with its own index
    ActionError error;
};

/// What a launch does: a step; a reset of all worlds or those in a mask; refreshing outputs after the host wrote the
/// state; or running a scripted policy.
enum class Operation : int { step, reset, refresh, act };
/// The parameters of one launch, without its bindings.
struct Work {
    Operation operation;
    const uint8_t* mask;  // reset: [num_envs] on the device; null for all
    bool seeded;          // reset: the batch was seeded
    int policy;           // act: -1 is random
    uint32_t draw;        // act: distinguishes several random draws in one step
};

/// The quantity that a metric averages.
enum class MetricKind : int {
    episode_return,  // rewards of role `role`, by agent
    episode_length,
    agent_sum,      // sum `index` of EpisodeState::sums, by agent of role `role`
    env_sum,        // the same for a world
    episode_value,  // number `index` of EpisodeState::results
    env_metric,     // the rules' metric `index`
    agent_metric    // the same, by agent of role `role` (-1: of all roles)
};
struct MetricView {
    MetricKind kind;
    int index, role;
};

/// Memory layout for streaming observations, in bytes; computed by the host.
struct StreamPlan {
    int order_bytes;  // the list of agents, before the teams' memory
    int num_teams;    // teams that can work on a world concurrently
    int team_bytes;   // stride between teams: the ring, then TeamScratch
    int ring_bytes;
    int world_bytes;  // total, and the stride between worlds that share a block
};

/// What the steps of a batch need, independent of the environment; plain data.
struct EngineCommon {
    Control* control;
    int64_t num_envs, first_env, all_envs;  // first_env: global index of world 0 (ranks); all_envs: of all ranks
    int num_agents, num_roles, num_parts, num_action_parts, num_metrics, max_episode_steps;
    int first_learner, num_learners;  // agents that have output rows and take actions from the caller
    int num_scripted;                 // roles controlled by scripted policies
    bool has_state;                   // roles[num_roles] is the world, with its global state
    AutoresetMode mode;
    IllegalActions illegal_actions;
    FinalObservation final_observation;
    bool stagger_episodes, statistics;
    char* tiles;
    int tile_worlds, world_bytes;
    FieldLocation state_fields[max_state_fields], scratch_fields[max_scratch_fields];
    RoleView roles[max_roles + 1];
    PartView parts[max_parts];
    ActionView actions[max_action_parts];
    int action_offset[max_action_parts], action_size[max_action_parts];  // by handle, see ActionLayout
    int action_words;                                                    // per world
    int legal_words;                                                     // per world
    MetricView metrics[max_metrics];
    int agents_per_range;  // maximum number of agents per call of observe
    int scratch_bytes;     // of a world's staged scratch
    StreamPlan stream;     // if observations are streamed
    uint32_t bound_parts;  // bits of the observation parts that this launch binds to other tensors
    char* rows[max_rows];  // outputs by row of RowTable; null: not requested, or constant and already written
};
/// The statistics of a metric, stored contiguously so that recording an episode touches one cache line. The first
/// episode's value is stored as -0 if it is 0, since +0 means that there was none; NaN if no agent had the role.
enum Statistic { sum_statistic, square_statistic, first_statistic, count_statistic, num_statistics };

}  // namespace flockstep
