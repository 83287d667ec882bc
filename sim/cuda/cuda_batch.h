#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <optional>

#include "sim/cuda/cuda_check.h"
#include "sim/cuda/side_stream.h"
#include "sim/cuda/staging_plan.h"
#include "sim/engine/typed_batch.h"

/// The CUDA backend, host side: the mapping of worlds to blocks, and the launches. The kernels are in step_kernels.cuh,
/// which describes how a block steps its worlds. One launch per step, preceded by another one if worlds whose episode
/// ends are stepped first.
namespace flockstep {

template <class Env>
class CudaBatch final : public TypedBatch<Env> {
    using Base = TypedBatch<Env>;
    using Base::engine_;

  public:
    CudaBatch(const std::string& name, const BatchOptions& options, EnvironmentSetup<Env> setup,
              const KernelSets& kernels)
        : Base(name, options, std::move(setup)), device_(options.device.index), kernel_sets_(kernels) {
        const DeviceScope scope(device_);
        cuda_check(cudaDeviceGetAttribute(&shared_limit_, cudaDevAttrMaxSharedMemoryPerBlockOptin, device_),
                   "reading the shared memory limit");
        shared_limit_ -= 2048;  // the group's exchange, and memory reserved by the system
        choose_plan();
        raise_limits();
        plan_order();
        this->reset(options.seed);
    }

    int max_early_blocks() const override { return plan_.early.capacity; }
    std::string plan() const override { return chosen_.text(true); }
    std::vector<std::string> plans() const override {
        std::vector<std::string> texts;
        for (const Plan& plan : feasible_) texts.push_back(plan.text(true));
        return texts;
    }
    std::string plan_details() const override {
        const DeviceScope scope(device_);
        const bool is_grid = plan_.kind == GroupKind::grid;
        cudaFuncAttributes attributes{};
        cuda_check(cudaFuncGetAttributes(&attributes, kernels().step), "reading a kernel's attributes");
        const int shared_bytes = is_grid ? 0 : plan_.bytes;
        return (is_grid ? "all lanes per world" : std::to_string(plan_.lanes) + " lanes per world") + ", blocks of " +
               std::to_string(plan_.threads) + " lanes with " + std::to_string(shared_bytes) + " B of shared memory, " +
               std::to_string(resident_blocks(kernels().step, shared_bytes)) + " of them resident, " +
               std::to_string(attributes.numRegs) + " registers and " + std::to_string(attributes.localSizeBytes) +
               " B of local memory per lane" + (chosen_.has_queue ? "; a second kernel observes the agents" : "");
    }

  private:
    using Launch = typename Batch::Launch;

    static constexpr int target_shared_bytes = 56 << 10;  // four blocks per multiprocessor

