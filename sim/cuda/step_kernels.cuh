#pragma once

#include <cuda_pipeline.h>

#include "sim/cuda/group_cuda.cuh"
#include "sim/cuda/staging_plan.h"
#include "sim/engine/world_engine.h"

/// The kernels of the CUDA backend. Each block steps a few worlds: their small state and outputs are staged in shared
/// memory by 16-byte copies, and the lanes of each world's group run the rules there. If groups are within a warp,
/// warps are independent and never synchronize with their block.
namespace flockstep {

/// The lanes that cooperatively copy the tile of some worlds, and these worlds: each warp has its own tile if groups
/// are within a warp; otherwise the block has one world.
template <GroupKind kind>
struct TileOwners {
    static constexpr bool is_block = kind == GroupKind::block;
    int lane, lanes, first_slot, count;  // first_slot: index of its first world within the block
    int64_t block_env, first_env;

    /// `block`: index among the blocks that own worlds.
    __device__ TileOwners(const EngineCommon& e, const StagingPlan& plan, int64_t block)
        : block_env(block * plan.worlds) {
        const int worlds = is_block ? 1 : 32 / world_lanes(plan);
        lane = is_block ? int(threadIdx.x) : int(threadIdx.x) & 31, lanes = is_block ? int(blockDim.x) : 32;
        first_slot = is_block ? 0 : int(threadIdx.x) / 32 * worlds;
        first_env = block_env + first_slot;
        count = int(max(int64_t{0}, min(int64_t(worlds), e.num_envs - first_env)));
    }
    __device__ static int world_lanes(const StagingPlan& plan) { return kind == GroupKind::lane ? 1 : plan.lanes; }
    __device__ int slot(const StagingPlan& plan) const { return is_block ? 0 : int(threadIdx.x) / world_lanes(plan); }
    __device__ void sync() const {
        if (is_block)
            __syncthreads();
        else
            __syncwarp();
    }
};
/// A lane for which the environment's SpecializedSizes are constants.
struct SpecializedLaneGroup : LaneGroup {
    static constexpr bool specialized_sizes = true;
    /// small_sum(), unrolled.
    template <class F>
    __device__ float sum(int n, F&& f) {
        if (n > max_small_sum_items) return LaneGroup::sum(n, f);
        float low = 0.0f, high = 0.0f;
        SIM_UNROLL
        for (int i = 0; i < max_small_sum_items; ++i) {
            if (i == 2 && n > 2) low = high, high = 0.0f;
            if (i < n) high += f(i);
        }
        return low + high;
    }
};
/// A block whose streamed observations are written by a second kernel.
class QueueGroup : public BlockGroup {
  public:
    __device__ QueueGroup(Exchange& exchange, const AgentQueue& queue) : BlockGroup(exchange), queue_(queue) {}
    __device__ const AgentQueue& queue() const { return queue_; }
    __device__ BlockGroup alone() const { return *this; }

  private:
    const AgentQueue& queue_;
};
/// A block's lanes on one of several worlds whose memory is interleaved.
struct TiledBlockGroup : BlockGroup {
    static constexpr int tile_worlds = 0;
    using BlockGroup::BlockGroup;
};
/// Worlds of a block that restart in this step.
struct Restarts {
    static constexpr int capacity = 64;
    int count;
    int slot[capacity];
};
/// A warp's group in a block that has more lanes than its worlds need: the extra lanes wait for worlds that restart,
/// and then all lanes work on one restart at a time.
template <class Env>
class WarpGroupWithHelpers : public WarpGroup {
  public:
    __device__ WarpGroupWithHelpers(int lanes, const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                    int64_t block_env, int slot, Restarts& restarts, BlockGroup::Exchange& exchange)
        : WarpGroup(int(threadIdx.x), lanes, true),
          e_(e),
          plan_(plan),
          shared_(shared),
          block_env_(block_env),
          slot_(slot),
          restarts_(restarts),
          exchange_(exchange) {}
    /// Called once by every lane that has a world; the other lanes call restart_listed() directly.
    __device__ void restart_by_block(bool wanted) {
        if (wanted && lane() == 0) restarts_.slot[atomic_add(restarts_.count, 1)] = slot_;
        __threadfence_block();
        __syncwarp();
        restart_listed(e_, plan_, shared_, block_env_, restarts_, exchange_);
    }
    /// By every lane of the block.
    static __device__ void restart_listed(const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                          int64_t block_env, const Restarts& restarts, BlockGroup::Exchange& exchange);

