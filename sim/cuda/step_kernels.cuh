#pragma once

#include <cuda_pipeline.h>

#include "sim/cuda/group_cuda.cuh"
#include "sim/cuda/staging_plan.h"
#include "sim/engine/world_engine.h"

/// The kernels of the CUDA backend. A block takes some worlds: their small state and outputs pass through shared memory
/// as straight 16-byte copies, and the lanes of each world's group run the rules there. Where groups lie
/// within a warp, each warp goes its own way and never waits for its block.
namespace flockstep {

/// The lanes that move the memory of some worlds together, and these worlds: a warp has a tile of its own where groups
/// lie within a warp; else the block has one world.
template <GroupKind kind>
struct Crew {
    static constexpr bool is_block = kind == GroupKind::block;
    int lane, lanes, first_slot, count;  // first_slot: of its worlds within the block
    int64_t block_env, first_env;

    /// `block`: counted through the worlds' own blocks.
    __device__ Crew(const EngineCommon& e, const StagingPlan& plan, int64_t block) : block_env(block * plan.worlds) {
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
/// A lane that knows the environment's usual sizes.
struct UsualLaneGroup : LaneGroup {
    static constexpr bool usual_sizes = true;
    /// sum_of_few(), unrolled.
    template <class F>
    __device__ float sum(int n, F&& f) {
        if (n > few_items) return LaneGroup::sum(n, f);
        float low = 0.0f, high = 0.0f;
        SIM_UNROLL
        for (int i = 0; i < few_items; ++i) {
            if (i == 2 && n > 2) low = high, high = 0.0f;
            if (i < n) high += f(i);
        }
        return low + high;
    }
};
/// A block whose streamed observations a second kernel writes.
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
    static constexpr int most = 64;
    int count;
    int slot[most];
};
/// A warp's group in a block that has more lanes than its worlds need: these wait for worlds that restart, and all work
/// on one after the other.
template <class Env>
class HelpedWarpGroup : public WarpGroup {
  public:
    __device__ HelpedWarpGroup(int lanes, const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                               int64_t block_env, int slot, Restarts& restarts, BlockGroup::Exchange& exchange)
        : WarpGroup(int(threadIdx.x), lanes, true),
          e_(e),
          plan_(plan),
          shared_(shared),
          block_env_(block_env),
          slot_(slot),
          restarts_(restarts),
          exchange_(exchange) {}
    /// Called once by every lane of the block's worlds; the others call restart_listed() at once.
    __device__ void restart_by_block(bool wanted) {
        if (wanted && lane() == 0) restarts_.slot[atomic_add(restarts_.count, 1)] = slot_;
        __threadfence_block();
        __syncwarp();
        restart_listed(e_, plan_, shared_, block_env_, restarts_, exchange_);
    }
    /// Every lane of the block.
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

template <GroupKind kind, bool usual = false>
__device__ __forceinline__ auto group_of_thread(const Crew<kind>& crew, const StagingPlan& plan,
                                                BlockGroup::Exchange& exchange) {
    if constexpr (usual)
        return UsualLaneGroup{};
    else if constexpr (kind == GroupKind::lane)
        return LaneGroup{};
    else if constexpr (kind == GroupKind::warp)
        return WarpGroup(int(threadIdx.x), plan.lanes, crew.count == 32 / plan.lanes);
    else
        return BlockGroup(exchange);
}

/// The tile of a crew's worlds, in shared memory and where it belongs, as 16-byte vectors.
template <GroupKind kind>
struct CrewTile {
    const Crew<kind>& crew;
    uint4 *staged, *home;
    int vectors;

