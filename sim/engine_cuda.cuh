#pragma once

#include <algorithm>

#include "sim/cuda_check.h"
#include "sim/group_cuda.cuh"
#include "sim/typed_batch.h"

/// The CUDA backend. A block takes some worlds: their small state and outputs pass through shared memory as straight
/// 16-byte copies, and the lanes of each world's group run the rules there. One launch per step.
namespace flockstep {

/// Which lanes share a world.
enum class GroupKind { lane, warp, block, grid };

/// Where things lie in a block's shared memory (grid: in global memory), in bytes.
struct StagingPlan {
    GroupKind kind;
    int lanes, worlds, threads;  // per world; per block; per block
    int tiles, scratch, actions, rewards, flags, stage, bytes;
    int64_t blocks;
    char* global;                // grid: memory that stands in for the shared memory, and the lanes' exchange
    int scratch_bytes;           // per world
};

/// What a launch other than a step is to do.
struct OtherWork {
    bool is_reset, is_act;
    const uint8_t* mask;
    bool seeded;
    int policy;
    uint32_t draw;
};

__device__ __forceinline__ void copy_vectors(void* to, const void* from, int64_t bytes) {
    for (int64_t i = threadIdx.x; i < bytes / 16; i += blockDim.x) static_cast<uint4*>(to)[i] = __ldcs(static_cast<const uint4*>(from) + i);
}
__device__ __forceinline__ void stream_vectors(void* to, const void* from, int64_t bytes) {
    for (int64_t i = threadIdx.x; i < bytes / 16; i += blockDim.x) __stcs(static_cast<uint4*>(to) + i, static_cast<const uint4*>(from)[i]);
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
    static __device__ WarpGroup group(const StagingPlan& plan, BlockGroup::Exchange&) { return {int(threadIdx.x), plan.lanes}; }
};
template <>
struct BlockLanes<GroupKind::block> {
    static __device__ BlockGroup group(const StagingPlan&, BlockGroup::Exchange& exchange) { return BlockGroup(exchange); }
};

/// A world's place in shared memory. `staged`: its rows too; otherwise they lie in the outputs themselves, where wanted.
template <class Env>
__device__ __forceinline__ Place block_place(const EngineView<Env>& e, const StagingPlan& plan, char* shared, int64_t env, int slot, bool staged) {
    const int n = e.num_agents, all = plan.worlds * n;
    const int tile = slot / e.tile_worlds;
    Place p;
    p.tile = shared + plan.tiles + int64_t(tile) * e.tile_worlds * e.world_bytes;
    p.tile_index = slot % e.tile_worlds, p.tile_worlds = e.tile_worlds;
    p.scratch = shared + plan.scratch + int64_t(tile) * e.tile_worlds * plan.scratch_bytes;
    p.action = reinterpret_cast<int32_t*>(shared + plan.actions) + slot * e.action_words;
    p.reward = reinterpret_cast<float*>(shared + plan.rewards) + slot * n;
    uint8_t* flags = reinterpret_cast<uint8_t*>(shared + plan.flags) + slot * n;
    p.terminated = flags, p.truncated = flags + all, p.active = flags + 2 * all, p.acts = flags + 3 * all, p.episode_start = flags + 4 * all;
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
__device__ __forceinline__ void move_out(const EngineView<Env>& e, const StagingPlan& plan, char* shared, int64_t first, int worlds) {
    const int n = e.num_agents, lane = int(threadIdx.x), lanes = int(blockDim.x);
    const int64_t rows = int64_t(worlds) * n;
    const int all = plan.worlds * n;
    if (e.reward) move_numbers<float>(lane, lanes, reinterpret_cast<char*>(e.reward + first * n), shared + plan.rewards, DType::float32, rows);
    uint8_t* const flags[] = {e.terminated, e.truncated, e.active, e.acts, e.episode_start};
    SIM_UNROLL
    for (int i = 0; i < 5; ++i)
        if (flags[i]) move_numbers<uint8_t>(lane, lanes, reinterpret_cast<char*>(flags[i] + first * n), shared + plan.flags + i * all, DType::uint8, rows);
    if (plan.worlds == 1) return;
    for (int p = 0; p < e.num_parts; ++p) {
        const PartView& part = e.parts[p];
        if (!part.wanted() || part.direct || part.written == DType::bit) continue;
        move_part(lane, lanes, part, part.rows(false, first, part.first), shared + part.stage_offset + plan.stage + part.stage_shift(first, part.first),
                  int64_t(worlds) * part.count * part.elements);
    }
}

template <class Env, GroupKind kind>
__global__ void __launch_bounds__(kind == GroupKind::block ? 1024 : 128)
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
        WorldEngine<Env, decltype(group)> world(group, e, first + slot, block_place(e, plan, shared, first + slot, slot, true));
        world.step();
    }
    __syncthreads();
    stream_vectors(e.tiles + first * e.world_bytes, shared + plan.tiles, tile_bytes);
    move_out(e, plan, shared, first, worlds);
}

