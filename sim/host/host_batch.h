#pragma once

#include <omp.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/engine/plan.h"
#include "sim/engine/typed_batch.h"
#include "sim/host/host_threads.h"
#include "sim/host/host_tile.h"
#include "sim/host/run_world.h"

/// The CPU backend: threads over worlds, one lane each; or over tiles of one-agent worlds (see host_tile.h); or all
/// threads on one world at a time.
namespace flockstep {

/// has_team: compiled for HostTeamGroup too.
template <class Env, bool has_team>
class HostBatch final : public TypedBatch<Env> {
    using Base = TypedBatch<Env>;
    using Base::engine_;

  public:
    HostBatch(const std::string& name, const BatchOptions& options, EnvironmentSetup<Env> setup)
        : Base(name, options, std::move(setup)) {
        if (!options.plan.empty()) is_team_ = parse_plan(options.plan, false).kind == GroupKind::grid;
        if (is_team_ && !has_team)
            throw std::invalid_argument("plan: got " + in_quotes(options.plan) + R"(, want "worlds": )" + name +
                                        " is not compiled for kind grid, whose counterpart on the CPU is a team");
        const bool is_normal = !is_team_ && options.item_order == 1;
        uses_tiles_ = is_normal && options.num_envs >= host_tile_worlds && fits_tiles(engine_) &&
                      this->world_bytes(host_tile_worlds) * host_tile_worlds <= max_host_tile_bytes;
        this->plan_layout(uses_tiles_ ? host_tile_worlds : 1);
        plan_staging();
        plan_chunks();
        this->reset(options.seed);
    }

    std::string plan() const override { return is_team_ ? "team" : "worlds"; }
    std::vector<std::string> plans() const override {
        if (has_team) return {"worlds", "team"};
        return {"worlds"};
    }
    std::string plan_details() const override {
        return std::to_string(is_team_ ? omp_get_max_threads() : threads_) + " threads " +
               (is_team_ ? "on one world at a time" : "over worlds");
    }

  private:
    using Table = RowTable<Env>;
    using Launch = typename Batch::Launch;

    /// Parts that need no conversion are written directly to memory; the others go through a buffer per thread.
    void plan_staging() {
        constexpr int64_t budget = 1 << 18;  // stays in the cache
        int64_t largest = 1;
        for (int p = 0; p < engine_.num_parts; ++p) {
            PartView& part = engine_.parts[p];
            part.direct = part.is_copied();
            if (part.wanted() && !part.direct && !is_streamed<Env>)
                largest = std::max<int64_t>(largest, part.elements * part.source_size());
        }
        engine_.agents_per_range = int(std::clamp<int64_t>(budget / largest, 1, std::max(engine_.num_agents, 1)));
        int64_t offset = 0;
        for (int p = 0; p < engine_.num_parts; ++p) {
            PartView& part = engine_.parts[p];
            if (part.direct || !part.wanted() || is_streamed<Env>) continue;
            part.stage_offset = int(offset);
            const int64_t elements = int64_t(std::min(engine_.agents_per_range, part.count)) * part.elements;
            offset +=
                (part.source_dtype == DType::bit ? (elements + 31) / 32 * 4 + 8 : elements * part.source_size() + 32) +
                15;
            offset = offset / 16 * 16;
        }
        threads_ = is_team_ ? 1 : omp_get_max_threads();
        stage_bytes_ = offset + this->plan_stream(is_team_ ? omp_get_max_threads() : 1);
        scratch_bytes_ = this->plan_scratch();
        const int64_t row_bytes = int64_t(engine_.num_agents) * Table::agent_bytes + Table::env_bytes + 16;
        action_bytes_ = int64_t(engine_.action_words) * 4 * (engine_.num_scripted > 0 ? 2 : 1);
        thread_bytes_ = (stage_bytes_ + scratch_bytes_ + action_bytes_ + row_bytes + 4096 + 255) / 256 * 256;
        thread_memory_.resize(size_t(thread_bytes_ * threads_ + 256));
    }
    /// Chunks are large enough to amortize scheduling: a few microseconds of work.
    void plan_chunks() {
        constexpr int64_t chunk_bytes = 1 << 15;
        chunk_ = std::max<int64_t>(chunk_bytes / this->minimum_bytes_per_env(), 1);
        if (uses_tiles_) chunk_ = (chunk_ + host_tile_worlds - 1) / host_tile_worlds * host_tile_worlds;
    }

