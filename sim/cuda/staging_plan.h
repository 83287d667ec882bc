#pragma once

#include <cstdint>

#include "sim/contract/world.h"
#include "sim/cuda/early_blocks.h"
#include "sim/engine/agent_queue.h"
#include "sim/engine/engine_view.h"
#include "sim/engine/plan.h"

/// Kernel arguments other than the batch's view, and the table of kernels.
namespace flockstep {

/// Layout of a block's shared memory (grid: of global memory), in bytes.
struct StagingPlan {
    GroupKind kind;
    int lanes, worlds, threads;  // per world; per block; per block
    int tiles, scratch, actions, agent_rows, env_rows, stage, bytes;
    int action_words;  // per world, including those of scripted policies
    int64_t blocks;
    int64_t tiled_worlds;          // num_envs, rounded up to whole tiles
    char* global;                  // grid: replaces shared memory; followed by the lanes' exchange
    int scratch_bytes;             // per world
    AgentQueue queue;              // of a plan with a queue; otherwise null
    char* persistent_scratch;      // of all worlds, if a second kernel reads it
    int persistent_scratch_bytes;  // stride between worlds
    EarlyBlocks early;             // steps: up to `capacity` blocks begin first
    int early_blocks;              // before the others; 0: in a separate launch
    int prefetch_distance;  // steps: block b prefetches the tile of block b + prefetch_distance; the number of resident
                            // blocks
};

/// Entry points of the kernels for one kind of group; grid has a single one. All null if the environment is not
/// compiled for this kind.
struct KernelSet {
    const void* step = nullptr;        // (EngineView<Env>, StagingPlan)
    const void* reset_act = nullptr;   // (EngineView<Env>, StagingPlan, Work)
    const void* early_step = nullptr;  // like `step`, for worlds at their time limit, with blocks of up to 1,024 lanes
    const void* specialized_step = nullptr;  // like `step`, only for the environment's SpecializedSizes
    const void* queue_step = nullptr;        // like `step`, but enqueues the agents to be observed
    const void* observe = nullptr;           // (EngineView<Env>, StagingPlan): observes the queue
};
/// Indexed by kind.
struct KernelSets {
    KernelSet of[num_group_kinds];
};
/// Instantiated in a separate source file for each kind in the environment's registry line.
template <class Env, GroupKind kind>
KernelSet kernels_of();

/// Maximum lanes for worlds that are reset, if the environment defines reset_lanes: such blocks are few.
inline constexpr int max_reset_lanes = 1024;
template <class Env>
inline constexpr bool has_reset_lanes = requires(const typename Env::Config& config, const SharedOf<Env>& shared) {
    Env::reset_lanes(config, shared, 32);
};

/// Space for GridGroup::Exchange.
inline constexpr int grid_exchange_bytes = 8192;

}  // namespace flockstep