  private:
    const EngineView<Env>& e_;
    const StagingPlan& plan_;
    char* const shared_;
    const int64_t block_env_;
    const int slot_;
    Restarts& restarts_;
    BlockGroup::Exchange& exchange_;
};

template <GroupKind kind, bool specialized = false>
__device__ __forceinline__ auto group_of_thread(const TileOwners<kind>& owners, const StagingPlan& plan,
                                                BlockGroup::Exchange& exchange) {
    if constexpr (specialized)
        return SpecializedLaneGroup{};
    else if constexpr (kind == GroupKind::lane)
        return LaneGroup{};
    else if constexpr (kind == GroupKind::warp)
        return WarpGroup(int(threadIdx.x), plan.lanes, owners.count == 32 / plan.lanes);
    else
        return BlockGroup(exchange);
}

/// The tile of an owner's worlds, staged in shared memory and in global memory, as 16-byte vectors.
template <GroupKind kind>
struct StagedTile {
    const TileOwners<kind>& owners;
    uint4 *staged, *global;
    int vectors;

    __device__ StagedTile(const TileOwners<kind>& owners, const EngineCommon& e, const StagingPlan& plan, char* shared)
        : owners(owners),
          staged(reinterpret_cast<uint4*>(shared + plan.tiles + owners.first_slot * e.world_bytes)),
          global(reinterpret_cast<uint4*>(e.tiles + owners.first_env * e.world_bytes)),
          vectors(e.world_bytes * e.tile_worlds / 16) {}
    /// Starts the asynchronous copy; the tile is available after wait() and a sync.
    __device__ void fetch() const {
        SIM_NO_UNROLL
        for (int i = owners.lane; i < vectors; i += owners.lanes) __pipeline_memcpy_async(staged + i, global + i, 16);
        __pipeline_commit();
    }
    __device__ void wait() const { __pipeline_wait_prior(0); }
    /// Prefetches into L2 the tile of the worlds that are `worlds` further on.
    __device__ void prefetch(const EngineCommon& e, int64_t worlds) const {
        if (owners.first_env + worlds + owners.count > e.num_envs) return;
        const char* tile = reinterpret_cast<const char*>(global) + worlds * e.world_bytes;
        SIM_NO_UNROLL
        for (int i = owners.lane * 128; i < vectors * 16; i += owners.lanes * 128) flockstep::prefetch(tile + i);
    }
    __device__ void store() const {
        SIM_NO_UNROLL
        for (int i = owners.lane; i < vectors; i += owners.lanes) __stcs(global + i, staged[i]);
    }
};

/// A world's memory in shared memory. `staged`: the tile's owners store the rows of their worlds together; otherwise
/// each world stores its own when it is done. Rows are never written in place: nvcc 13.0 has been observed to assume
/// one address space for a pointer that may be shared or global. `fixed_worlds`: worlds per tile, or 0 if that is only
/// known at run time.
template <int fixed_worlds, class Env>
__device__ __forceinline__ EnvMemory<Env> block_memory(const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                                       int64_t env, int slot, bool staged) {
    const int n = is_single_agent<Env> ? 1 : e.num_agents;
    const int tile_worlds = fixed_worlds ? fixed_worlds : e.tile_worlds, tile = slot / tile_worlds;
    EnvMemory<Env> p;
    p.tile = shared + plan.tiles + tile * tile_worlds * e.world_bytes;
    p.tile_index = slot % tile_worlds, p.tile_worlds = tile_worlds;
    p.scratch = shared + plan.scratch + tile * tile_worlds * plan.scratch_bytes;
    p.action = reinterpret_cast<int32_t*>(shared + plan.actions) + slot * plan.action_words;
    p.rows = RowPointers<Env>::staged(shared + plan.agent_rows, shared + plan.env_rows, plan.worlds, n, slot);
    p.moves_rows = !staged;
    p.stage = shared + plan.stage;
    p.slot = slot;
    p.flush_later = staged && plan.worlds > 1;
    return p;
}

template <class Env>
__device__ void WarpGroupWithHelpers<Env>::restart_listed(const EngineView<Env>& e, const StagingPlan& plan,
                                                          char* shared, int64_t block_env, const Restarts& restarts,
                                                          BlockGroup::Exchange& exchange) {
    __syncthreads();
    for (int i = 0; i < restarts.count; ++i) {
        const int slot = restarts.slot[i];
        begin_episode_noinline<Env>(
            TiledBlockGroup(exchange), e, block_env + slot,
            block_memory<TiledBlockGroup::tile_worlds>(e, plan, shared, block_env + slot, slot, true));
        __syncthreads();
    }
}

/// Stores numbers first, first + step, ... < count of row `row`, starting at entry `from` of the staged row, to the
/// output, starting at entry `to`. An entry is the numbers of one agent, or of one world.
template <int row, class Env>
__device__ __forceinline__ void move_numbers(const EngineView<Env>& e, const RowPointers<Env>& rows, int from,
                                             int64_t to, int first, int count, int step) {
    constexpr RowInfo info = RowTable<Env>::rows[row];
    using T = NumberOf<info.dtype>;
    if (!e.rows[row]) return;
    for (int i = first; i < count; i += step)
        __stcs(reinterpret_cast<T*>(e.rows[row]) + to * info.size + i,
               T(rows.template number<row>(from * info.size + i)));
}
/// Stores entry `from` of every per-agent row to entry `to` of its output.
template <class Env>
__device__ __forceinline__ void move_agent(const EngineView<Env>& e, const RowPointers<Env>& rows, int from,
                                           int64_t to) {
    RowTable<Env>::for_each([&](auto row) {
        constexpr int which = row;
        if constexpr (RowTable<Env>::rows[which].is_per_agent())
            move_numbers<which>(e, rows, from, to, 0, RowTable<Env>::rows[which].size, 1);
    });
}
/// Stores the rows of an owner's worlds, which are staged contiguously.
template <GroupKind kind, class Env>
__device__ __forceinline__ void move_rows(const TileOwners<kind>& owners, const EngineView<Env>& e,
                                          const RowPointers<Env>& rows) {
    const int n = e.num_agents, learners = e.num_learners;
    for (int i = owners.lane; i < owners.count * learners; i += owners.lanes) {
        const int from = learners == n ? i : i / learners * n + e.first_learner + i % learners;
        move_agent(e, rows, from, owners.first_env * learners + i);
    }
    RowTable<Env>::for_each([&](auto row) {
        constexpr int which = row;
        if constexpr (!RowTable<Env>::rows[which].is_per_agent())
            move_numbers<which>(e, rows, 0, owners.first_env, owners.lane,
                                owners.count * RowTable<Env>::rows[which].size, owners.lanes);
    });
}
/// Stores the staged observations of an owner's worlds.
template <GroupKind kind>
__device__ __forceinline__ void move_observations(const TileOwners<kind>& owners, const EngineCommon& e,
                                                  const StagingPlan& plan, const char* shared) {
    for (int p = 0; p < e.num_parts; ++p) {
        const PartView& part = e.parts[p];
        if (!part.wanted() || part.direct || part.source_dtype == DType::bit) continue;
        const char* staged = shared + plan.stage + part.stage_offset + owners.first_slot * part.stage_world_bytes +
                             part.stage_shift(owners.block_env, part.first);
        move_part(owners.lane, owners.lanes, part, part.rows(false, owners.first_env, part.first), staged,
                  owners.count * part.count * part.elements);
    }
}

__device__ __forceinline__ char* persistent_scratch(const StagingPlan& plan, int64_t env) {
    return plan.persistent_scratch + env * plan.persistent_scratch_bytes;
}

/// Launch bounds: the largest block size of a kernel, and the number of resident blocks per multiprocessor, which
/// limits the registers per lane. Steps are bound by latency, so they need many lanes; resets and policies get more
/// registers.
template <GroupKind kind>
constexpr int max_block_threads = kind == GroupKind::block ? max_block_lanes : 128;
template <class Env, GroupKind kind>
constexpr int step_blocks = kind == GroupKind::block ? is_streamed<Env> ? 5 : 4  // streaming is bound by memory latency
                            : kind == GroupKind::warp ? 6
                                                      : 12;
template <GroupKind kind>
constexpr int reset_act_blocks = kind == GroupKind::block ? 2 : 4;

/// Variants of the step kernel. all: the general one. specialized: the environment's SpecializedSizes are constants;
/// unrolling needs registers, and shared memory limits its occupancy anyway. early: steps only worlds at their time
/// limit. queue: a second kernel observes the agents.
enum class StepKind { all, specialized, early, queue };
template <GroupKind kind, StepKind which>
constexpr int step_threads = which == StepKind::early ? max_reset_lanes : max_block_threads<kind>;
template <class Env, GroupKind kind, StepKind which>
constexpr int resident_blocks = which == StepKind::early         ? 1
                                : which == StepKind::specialized ? 5
                                                                 : step_blocks<Env, kind>;

template <class Env, GroupKind kind, StepKind which = StepKind::all>
__global__ void __launch_bounds__(step_threads<kind, which>, resident_blocks<Env, kind, which>)
    step_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    __shared__ Restarts restarts;  // if the block has helper lanes
    constexpr bool has_helpers = kind == GroupKind::warp && which == StepKind::early;
    int64_t block = int64_t{blockIdx.x} - plan.early_blocks;  // index of the worlds that this block steps
    constexpr bool can_be_early = kind == GroupKind::block || (kind == GroupKind::warp && has_reset_lanes<Env>);
    const auto is_early_block = [&] {
        return which == StepKind::early || (kind == GroupKind::block && int(blockIdx.x) < plan.early_blocks);
    };
    bool has_begun = false;  // an early block already steps these worlds
    if (can_be_early && plan.early.capacity > 0) {
        if (which != StepKind::early && blockIdx.x == 0 && threadIdx.x == 0) *plan.early.count = 0;
        if (is_early_block()) block = plan.early.block[blockIdx.x];
        if (has_helpers) {
            if (threadIdx.x == 0) restarts.count = 0;
            __syncthreads();
            if (threadIdx.x == 0) plan.early.block[blockIdx.x] = -1;
        }
        if (block < 0) return;
        has_begun = !is_early_block() && plan.early.is_early[block];
    }
    if constexpr (has_helpers) {
        if (int(threadIdx.x) >= plan.threads)
            return WarpGroupWithHelpers<Env>::restart_listed(e, plan, shared, block * plan.worlds, restarts, exchange);
    }
    const TileOwners<kind> owners(e, plan, block);
    if (owners.count == 0) return;
    const StagedTile<kind> tile(owners, e, plan, shared);
    tile.fetch();
    if (has_begun) {  // tested after the fetch has started, so that the latencies overlap
        tile.wait();
        return;
    }
    const int slot = owners.slot(plan);
    const int64_t env = owners.block_env + slot;
    auto group = [&] {
        if constexpr (has_helpers)
            return WarpGroupWithHelpers<Env>(plan.lanes, e, plan, shared, owners.block_env, slot, restarts, exchange);
        else if constexpr (which == StepKind::queue)
            return QueueGroup(exchange, plan.queue);
        else
            return group_of_thread<kind, which == StepKind::specialized>(owners, plan, exchange);
    }();
    using Group = decltype(group);
    const bool has_world = slot < owners.first_slot + owners.count;
    EnvMemory<Env> memory = block_memory<Group::tile_worlds>(e, plan, shared, env, slot, true);
    if (which == StepKind::queue) memory.scratch = persistent_scratch(plan, env);
    int32_t own_action;
    float own_reward;
    uint8_t own_flags[num_built_in_rows];
    constexpr bool in_registers = keeps_row<Env, Group>;
    static_assert(in_registers == (is_single_agent<Env> && kind == GroupKind::lane),
                  "the plan gives such rows no memory");
    if (in_registers) {
        memory.action = &own_action;
        memory.rows.row[reward_row] = reinterpret_cast<char*>(&own_reward);
        SIM_UNROLL
        for (int row = terminated_row; row < num_built_in_rows; ++row)
            memory.rows.row[row] = reinterpret_cast<char*>(own_flags + row);
    }
    if (has_world) WorldEngine<Env, Group>::fetch_actions(group, e, env, memory);
    if (plan.prefetch_distance > 0 && !is_early_block())
        tile.prefetch(e, int64_t{plan.prefetch_distance} * plan.worlds);
    tile.wait();
    owners.sync();
    if (has_world) {
        const SpecializedConfig<Env, Group> config = specialized_config<Env, Group>(e);
        WorldEngine<Env, Group>(group, e, config, env, memory).step();
        if (in_registers) move_agent(e, memory.rows, 0, env);
    }
    owners.sync();
    tile.store();
    if (!in_registers) {
        move_rows(owners, e,
                  RowPointers<Env>::staged(shared + plan.agent_rows, shared + plan.env_rows, plan.worlds, e.num_agents,
                                           owners.first_slot));
    }
    if constexpr (kind != GroupKind::block && !in_registers && !is_streamed<Env>)
        move_observations(owners, e, plan, shared);
    // All lanes read it several syncs ago.
    if (kind == GroupKind::block && is_early_block() && threadIdx.x == 0) plan.early.block[blockIdx.x] = -1;
}