    /// Chooses the caller's plan; otherwise the environment's number of lanes, or the closest that fits.
    void choose_plan() {
        find_feasible_plans();
        const std::string& wanted = this->options_.plan;
        for (const Plan& plan : wanted.empty() ? plan_ladder(default_lanes()) : std::vector{parse_plan(wanted, true)})
            if (try_plan(plan)) return;
        std::vector<GroupKind> compiled;
        for (int kind = 0; kind < num_group_kinds; ++kind)
            if (is_compiled(GroupKind(kind))) compiled.push_back(GroupKind(kind));
        refuse_plan(wanted, this->environment(), compiled, feasible_);
    }
    void find_feasible_plans() {
        int default_threads = 0;  // chosen for the plan without explicit threads
        for (const Plan& plan : all_cuda_plans()) {
            if (!lay_out_plan(plan)) continue;
            if (plan.threads == 0) default_threads = plan_.threads;
            if (plan.threads != default_threads) feasible_.push_back(plan);
        }
    }
    bool is_compiled(GroupKind kind) const { return kernel_sets_.of[int(kind)].step != nullptr; }
    /// Lays out worlds for a plan and adopts it; false if they do not fit, or if there is no kernel for it.
    bool try_plan(const Plan& plan) {
        if (!lay_out_plan(plan)) return false;
        chosen_ = plan;
        this->plan_layout(tile_worlds_);
        if (plan.kind == GroupKind::grid) set_up_grid();
        if (plan.has_queue) set_up_queue();
        return true;
    }
    bool lay_out_plan(const Plan& plan) {
        if (!is_compiled(plan.kind) || (plan.has_queue && !is_streamed<Env>)) return false;
        switch (plan.kind) {
            case GroupKind::lane:
            case GroupKind::warp:
                return fits_group(plan.lanes, plan.threads);
            case GroupKind::block:
                return fits_block(plan.lanes);
            default:
                return lay_out_grid();
        }
    }
    int default_lanes() const {
        if (const int wanted = lanes_of<Env>(engine_.config, this->setup_.shared())) return checked_lanes(wanted);
        if constexpr (is_streamed<Env>) return max_streamed_bytes() > 4096 ? 256 : 128;
        int lanes = 1;
        while (lanes < engine_.num_agents && lanes < 256) lanes *= 2;
        return lanes;
    }
    /// Bytes of one agent's streamed parts, for the role with the most.
    int64_t max_streamed_bytes() const {
        int64_t most = 0;
        for (int r = 0; r < engine_.num_roles; ++r) {
            int64_t bytes = 0;
            for (int p = 0; p < engine_.roles[r].num_parts; ++p)
                bytes += engine_.parts[engine_.roles[r].first_part + p].agent_bytes;
            most = std::max(most, bytes);
        }
        return most;
    }
    int checked_lanes(int lanes) const {
        if (is_lane_count(lanes)) return lanes;
        throw std::logic_error(this->environment() + ": lanes() gives " + std::to_string(lanes) +
                               ", want 1, 2, 4, 8, 16, 32, or a multiple of 32 up to 256");
    }
    /// wanted_threads: block size; 0: the largest that lets several blocks be resident.
    bool fits_group(int lanes, int wanted_threads) {
        const int most = max_agents_per_role();
        for (int threads : {128, 64, 32}) {
            if (wanted_threads > 0 && threads != wanted_threads) continue;
            plan_ = lay_out(lanes == 1 ? GroupKind::lane : GroupKind::warp, lanes, threads, most);
            const bool is_last = threads == 32 || wanted_threads > 0;
            if (plan_.bytes <= (is_last ? shared_limit_ : target_shared_bytes)) return true;
        }
        return false;
    }
    bool fits_block(int lanes) {
        for (int agents = max_agents_per_role();; agents = (agents + 1) / 2) {
            plan_ = lay_out(GroupKind::block, lanes, lanes, agents);
            const bool is_last = agents == 1 || is_streamed<Env>;
            if (plan_.bytes <= (is_last ? shared_limit_ : target_shared_bytes)) return true;
            if (is_last) return false;
        }
    }
    bool lay_out_grid() {
        int agents = max_agents_per_role();
        do {
            plan_ = lay_out(GroupKind::grid, 1, 256, agents);
            agents = (agents + 1) / 2;
        } while (plan_.bytes > (1 << 28) && agents > 1);
        return true;
    }
    void set_up_grid() {
        for (int p = 0; p < engine_.num_parts; ++p) engine_.parts[p].direct = engine_.parts[p].is_copied();
        lay_out_grid();
        working_memory_.emplace_back(*this->memory_, size_t(plan_.bytes) + grid_exchange_bytes,
                                     "the grid's working memory");
        plan_.global = static_cast<char*>(working_memory_.back().data());
        plan_.blocks = std::clamp<int64_t>(engine_.num_agents / plan_.threads, 1, resident_blocks(kernels().step, 0));
    }
    void set_up_queue() {
        const char* const purpose = "the queue of agents that are observed";
        const int64_t agents = engine_.num_envs * engine_.num_agents;
        plan_.queue.agents = static_cast<QueuedAgent*>(allocate(agents * int64_t(sizeof(QueuedAgent)), purpose));
        plan_.queue.count = static_cast<int32_t*>(allocate(4, purpose));
        plan_.persistent_scratch_bytes = (plan_.scratch_bytes + 15) / 16 * 16;
        plan_.persistent_scratch = static_cast<char*>(
            allocate(engine_.num_envs * plan_.persistent_scratch_bytes + 16, "scratch memory of all worlds"));
    }
    void* allocate(int64_t bytes, const char* purpose) {
        return working_memory_.emplace_back(*this->memory_, size_t(bytes), purpose).data();
    }
    int max_agents_per_role() const {
        int most = 1;
        for (int r = 0; r < engine_.num_roles; ++r) most = std::max(most, engine_.roles[r].count);
        return most;
    }