/// Resets, refreshes and scripted policies: rare, so rows are written in place.
template <class Env, GroupKind kind>
__global__ void __launch_bounds__(kind == GroupKind::block ? 1024 : 128)
    other_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan, const OtherWork work) {
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
        WorldEngine<Env, decltype(group)> world(group, e, first + slot, block_place(e, plan, shared, first + slot, slot, false));
        if (work.is_act) world.act(work.policy, work.draw);
        else world.begin(work.is_reset, work.seeded);
    }
    __syncthreads();
    stream_vectors(e.tiles + first * e.world_bytes, shared + plan.tiles, tile_bytes);
}

/// One world after the other by the whole grid; state stays where it is.
template <class Env>
__global__ void __launch_bounds__(256) grid_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan, const bool is_step,
                                                   const OtherWork work) {
    auto& exchange = *reinterpret_cast<GridGroup::Exchange*>(plan.global + plan.bytes);
    for (int64_t env = 0; env < e.num_envs; ++env) {
        if (work.mask && !work.mask[env]) continue;
        GridGroup group(exchange);
        Place place = block_place(e, plan, plan.global, env, 0, false);
        place.tile = e.tiles + env * e.world_bytes;
        WorldEngine<Env, GridGroup> world(group, e, env, place);
        if (is_step) world.step();
        else if (work.is_act) world.act(work.policy, work.draw);
        else world.begin(work.is_reset, work.seeded);
        group.sync();
    }
}

template <class Env>
class CudaBatch final : public TypedBatch<Env> {
    using Base = TypedBatch<Env>;
    using Base::engine_;

  public:
    CudaBatch(const std::string& name, const BatchOptions& options, Blueprint<Env> blueprint)
        : Base(name, options, std::move(blueprint)), device_(options.device.index) {
        const DeviceScope scope(device_);
        cuda_check(cudaDeviceGetAttribute(&shared_limit_, cudaDevAttrMaxSharedMemoryPerBlockOptin, device_), "reading the shared memory limit");
        shared_limit_ -= int(sizeof(BlockGroup::Exchange)) + 1024;
        choose_plan();
        raise_limits();
        this->reset(options.seed);
    }

  private:
    using Launch = typename Batch::Launch;
    using Operation = typename Batch::Operation;

    static constexpr int grid_lanes = -1;
    /// Environments of many agents say so, and one kernel less of each kind is compiled.
    static constexpr bool has_lane_kind = !requires { Env::never_one_lane; };
    static constexpr int comfortable_bytes = 56 << 10;  // four blocks per multiprocessor