/// Observes the agents that a step has enqueued, one warp per agent; worlds are accessed in global memory.
template <class Env>
__global__ void __launch_bounds__(max_block_lanes, step_blocks<Env, GroupKind::block>)
    observe_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan) {
    extern __shared__ __align__(16) char shared[];
    WarpGroup team = BlockGroup::team();
    const int index = int(threadIdx.x) / 32, teams = int(blockDim.x) / 32, count = *plan.queue.count;
    for (int i = int(blockIdx.x) * teams + index; i < count; i += int(gridDim.x) * teams) {
        const QueuedAgent next = plan.queue.agents[i];
        EnvMemory<Env> memory{};
        memory.tile = e.tiles + int64_t{next.env} * e.world_bytes, memory.tile_worlds = 1;
        memory.scratch = persistent_scratch(plan, next.env);
        memory.stage = shared;
        WorldCall<Env, WarpGroup> call(team, e, e.config, next.env, memory);
        call.world.elapsed = call.episode_state.elapsed[0];
        AgentStream<Env, WarpGroup>(call).observe(team, index, next.agent, false);
        team.sync();  // the ring is reused
    }
}

/// Resets, refreshes and scripted policies: rare, so each world stores its own rows.
template <class Env, GroupKind kind>
__global__ void __launch_bounds__(max_block_threads<kind>, reset_act_blocks<kind>)
    reset_act_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan,
                     const Work work) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    const TileOwners<kind> owners(e, plan, blockIdx.x);
    if (owners.count == 0) return;
    const StagedTile<kind> tile(owners, e, plan, shared);
    tile.fetch();
    tile.wait();
    owners.sync();
    const int slot = owners.slot(plan);
    const int64_t env = owners.block_env + slot;
    if (slot < owners.first_slot + owners.count && !(work.mask && !work.mask[env])) {
        auto group = group_of_thread<kind>(owners, plan, exchange);
        using Group = decltype(group);
        WorldEngine<Env, Group> world(group, e, e.config, env,
                                      block_memory<Group::tile_worlds>(e, plan, shared, env, slot, false));
        world.run(work);
    }
    owners.sync();
    tile.store();
}

