#pragma once

#include "sim/engine.h"
#include "sim/engine_cuda.h"
#include "sim/group_cuda.cuh"

/// The kernels of the CUDA backend. A block takes some worlds: their small state and outputs pass through shared memory
/// as straight 16-byte copies, and the lanes of each world's group run the rules there. One launch per step.
namespace flockstep {

__device__ __forceinline__ void copy_vectors(void* to, const void* from, int64_t bytes) {
    for (int64_t i = threadIdx.x; i < bytes / 16; i += blockDim.x)
        static_cast<uint4*>(to)[i] = __ldcs(static_cast<const uint4*>(from) + i);
}
__device__ __forceinline__ void stream_vectors(void* to, const void* from, int64_t bytes) {
    for (int64_t i = threadIdx.x; i < bytes / 16; i += blockDim.x)
        __stcs(static_cast<uint4*>(to) + i, static_cast<const uint4*>(from)[i]);
}

/// The group of this thread and the place of its world, for kinds that live in a block.
template <GroupKind kind>
struct BlockLanes;
template <>
struct BlockLanes<GroupKind::lane> {
    static __device__ LaneGroup group(const StagingPlan&, BlockGroup::Exchange&) { return {}; }
};
template <>
struct BlockLanes<GroupKind::warp> {
    static __device__ WarpGroup group(const StagingPlan& plan, BlockGroup::Exchange&) {
        return {int(threadIdx.x), plan.lanes};
    }
};
template <>
struct BlockLanes<GroupKind::block> {
    static __device__ BlockGroup group(const StagingPlan&, BlockGroup::Exchange& exchange) {
        return BlockGroup(exchange);
    }
};

/// A world's place in shared memory. `staged`: its rows too; otherwise they lie in the outputs themselves, where
/// wanted.
template <class Env>
__device__ __forceinline__ Place block_place(const EngineView<Env>& e, const StagingPlan& plan, char* shared,
                                             int64_t env, int slot, bool staged) {
    const int n = e.num_agents, all = plan.worlds * n;
    const int tile = slot / e.tile_worlds;
    Place p;
    p.tile = shared + plan.tiles + int64_t(tile) * e.tile_worlds * e.world_bytes;
    p.tile_index = slot % e.tile_worlds, p.tile_worlds = e.tile_worlds;
    p.scratch = shared + plan.scratch + int64_t(tile) * e.tile_worlds * plan.scratch_bytes;
    p.action = reinterpret_cast<int32_t*>(shared + plan.actions) + slot * e.action_words;
    p.reward = reinterpret_cast<float*>(shared + plan.rewards) + slot * n;
    uint8_t* flags = reinterpret_cast<uint8_t*>(shared + plan.flags) + slot * n;
    p.terminated = flags, p.truncated = flags + all, p.active = flags + 2 * all, p.acts = flags + 3 * all,
    p.episode_start = flags + 4 * all;
    if (!staged) {
        if (e.reward) p.reward = e.reward + env * n;
        if (e.terminated) p.terminated = e.terminated + env * n;
        if (e.truncated) p.truncated = e.truncated + env * n;
        if (e.active) p.active = e.active + env * n;
        if (e.acts) p.acts = e.acts + env * n;
        if (e.episode_start) p.episode_start = e.episode_start + env * n;
    }
    p.stage = shared + plan.stage;
    p.slot = slot;
    p.flush_later = staged && plan.worlds > 1;
    return p;
}

/// Moves what a step wrote for the block's worlds: state, rows, staged observations.
template <class Env>
__device__ __forceinline__ void move_out(const EngineView<Env>& e, const StagingPlan& plan, char* shared, int64_t first,
                                         int worlds) {
    const int n = e.num_agents, lane = int(threadIdx.x), lanes = int(blockDim.x);
    const int64_t rows = int64_t(worlds) * n;
    const int all = plan.worlds * n;
    if (e.reward)
        move_numbers<float>(lane, lanes, reinterpret_cast<char*>(e.reward + first * n), shared + plan.rewards,
                            DType::float32, rows);
    uint8_t* const flags[] = {e.terminated, e.truncated, e.active, e.acts, e.episode_start};
    SIM_UNROLL
    for (int i = 0; i < 5; ++i)
        if (flags[i])
            move_numbers<uint8_t>(lane, lanes, reinterpret_cast<char*>(flags[i] + first * n),
                                  shared + plan.flags + i * all, DType::uint8, rows);
    if (plan.worlds == 1) return;
    for (int p = 0; p < e.num_parts; ++p) {
        const PartView& part = e.parts[p];
        if (!part.wanted() || part.direct || part.written == DType::bit) continue;
        move_part(lane, lanes, part, part.rows(false, first, part.first),
                  shared + part.stage_offset + plan.stage + part.stage_shift(first, part.first),
                  int64_t(worlds) * part.count * part.elements);
    }
}

template <class Env, GroupKind kind>
__global__ void __launch_bounds__(kind == GroupKind::block ? max_block_lanes : 128)
    step_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    const int64_t first = int64_t(blockIdx.x) * plan.worlds;
    const int64_t padded = (e.num_envs + e.tile_worlds - 1) / e.tile_worlds * e.tile_worlds;
    const int worlds = int(min(int64_t(plan.worlds), e.num_envs - first));
    const int64_t tile_bytes = min(int64_t(plan.worlds), padded - first) * e.world_bytes;
    copy_vectors(shared + plan.tiles, e.tiles + first * e.world_bytes, tile_bytes);
    __syncthreads();
    const int slot = kind == GroupKind::block ? 0 : int(threadIdx.x) / plan.lanes;
    if (slot < worlds) {
        auto group = BlockLanes<kind>::group(plan, exchange);
        WorldEngine<Env, decltype(group)> world(group, e, first + slot,
                                                block_place(e, plan, shared, first + slot, slot, true));
        world.step();
    }
    __syncthreads();
    stream_vectors(e.tiles + first * e.world_bytes, shared + plan.tiles, tile_bytes);
    move_out(e, plan, shared, first, worlds);
}