    __device__ CrewTile(const Crew<kind>& crew, const EngineCommon& e, const StagingPlan& plan, char* shared)
        : crew(crew),
          staged(reinterpret_cast<uint4*>(shared + plan.tiles + crew.first_slot * e.world_bytes)),
          home(reinterpret_cast<uint4*>(e.tiles + crew.first_env * e.world_bytes)),
          vectors(e.world_bytes * e.tile_worlds / 16) {}
    /// The tile is there after wait() and a sync.
    __device__ void fetch() const {
        SIM_NO_UNROLL
        for (int i = crew.lane; i < vectors; i += crew.lanes) __pipeline_memcpy_async(staged + i, home + i, 16);
        __pipeline_commit();
    }
    __device__ void wait() const { __pipeline_wait_prior(0); }
    /// Brings the tile of the worlds so many behind nearer.
    __device__ void prefetch(const EngineCommon& e, int64_t worlds) const {
        if (crew.first_env + worlds + crew.count > e.num_envs) return;
        const char* tile = reinterpret_cast<const char*>(home) + worlds * e.world_bytes;
        SIM_NO_UNROLL
        for (int i = crew.lane * 128; i < vectors * 16; i += crew.lanes * 128) flockstep::prefetch(tile + i);
    }
    __device__ void bring_back() const {
        SIM_NO_UNROLL
        for (int i = crew.lane; i < vectors; i += crew.lanes) __stcs(home + i, staged[i]);
    }
};

/// A world's place in shared memory. `staged`: the crew moves the rows of its worlds together; otherwise each world
/// moves its own, when it is done. Rows are never written in place: of a pointer that may lie in shared or in global
/// memory nvcc 13.0 was seen to assume the one. `fixed_worlds`: worlds per tile, or 0 if that is only known at run
/// time.
template <int fixed_worlds, class Env>
__device__ __forceinline__ Place<Env> block_place(const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                                  int64_t env, int slot, bool staged) {
    const int n = is_single<Env> ? 1 : e.num_agents;
    const int tile_worlds = fixed_worlds ? fixed_worlds : e.tile_worlds, tile = slot / tile_worlds;
    Place<Env> p;
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
__device__ void HelpedWarpGroup<Env>::restart_listed(const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                                     int64_t block_env, const Restarts& restarts,
                                                     BlockGroup::Exchange& exchange) {
    __syncthreads();
    for (int i = 0; i < restarts.count; ++i) {
        const int slot = restarts.slot[i];
        begin_episode_apart<Env>(
            TiledBlockGroup(exchange), e, block_env + slot,
            block_place<TiledBlockGroup::tile_worlds>(e, plan, shared, block_env + slot, slot, true));
        __syncthreads();
    }
}

/// Numbers first, first + step, ... < count of row `row`, counted from entry `from` of the staged row, to the output,
/// counted from entry `to`. An entry is an agent's numbers, or a world's.
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
/// Entry `from` of every row of agents to entry `to` of its output.
template <class Env>
__device__ __forceinline__ void move_agent(const EngineView<Env>& e, const RowPointers<Env>& rows, int from,
                                           int64_t to) {
    RowTable<Env>::for_each([&](auto row) {
        constexpr int which = row;
        if constexpr (RowTable<Env>::rows[which].is_per_agent())
            move_numbers<which>(e, rows, from, to, 0, RowTable<Env>::rows[which].size, 1);
    });
}
/// The rows of a crew's worlds, which are staged side by side.
template <GroupKind kind, class Env>
__device__ __forceinline__ void move_rows(const Crew<kind>& crew, const EngineView<Env>& e,
                                          const RowPointers<Env>& rows) {
    const int n = e.num_agents, learners = e.num_learners;
    for (int i = crew.lane; i < crew.count * learners; i += crew.lanes) {
        const int from = learners == n ? i : i / learners * n + e.first_learner + i % learners;
        move_agent(e, rows, from, crew.first_env * learners + i);
    }
    RowTable<Env>::for_each([&](auto row) {
        constexpr int which = row;
        if constexpr (!RowTable<Env>::rows[which].is_per_agent())
            move_numbers<which>(e, rows, 0, crew.first_env, crew.lane, crew.count * RowTable<Env>::rows[which].size,
                                crew.lanes);
    });
}
/// Moves the staged observations of a crew's worlds.
template <GroupKind kind>
__device__ __forceinline__ void move_observations(const Crew<kind>& crew, const EngineCommon& e,
                                                  const StagingPlan& plan, const char* shared) {
    for (int p = 0; p < e.num_parts; ++p) {
        const PartView& part = e.parts[p];
        if (!part.wanted() || part.direct || part.written == DType::bit) continue;
        const char* staged = shared + plan.stage + part.stage_offset + crew.first_slot * part.stage_world_bytes +
                             part.stage_shift(crew.block_env, part.first);
        move_part(crew.lane, crew.lanes, part, part.rows(false, crew.first_env, part.first), staged,
                  crew.count * part.count * part.elements);
    }
}

__device__ __forceinline__ char* kept_scratch(const StagingPlan& plan, int64_t env) {
    return plan.kept_scratch + env * plan.kept_scratch_bytes;
}

/// Lanes of the largest block that runs a kernel, and how many such blocks a multiprocessor shall hold at once: what
/// registers a lane may use follows from it. Steps wait for memory and for each other, so they want many lanes; resets
/// and policies get more registers.
template <GroupKind kind>
constexpr int most_threads = kind == GroupKind::block ? max_block_lanes : 128;
template <class Env, GroupKind kind>
constexpr int step_blocks = kind == GroupKind::block  ? is_streamed<Env> ? 5 : 4  // streams wait for memory alone
                            : kind == GroupKind::warp ? 6
                                                      : 12;
template <GroupKind kind>
constexpr int other_blocks = kind == GroupKind::block ? 2 : 4;

/// Which worlds a kernel steps: all of a plan; all, with the environment's usual sizes as constants, since what unrolls
/// needs registers, and shared memory limits how many such blocks there are anyway; those at their time limit; or all,
/// whose agents another kernel observes.
enum class StepKind { all, usual, early, queue };
template <GroupKind kind, StepKind which>
constexpr int step_threads = which == StepKind::early ? max_reset_lanes : most_threads<kind>;
template <class Env, GroupKind kind, StepKind which>
constexpr int resident_blocks = which == StepKind::early   ? 1
                                : which == StepKind::usual ? 5
                                                           : step_blocks<Env, kind>;

template <class Env, GroupKind kind, StepKind which = StepKind::all>
__global__ void __launch_bounds__(step_threads<kind, which>, resident_blocks<Env, kind, which>)
    step_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    __shared__ Restarts restarts;  // where the block has helpers
    constexpr bool has_helpers = kind == GroupKind::warp && which == StepKind::early;
    int64_t block = int64_t{blockIdx.x} - plan.early_blocks;  // whose worlds this one steps
    constexpr bool can_be_early = kind == GroupKind::block || (kind == GroupKind::warp && has_reset_lanes<Env>);
    const auto is_early_block = [&] {
        return which == StepKind::early || (kind == GroupKind::block && int(blockIdx.x) < plan.early_blocks);
    };
    bool has_begun = false;  // its worlds are another block's, which began before
    if (can_be_early && plan.early.most > 0) {
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
            return HelpedWarpGroup<Env>::restart_listed(e, plan, shared, block * plan.worlds, restarts, exchange);
    }
    const Crew<kind> crew(e, plan, block);
    if (crew.count == 0) return;
    const CrewTile<kind> tile(crew, e, plan, shared);
    tile.fetch();
    if (has_begun) {  // tested once the fetch is on its way, so that both waits are one
        tile.wait();
        return;
    }
    const int slot = crew.slot(plan);
    const int64_t env = crew.block_env + slot;
    auto group = [&] {
        if constexpr (has_helpers)
            return HelpedWarpGroup<Env>(plan.lanes, e, plan, shared, crew.block_env, slot, restarts, exchange);
        else if constexpr (which == StepKind::queue)
            return QueueGroup(exchange, plan.queue);
        else
            return group_of_thread<kind, which == StepKind::usual>(crew, plan, exchange);
    }();
    using Group = decltype(group);
    const bool has_world = slot < crew.first_slot + crew.count;
    Place<Env> place = block_place<Group::tile_worlds>(e, plan, shared, env, slot, true);
    if (which == StepKind::queue) place.scratch = kept_scratch(plan, env);
    int32_t own_action;
    float own_reward;
    uint8_t own_flags[num_built_in_rows];
    constexpr bool in_registers = keeps_row<Env, Group>;
    static_assert(in_registers == (is_single<Env> && kind == GroupKind::lane), "the plan gives such rows no memory");
    if (in_registers) {
        place.action = &own_action;
        place.rows.row[reward_row] = reinterpret_cast<char*>(&own_reward);
        SIM_UNROLL
        for (int row = terminated_row; row < num_built_in_rows; ++row)
            place.rows.row[row] = reinterpret_cast<char*>(own_flags + row);
    }
    if (has_world) WorldEngine<Env, Group>::fetch_actions(group, e, env, place);
    if (plan.ahead > 0 && !is_early_block()) tile.prefetch(e, int64_t{plan.ahead} * plan.worlds);
    tile.wait();
    crew.sync();
    if (has_world) {
        const ConfigSeen<Env, Group> config = config_seen<Env, Group>(e);
        WorldEngine<Env, Group>(group, e, config, env, place).step();
        if (in_registers) move_agent(e, place.rows, 0, env);
    }
    crew.sync();
    tile.bring_back();
    if (!in_registers) {
        move_rows(crew, e,
                  RowPointers<Env>::staged(shared + plan.agent_rows, shared + plan.env_rows, plan.worlds, e.num_agents,
                                           crew.first_slot));
    }
    if constexpr (kind != GroupKind::block && !in_registers && !is_streamed<Env>)
        move_observations(crew, e, plan, shared);
    // All have read it, some syncs ago.
    if (kind == GroupKind::block && is_early_block() && threadIdx.x == 0) plan.early.block[blockIdx.x] = -1;
}

/// The agents that a step has listed, a warp each; the worlds are where they are at home.
template <class Env>
__global__ void __launch_bounds__(max_block_lanes, step_blocks<Env, GroupKind::block>)
    observe_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan) {
    extern __shared__ __align__(16) char shared[];
    WarpGroup team = BlockGroup::team();
    const int index = int(threadIdx.x) / 32, teams = int(blockDim.x) / 32, count = *plan.queue.count;
    for (int i = int(blockIdx.x) * teams + index; i < count; i += int(gridDim.x) * teams) {
        const QueuedAgent next = plan.queue.agents[i];
        Place<Env> place{};
        place.tile = e.tiles + int64_t{next.env} * e.world_bytes, place.tile_worlds = 1;
        place.scratch = kept_scratch(plan, next.env);
        place.stage = shared;
        WorldCall<Env, WarpGroup> call(team, e, e.config, next.env, place);
        call.world.elapsed = call.header.elapsed[0];
        AgentStream<Env, WarpGroup>(call).observe(team, index, next.agent, false);
        team.sync();  // the ring is used again
    }
}

/// Resets, refreshes and scripted policies: rare, so rows are written in place.
template <class Env, GroupKind kind>
__global__ void __launch_bounds__(most_threads<kind>, other_blocks<kind>)
    other_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan, const Work work) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    const Crew<kind> crew(e, plan, blockIdx.x);
    if (crew.count == 0) return;
    const CrewTile<kind> tile(crew, e, plan, shared);
    tile.fetch();
    tile.wait();
    crew.sync();
    const int slot = crew.slot(plan);
    const int64_t env = crew.block_env + slot;
    if (slot < crew.first_slot + crew.count && !(work.mask && !work.mask[env])) {
        auto group = group_of_thread<kind>(crew, plan, exchange);
        using Group = decltype(group);
        WorldEngine<Env, Group> world(group, e, e.config, env,
                                      block_place<Group::tile_worlds>(e, plan, shared, env, slot, false));
        world.run(work);
    }
    crew.sync();
    tile.bring_back();
}

/// Of grid_kernel.cuh.
template <class Env>
const void* grid_kernel_of();

/// Instantiated in a source file for each kind that an environment is compiled for, since kernels take long to compile.
template <class Env, GroupKind kind>
KernelSet kernels_of() {
    static_assert(kind != GroupKind::lane || !is_streamed<Env>,
                  "KINDS: want no `lane` where observations are streamed, which takes a warp");
    if constexpr (kind == GroupKind::grid) {
        return {grid_kernel_of<Env>()};
    } else {
        KernelSet set{reinterpret_cast<const void*>(step_kernel<Env, kind>),
                      reinterpret_cast<const void*>(other_kernel<Env, kind>)};
        if constexpr (kind == GroupKind::lane && requires { typename Env::UsualSizes; })
            set.usual_step = reinterpret_cast<const void*>(step_kernel<Env, kind, StepKind::usual>);
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