/// Defined in grid_kernel.cuh.
template <class Env>
const void* grid_kernel_of();

/// Instantiated in a separate source file for each kind that an environment is compiled for, since kernels compile
/// slowly.
template <class Env, GroupKind kind>
KernelSet kernels_of() {
    static_assert(kind != GroupKind::lane || !is_streamed<Env>,
                  "KINDS: want no `lane` if observations are streamed, which needs a warp");
    if constexpr (kind == GroupKind::grid) {
        return {grid_kernel_of<Env>()};
    } else {
        KernelSet set{reinterpret_cast<const void*>(step_kernel<Env, kind>),
                      reinterpret_cast<const void*>(reset_act_kernel<Env, kind>)};
        if constexpr (kind == GroupKind::lane && requires { typename Env::SpecializedSizes; })
            set.specialized_step = reinterpret_cast<const void*>(step_kernel<Env, kind, StepKind::specialized>);
        if constexpr (kind != GroupKind::lane && has_reset_lanes<Env>)
            set.early_step = reinterpret_cast<const void*>(step_kernel<Env, kind, StepKind::early>);
        if constexpr (kind == GroupKind::block && is_streamed<Env>) {
            set.queue_step = reinterpret_cast<const void*>(step_kernel<Env, kind, StepKind::queue>);
            set.observe = reinterpret_cast<const void*>(observe_kernel<Env>);
        }
        return set;
    }
}

}  // namespace flockstep