    /// Computes offsets for blocks of `threads` lanes, and where each part is staged.
    StagingPlan lay_out(GroupKind kind, int lanes, int threads, int agents_per_range) {
        StagingPlan plan{};
        plan.kind = kind, plan.lanes = lanes, plan.threads = threads;
        plan.worlds = kind == GroupKind::lane || kind == GroupKind::warp ? threads / lanes : 1;
        tile_worlds_ = kind == GroupKind::lane ? 32 : kind == GroupKind::warp ? 32 / lanes : 1;
        plan.scratch_bytes = int(this->plan_scratch());
        plan.blocks = (engine_.num_envs + plan.worlds - 1) / plan.worlds;
        plan.tiled_worlds = (engine_.num_envs + tile_worlds_ - 1) / tile_worlds_ * tile_worlds_;
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
        plan.action_words = engine_.action_words * (engine_.num_scripted > 0 ? 2 : 1);
        plan.actions = take(int64_t(plan.worlds) * plan.action_words * 4);
        plan.agent_rows = take(rows * RowTable<Env>::agent_bytes);
        plan.env_rows = take(int64_t(plan.worlds) * RowTable<Env>::env_bytes);
        plan.stage = int(std::min<int64_t>(offset, INT32_MAX / 2));
        for (int p = 0; p < engine_.num_parts; ++p) {
            PartView& part = engine_.parts[p];
            if (!part.wanted() || part.direct || is_streamed<Env> || (is_single_agent<Env> && kind == GroupKind::lane))
                continue;
            const int64_t elements = int64_t(std::min(agents_per_range, part.count)) * part.elements;
            const int64_t bytes =
                part.source_dtype == DType::bit ? (elements + 31) / 32 * 4 + 8 : elements * part.source_size();
            part.stage_world_bytes = int(std::min<int64_t>(bytes, INT32_MAX / 2));
            part.stage_offset = take(bytes * plan.worlds + 16) - plan.stage;
        }
        take(int64_t{plan.worlds} * this->plan_stream(teams_of(kind, threads)));
        plan.bytes = int(std::min<int64_t>(offset, INT32_MAX / 2));
        return plan;
    }
    /// Warps that can work on a world concurrently; limited for a grid, since each needs its own memory.
    static int teams_of(GroupKind kind, int threads) {
        return kind == GroupKind::grid ? 1024 : kind == GroupKind::block ? threads / 32 : 1;
    }
    KernelSet kernels() const {
        KernelSet set = kernel_sets_.of[int(plan_.kind)];
        if (set.specialized_step && this->uses_specialized_sizes()) set.step = set.specialized_step;
        if (chosen_.has_queue) set.step = set.queue_step;
        return set;
    }
    /// Raises the limits to the maximum, since they belong to the kernel and other batches launch it with other plans.
    void raise_limits() {
        if (plan_.kind == GroupKind::grid) return;
        const auto raise = [&](const void* kernel) {
            cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_limit_),
                       "raising the shared memory limit");
        };
        raise(kernels().step);
        raise(kernels().reset_act);
        if (kernels().early_step) raise(kernels().early_step);
        if (kernels().observe) raise(kernels().observe);
    }

    /// If not all blocks are resident at once, tiles are prefetched, and worlds at their time limit start first; the
    /// latter also if these get more lanes.
    void plan_order() {
        if (plan_.kind == GroupKind::grid) return;
        if (chosen_.has_queue) observe_blocks_ = resident_blocks(kernels().observe, engine_.stream.world_bytes);
        const int64_t at_once = resident_blocks(kernels().step, plan_.bytes);
        const bool blocks_wait = plan_.blocks > at_once;
        if (blocks_wait) plan_.prefetch_distance = int(at_once);
        if (this->options_.autoreset_mode != AutoresetMode::same_step) return;
        if constexpr (has_reset_lanes<Env>)
            if (plan_.kind != GroupKind::lane)
                early_lanes_ =
                    std::min(Env::reset_lanes(engine_.config, this->setup_.shared(), plan_.lanes), max_reset_lanes);
        const bool have_more_lanes = early_lanes_ > plan_.threads;
        if (!have_more_lanes && !(blocks_wait && plan_.kind == GroupKind::block)) return;
        list_early_blocks();
        if (!have_more_lanes) return;
        early_stream_.emplace();
        plan_.early_blocks = 0;
        early_plan_ = plan_;
        if (plan_.kind == GroupKind::block) early_plan_.lanes = early_plan_.threads = early_lanes_;
    }
    void list_early_blocks() {
        const int64_t expected = std::min(plan_.blocks, plan_.blocks * plan_.worlds / engine_.max_episode_steps);
        const int most = int(std::min(plan_.blocks, 2 * expected + 64));
        const char* const purpose = "the order of blocks";
        plan_.early = {engine_.tiles + this->field("elapsed").offset * tile_worlds_,
                       engine_.world_bytes,
                       tile_worlds_,
                       plan_.worlds,
                       most,
                       static_cast<int32_t*>(allocate(int64_t{most} * 4, purpose)),
                       static_cast<int32_t*>(allocate(4, purpose)),
                       static_cast<uint8_t*>(allocate(plan_.blocks, purpose))};
        const std::vector<int32_t> none(size_t(most), -1);
        this->memory_->from_host(plan_.early.block, none.data(), none.size() * 4);
        plan_.early_blocks = most;
    }
    int64_t resident_blocks(const void* kernel, int shared_bytes) const {
        int per_multiprocessor = 0, multiprocessors = 0;
        cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel, plan_.threads,
                                                                 size_t(shared_bytes)),
                   "reading the occupancy");
        cuda_check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device_),
                   "counting multiprocessors");
        return int64_t{per_multiprocessor} * multiprocessors;
    }

    void launch(const Launch& launch, Stream stream) override {
        const DeviceScope scope(device_);
        const auto handle = static_cast<cudaStream_t>(stream.handle);
        Work work = launch;
        const bool is_step = launch.operation == Operation::step;
        EngineView<Env> bound;
        const EngineView<Env>& view = this->view_for(launch.bindings, bound);
        void* arguments[] = {const_cast<EngineView<Env>*>(&view), &plan_, &work};
        const KernelSet set = kernels();
        const bool has_early = is_step && plan_.early.capacity > 0;
        if (has_early)
            find_early_blocks(plan_.early, engine_.num_envs, plan_.blocks, engine_.max_episode_steps, handle);
        if (has_early && early_stream_) step_early_blocks(set, view, handle);
        const dim3 blocks(unsigned(plan_.blocks + (is_step ? plan_.early_blocks : 0))),
            threads(unsigned(plan_.threads));
        if (plan_.kind == GroupKind::grid) {
            cuda_check(cudaLaunchCooperativeKernel(set.step, blocks, threads, arguments, 0, handle),
                       "launching a step of the whole grid");
        } else {
            if (is_step && chosen_.has_queue)
                cuda_check(cudaMemsetAsync(plan_.queue.count, 0, 4, handle), "emptying the list of agents");
            cuda_check(cudaLaunchKernel(is_step ? set.step : set.reset_act, blocks, threads, arguments,
                                        size_t(plan_.bytes), handle),
                       is_step ? "launching a step" : "launching a reset or policy");
        }
        if (has_early && early_stream_) early_stream_->join(handle);
        if (is_step && chosen_.has_queue) observe_listed(set, view, handle);
    }
    void observe_listed(const KernelSet& set, const EngineView<Env>& view, cudaStream_t stream) {
        void* arguments[] = {const_cast<EngineView<Env>*>(&view), &plan_};
        cuda_check(cudaLaunchKernel(set.observe, dim3(unsigned(observe_blocks_)), dim3(unsigned(plan_.threads)),
                                    arguments, size_t(engine_.stream.world_bytes), stream),
                   "launching the observation of agents");
    }
    /// Steps them concurrently with the other worlds, and starts them first.
    void step_early_blocks(const KernelSet& set, const EngineView<Env>& view, cudaStream_t stream) {
        early_stream_->fork(stream);
        void* arguments[] = {const_cast<EngineView<Env>*>(&view), &early_plan_};
        cuda_check(
            cudaLaunchKernel(set.early_step, dim3(unsigned(early_plan_.early.capacity)), dim3(unsigned(early_lanes_)),
                             arguments, size_t(early_plan_.bytes), early_stream_->stream()),
            "launching a step of the worlds at their time limit");
    }

    int device_, shared_limit_ = 0, tile_worlds_ = 1;
    KernelSets kernel_sets_;
    std::vector<Plan> feasible_;
    Plan chosen_;
    StagingPlan plan_{}, early_plan_{};
    int early_lanes_ = 0;         // block size of early_plan_
    int64_t observe_blocks_ = 0;  // grid size of the kernel that observes the queue: all resident blocks
    std::optional<SideStream> early_stream_;
    std::vector<Buffer> working_memory_;
};

template <class Env>
std::unique_ptr<Batch> make_cuda_batch(const char* name, const BatchOptions& options, const Settings& settings,
                                       const KernelSets& kernels) {
    return std::make_unique<CudaBatch<Env>>(name, options, EnvironmentSetup<Env>(name, settings), kernels);
}

}  // namespace flockstep