    /// The environment's or the caller's number of lanes, or the next larger group that the worlds fit.
    void choose_plan() {
        int lanes = this->options_.lanes;
        if (lanes == 0) lanes = default_lanes();
        const bool is_group = lanes >= 1 && lanes <= 32 && (lanes & (lanes - 1)) == 0, is_block = lanes % 32 == 0 && lanes >= 64 && lanes <= 1024;
        if (!is_group && !is_block && lanes != grid_lanes)
            throw std::invalid_argument("lanes: got " + std::to_string(lanes) +
                                        ", want 1, 2, 4, 8, 16, 32, a multiple of 32 up to 1024, or -1 for the whole grid");
        if (is_group && fits_group(has_lane_kind ? lanes : std::max(lanes, 2))) return;
        if (lanes != grid_lanes && fits_block(is_block ? lanes : 64)) return;
        plan_grid();
    }
    int default_lanes() const {
        if constexpr (requires { Env::lanes(engine_.config); }) return Env::lanes(engine_.config);
        int lanes = 1;
        while (lanes < engine_.num_agents && lanes < 256) lanes *= 2;
        return lanes;
    }
    bool fits_group(int lanes) {
        const int most = most_agents_of_a_role();
        for (int threads : {128, 64, 32}) {
            plan_ = lay_out(lanes == 1 ? GroupKind::lane : GroupKind::warp, lanes, threads, most);
            if (plan_.bytes <= (threads == 32 ? shared_limit_ : comfortable_bytes)) return settle();
        }
        return false;
    }
    bool fits_block(int lanes) {
        for (int agents = most_agents_of_a_role();; agents = (agents + 1) / 2) {
            plan_ = lay_out(GroupKind::block, lanes, lanes, agents);
            if (plan_.bytes <= (agents == 1 ? shared_limit_ : comfortable_bytes)) return settle();
            if (agents == 1) return false;
        }
    }
    void plan_grid() {
        for (int p = 0; p < engine_.num_parts; ++p) engine_.parts[p].direct = engine_.parts[p].written == engine_.parts[p].dtype;
        int agents = most_agents_of_a_role();
        do {
            plan_ = lay_out(GroupKind::grid, 1, 256, agents);
            agents = (agents + 1) / 2;
        } while (plan_.bytes > (1 << 28) && agents > 1);
        settle();
        working_memory_.emplace_back(*this->memory_, size_t(plan_.bytes) + sizeof(GridGroup::Exchange), "the grid's working memory");
        plan_.global = static_cast<char*>(working_memory_.back().data());
        int per_multiprocessor = 0, multiprocessors = 0;
        cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, grid_kernel<Env>, plan_.threads, 0), "asking for the occupancy");
        cuda_check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device_), "counting multiprocessors");
        plan_.blocks = std::clamp<int64_t>(engine_.num_agents / plan_.threads, 1, int64_t(per_multiprocessor) * multiprocessors);
    }
    int most_agents_of_a_role() const {
        int most = 1;
        for (int r = 0; r < engine_.num_roles; ++r) most = std::max(most, engine_.roles[r].count);
        return most;
    }

    /// Offsets for blocks of `threads`; fills in where each part is staged.
    StagingPlan lay_out(GroupKind kind, int lanes, int threads, int agents_per_range) {
        StagingPlan plan{};
        plan.kind = kind, plan.lanes = lanes, plan.threads = threads;
        plan.worlds = kind == GroupKind::lane || kind == GroupKind::warp ? threads / lanes : 1;
        tile_worlds_ = kind == GroupKind::lane ? 32 : kind == GroupKind::warp ? 32 / lanes : 1;
        plan.scratch_bytes = int(this->scratch_bytes());
        plan.blocks = (engine_.num_envs + plan.worlds - 1) / plan.worlds;
        engine_.agents_per_range = agents_per_range;
        int64_t offset = 0;
        const auto take = [&](int64_t bytes) {
            const int64_t at = offset;
            offset = (offset + bytes + 15) / 16 * 16;
            return int(std::min<int64_t>(at, INT32_MAX / 2));
        };
        const int64_t rows = int64_t(plan.worlds) * engine_.num_agents;
        plan.tiles = take(kind == GroupKind::grid ? 0 : int64_t(plan.worlds) * this->world_bytes(tile_worlds_));
        plan.scratch = take(int64_t(plan.worlds) * plan.scratch_bytes);
        plan.actions = take(int64_t(plan.worlds) * engine_.action_words * 4);
        plan.rewards = take(rows * 4);
        plan.flags = take(rows * 5);
        plan.stage = int(std::min<int64_t>(offset, INT32_MAX / 2));
        for (int p = 0; p < engine_.num_parts; ++p) {
            PartView& part = engine_.parts[p];
            if (!part.wanted() || part.direct) continue;
            const int64_t elements = int64_t(std::min(agents_per_range, part.count)) * part.elements;
            const int64_t bytes = part.written == DType::bit ? (elements + 31) / 32 * 4 + 8 : elements * part.written_size();
            part.stage_world_bytes = int(std::min<int64_t>(bytes, INT32_MAX / 2));
            part.stage_offset = take(bytes * plan.worlds + 16) - plan.stage;
        }
        plan.bytes = int(std::min<int64_t>(offset, INT32_MAX / 2));
        return plan;
    }
    bool settle() {
        this->plan_layout(tile_worlds_);
        return true;
    }

    /// Calls f(step kernel, other kernel) of the plan's kind.
    template <class F>
    void with_kernels(F&& f) {
        if (plan_.kind == GroupKind::lane) f(step_kernel<Env, GroupKind::lane>, other_kernel<Env, GroupKind::lane>);
        else if (plan_.kind == GroupKind::warp) f(step_kernel<Env, GroupKind::warp>, other_kernel<Env, GroupKind::warp>);
        else if (plan_.kind == GroupKind::block) f(step_kernel<Env, GroupKind::block>, other_kernel<Env, GroupKind::block>);
    }
    void raise_limits() {
        with_kernels([&](auto* step, auto* other) {
            cuda_check(cudaFuncSetAttribute(step, cudaFuncAttributeMaxDynamicSharedMemorySize, plan_.bytes), "asking for shared memory");
            cuda_check(cudaFuncSetAttribute(other, cudaFuncAttributeMaxDynamicSharedMemorySize, plan_.bytes), "asking for shared memory");
        });
    }

    void launch(const Launch& launch, Stream stream) override {
        const DeviceScope scope(device_);
        const auto handle = static_cast<cudaStream_t>(stream.handle);
        const OtherWork work{launch.operation == Operation::reset, launch.operation == Operation::act, launch.mask, launch.seeded, launch.policy, launch.draw};
        const bool is_step = launch.operation == Operation::step;
        if (plan_.kind == GroupKind::grid) {
            void* arguments[] = {&engine_, &plan_, const_cast<bool*>(&is_step), const_cast<OtherWork*>(&work)};
            cuda_check(cudaLaunchCooperativeKernel(grid_kernel<Env>, dim3(unsigned(plan_.blocks)), dim3(unsigned(plan_.threads)), arguments, 0, handle),
                       "launching a step of the whole grid");
            return;
        }
        with_kernels([&](auto* step, auto* other) {
            if (is_step) step<<<unsigned(plan_.blocks), unsigned(plan_.threads), size_t(plan_.bytes), handle>>>(engine_, plan_);
            else other<<<unsigned(plan_.blocks), unsigned(plan_.threads), size_t(plan_.bytes), handle>>>(engine_, plan_, work);
        });
        cuda_check(cudaGetLastError(), is_step ? "launching a step" : "launching a reset or policy");
    }

    int device_, shared_limit_ = 0, tile_worlds_ = 1;
    StagingPlan plan_{};
    std::vector<Buffer> working_memory_;
};

template <class Env>
std::unique_ptr<Batch> make_cuda_batch(const char* name, const BatchOptions& options, const Settings& settings) {
    return std::make_unique<CudaBatch<Env>>(name, options, Blueprint<Env>(name, settings));
}

}  // namespace flockstep
