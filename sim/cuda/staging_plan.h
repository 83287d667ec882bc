#pragma once

#include <cstdint>

#include "sim/contract/world.h"
#include "sim/cuda/early_blocks.h"
#include "sim/engine/agent_queue.h"
#include "sim/engine/engine_view.h"
#include "sim/engine/plan.h"

/// What the host tells a kernel beside the view of its batch, and how it finds the kernels.
namespace flockstep {

/// Where things lie in a block's shared memory (grid: in global memory), in bytes.
struct StagingPlan {
    GroupKind kind;
    int lanes, worlds, threads;  // per world; per block; per block
    int tiles, scratch, actions, agent_rows, env_rows, stage, bytes;
    int action_words;  // per world, those of scripted policies included
    int64_t blocks;
    int64_t tiled_worlds;    // num_envs, and worlds that only fill the last tile
    char* global;            // grid: memory that stands in for the shared memory, and the lanes' exchange
    int scratch_bytes;       // per world
    AgentQueue queue;        // of a plan with a queue; else null
    char* kept_scratch;      // of all worlds, where a second kernel reads it
    int kept_scratch_bytes;  // from one world's to the next
    EarlyBlocks early;       // steps: up to `most` blocks begin first
    int early_blocks;        // in front of the others; 0: as a launch of their own
    int ahead;  // steps: block b fetches the tile of block b + ahead to the cache; the blocks resident at once
};

/// Entry points of the kernels of one kind of group; grid has one for everything. All null where the environment is not
/// compiled for this kind.
struct KernelSet {
    const void* step = nullptr;        // (EngineView<Env>, StagingPlan)
    const void* other = nullptr;       // (EngineView<Env>, StagingPlan, Work)
    const void* early_step = nullptr;  // as `step`, of worlds at their time limit, by blocks of up to 1,024 lanes
    const void* usual_step = nullptr;  // as `step`, for the environment's usual sizes alone
    const void* queue_step = nullptr;  // as `step`, but the agents that are to be observed are listed
    const void* observe = nullptr;     // (EngineView<Env>, StagingPlan): observes those
};
/// By kind.
struct KernelSets {
    KernelSet of[num_group_kinds];
};
/// Instantiated in a source file for each kind that the environment's registry line lists.
template <class Env, GroupKind kind>
KernelSet kernels_of();

/// Lanes for worlds that are reset, where the environment says how many: their blocks are few, and nothing else waits.
inline constexpr int max_reset_lanes = 1024;
template <class Env>
inline constexpr bool has_reset_lanes = requires(const typename Env::Config& config, const SharedOf<Env>& shared) {
    Env::reset_lanes(config, shared, 32);
};

/// Room for GridGroup::Exchange.
inline constexpr int grid_exchange_bytes = 8192;

}  // namespace flockstep