/// Resets, refreshes and scripted policies: rare, so rows are written in place.
template <class Env, GroupKind kind>
__global__ void __launch_bounds__(kind == GroupKind::block ? max_block_lanes : 128)
    other_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan,
                 const OtherWork work) {
    extern __shared__ __align__(16) char shared[];
    __shared__ BlockGroup::Exchange exchange;
    const int64_t first = int64_t(blockIdx.x) * plan.worlds;
    const int64_t padded = (e.num_envs + e.tile_worlds - 1) / e.tile_worlds * e.tile_worlds;
    const int worlds = int(min(int64_t(plan.worlds), e.num_envs - first));
    const int64_t tile_bytes = min(int64_t(plan.worlds), padded - first) * e.world_bytes;
    copy_vectors(shared + plan.tiles, e.tiles + first * e.world_bytes, tile_bytes);
    __syncthreads();
    const int slot = kind == GroupKind::block ? 0 : int(threadIdx.x) / plan.lanes;
    if (slot < worlds && !(work.mask && !work.mask[first + slot])) {
        auto group = BlockLanes<kind>::group(plan, exchange);
        WorldEngine<Env, decltype(group)> world(group, e, first + slot,
                                                block_place(e, plan, shared, first + slot, slot, false));
        if (work.is_act)
            world.act(work.policy, work.draw);
        else
            world.begin(work.is_reset, work.seeded);
    }
    __syncthreads();
    stream_vectors(e.tiles + first * e.world_bytes, shared + plan.tiles, tile_bytes);
}

/// One world after the other by the whole grid; state stays where it is.
template <class Env>
__global__ void __launch_bounds__(256)
    grid_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan,
                const OtherWork work, const bool is_step) {
    static_assert(sizeof(GridGroup::Exchange) <= grid_exchange_bytes);
    auto& exchange = *reinterpret_cast<GridGroup::Exchange*>(plan.global + plan.bytes);
    for (int64_t env = 0; env < e.num_envs; ++env) {
        if (work.mask && !work.mask[env]) continue;
        GridGroup group(exchange);
        Place place = block_place(e, plan, plan.global, env, 0, false);
        place.tile = e.tiles + env * e.world_bytes;
        WorldEngine<Env, GridGroup> world(group, e, env, place);
        if (is_step)
            world.step();
        else if (work.is_act)
            world.act(work.policy, work.draw);
        else
            world.begin(work.is_reset, work.seeded);
        group.sync();
    }
}

/// The entry points of one kind of group; each is instantiated in a source file of its own, since they take long to
/// compile.
template <class Env, GroupKind kind>
KernelSet kernels_of() {
    if constexpr (kind == GroupKind::grid) {
        return {reinterpret_cast<const void*>(grid_kernel<Env>), nullptr};
    } else if constexpr (kind == GroupKind::lane && has_no_lane_kind<Env>) {
        return {};
    } else {
        return {reinterpret_cast<const void*>(step_kernel<Env, kind>),
                reinterpret_cast<const void*>(other_kernel<Env, kind>)};
    }
}

}  // namespace flockstep