    /// One world's memory: its tile and output rows directly, the rest in the thread's own memory.
    EnvMemory<Env> memory_of(const EngineView<Env>& e, int64_t env, char* own) const {
        EnvMemory<Env> p{};
        p.tile_worlds = e.tile_worlds, p.tile_index = int(env % p.tile_worlds);
        p.tile = e.tiles + (env - p.tile_index) * e.world_bytes;
        p.stage = own, own += stage_bytes_;
        p.scratch = own, own += scratch_bytes_;
        p.action = reinterpret_cast<int32_t*>(own), own += (action_bytes_ + 15) / 16 * 16;
        char* const env_rows = own + (int64_t(e.num_agents) * Table::agent_bytes + 3) / 4 * 4;
        p.rows = RowPointers<Env>::staged(own, env_rows, 1, e.num_agents, 0);
        p.moves_rows = e.num_scripted > 0;
        if (!p.moves_rows) p.rows.write_to(e.rows, env, e.num_agents);
        return p;
    }

    void launch(const Launch& launch, Stream) override {
        EngineView<Env> bound;
        const EngineView<Env>& e = this->view_for(launch.bindings, bound);
        char* base = thread_memory_.data() + (256 - reinterpret_cast<uintptr_t>(thread_memory_.data()) % 256);
        if (is_team_)
            run_team(e, launch, base);
        else if (this->options_.item_order != 1)
            run_reordered(e, launch, base);
        else
            for_each_chunk(e.num_envs, chunk_, threads_, [&](int64_t first, int64_t last, int thread) {
                run_worlds(e, launch, first, last, base + thread * thread_bytes_);
            });
    }
    void run_team(const EngineView<Env>& e, const Work& work, char* own) {
        if constexpr (has_team) {
            HostTeamGroup::Exchange exchange;
#pragma omp parallel
            {
                HostTeamGroup group(exchange);
                for (int64_t env = 0; env < e.num_envs; ++env) {
                    run_world(group, e, work, env, memory_of(e, env, own));
                    group.sync();  // the next world uses the same working memory
                }
            }
        }
    }
    /// Poisons working memory before each world, to expose reads of uninitialized memory.
    void run_reordered([[maybe_unused]] const EngineView<Env>& e, [[maybe_unused]] const Work& work,
                       [[maybe_unused]] char* own) {
#ifdef FLOCKSTEP_TESTS
        for (int64_t env = 0; env < e.num_envs; ++env) {
            std::fill_n(own, thread_bytes_, char(0xA5));
            this->poison_bulk_scratch();
            ReorderedHostGroup group(this->options_.item_order);
            run_world(group, e, work, env, memory_of(e, env, own));
        }
#else
        throw std::invalid_argument("item_order: got " + std::to_string(this->options_.item_order) +
                                    ", want 1: others are compiled with FLOCKSTEP_TESTS=ON");
#endif
    }
    /// Worlds [first, last); if tiles are used, `first` is the start of a tile.
    void run_worlds(const EngineView<Env>& e, const Work& work, int64_t first, int64_t last, char* own) {
        if constexpr (has_plain_rules<Env>()) {
            if (uses_tiles_) return run_tiles(e, work, first, last, own);
        }
        HostGroup group;
        for (int64_t env = first; env < last; ++env) run_world(group, e, work, env, memory_of(e, env, own));
    }
    void run_tiles(const EngineView<Env>& e, const Work& work, int64_t first, int64_t last, char* own) {
        HostTileGroup group;
        const auto run_scalar = [&](int64_t env) { run_world(group, e, work, env, memory_of(e, env, own)); };
        const bool steps = work.operation == Operation::step && !work.mask;
        for (; steps && first + host_tile_worlds <= last; first += host_tile_worlds)
            TileStep<Env>(e, first).run(run_scalar);
        for (int64_t env = first; env < last; ++env) run_scalar(env);
    }

    bool uses_tiles_ = false, is_team_ = false;
    int threads_ = 1;
    int64_t stage_bytes_ = 0, scratch_bytes_ = 0, action_bytes_ = 0, thread_bytes_ = 0, chunk_ = 1;
    std::vector<char> thread_memory_;
};

template <class Env, bool has_team>
std::unique_ptr<Batch> make_host_batch(const char* name, const BatchOptions& options, const Settings& settings) {
    return std::make_unique<HostBatch<Env, has_team>>(name, options, EnvironmentSetup<Env>(name, settings));
}

}  // namespace flockstep
