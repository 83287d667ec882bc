#pragma once

#include <functional>
#include <vector>

#include "sim/batch.h"
#include "sim/environment.h"
#include "sim/registry.h"

/// What both backends' batches of one environment share: settings, Shared, spaces and the layout of the state.
namespace flockstep {

/// Lists the fields of a State and where they lie; the host's twin of Binder.
struct FieldCollector {
    int64_t num_envs;
    std::vector<FieldInfo> list;
    int64_t tile_bytes = 0, bulk_bytes = 0;
    bool is_derived = false;

    template <class T, class... Counts>
    void operator()(const char* name, Field<T>&, Counts... counts) {
        tile_bytes = (tile_bytes + int64_t(alignof(T)) - 1) / int64_t(alignof(T)) * int64_t(alignof(T));
        add<T>(name, true, tile_bytes, {int64_t(counts)...});
        tile_bytes += list.back().elements() * int64_t(sizeof(T));
    }
    template <class T, class... Counts>
    void operator()(const char* name, Bulk<T>&, Counts... counts) {
        add<T>(name, false, bulk_bytes, {int64_t(counts)...});
        bulk_bytes = (bulk_bytes + num_envs * list.back().elements() * int64_t(sizeof(T)) + 255) / 256 * 256;
    }
    template <class F, class... Counts>
    void derived(const char* name, F& field, Counts... counts) {
        is_derived = true;
        (*this)(name, field, counts...);
        is_derived = false;
    }

  private:
    template <class T>
    void add(const char* name, bool staged, int64_t offset, std::vector<int64_t> counts) {
        constexpr ElementType element = element_of<T>();
        list.push_back(
            {name, element.dtype, element.components, int(sizeof(T)), std::move(counts), staged, is_derived, offset});
    }
};

/// Settings of an environment's worlds, read and checked, with the data they share.
template <class Env>
struct Blueprint {
    typename Env::Config config;
    SharedOf<Env> shared;
    Loader loader;
    Spaces spaces;
    Settings settings;

    Blueprint(const std::string& name, Settings given) {
        read_config(config, given);
        std::vector<std::string> known;
        for (const FieldDescription& field : describe_config<typename Env::Config>()) known.push_back(field.name);
        given.refuse_unread(name, known);
        if constexpr (requires { Env::load(config, loader); }) shared = Env::load(config, loader);
        spaces = Env::spaces(config);
        spaces.has_action_mask = requires(const World<Env>& world) { Env::allowed(world, 0, 0, 0); };
        if constexpr (requires { Env::has_action_mask(config); }) spaces.has_action_mask = Env::has_action_mask(config);
        settings = write_config(config);
    }
};

template <class Env>
EnvironmentInfo describe_environment() {
    return {Env::summary, describe_config<typename Env::Config>()};
}

/// A batch of one environment, but for the launches.
template <class Env>
class TypedBatch : public Batch {
  protected:
    TypedBatch(const std::string& name, const BatchOptions& options, Blueprint<Env> blueprint)
        : Batch(name, options, blueprint.spaces, make_memory(options.device)), blueprint_(std::move(blueprint)) {
        settings_ = blueprint_.settings;
        if constexpr (is_single<Env>) check_single();
        engine_ = {};
        engine_.config = blueprint_.config;
        list_names();
        plan_outputs(engine_);
        upload_shared();
    }
    void check_single() const {
        const auto& parts = spaces_.roles[0].observation;
        if (num_agents() != 1 || parts.size() != 1 || parts[0].dtype != DType::float32 ||
            parts[0].elements() != Env::single_agent_floats || !has_one_action_tensor() || spaces_.has_action_mask)
            throw std::logic_error(environment_ + ": single_agent_floats is " +
                                   std::to_string(Env::single_agent_floats) +
                                   ", but its spaces are not one agent's with one part of so many float32 and one "
                                   "Discrete action without a mask");
    }
    /// Bytes of one world's small state where `tile_worlds` of them are interleaved: a tile is whole 16-byte vectors.
    int world_bytes(int tile_worlds) const {
        const int64_t unit = tile_worlds >= 4 ? 4 : 16, bytes = collect_fields().tile_bytes;
        return int((bytes + unit - 1) / unit * unit);
    }
    void plan_layout(int tile_worlds) {
        FieldCollector collector = collect_fields();
        plan_state(engine_, std::move(collector.list), world_bytes(tile_worlds), collector.bulk_bytes, tile_worlds);
    }
    /// Lays out the fields of Scratch; gives their bytes per world.
    int64_t plan_scratch() {
        FieldCollector collector{1, {}};
        EngineView<Env> view = engine_;
        view.shared = &blueprint_.shared;
        ScratchOf<Env> scratch;
        visit_scratch(view, scratch, collector);
        if (collector.list.size() > size_t(max_scratch_fields))
            throw std::logic_error(environment_ + ": more than 24 fields of scratch");
        for (size_t i = 0; i < collector.list.size(); ++i) engine_.scratch_fields[i] = collector.list[i].place(nullptr);
        return (collector.tile_bytes + 15) / 16 * 16;
    }

    Blueprint<Env> blueprint_;
    EngineView<Env> engine_;

  private:
    FieldCollector collect_fields() const {
        FieldCollector collector{num_envs(), {}};
        EngineView<Env> view = engine_;
        view.shared = &blueprint_.shared;
        Header header;
        typename Env::State state;
        visit_state(view, header, state, collector);
        return collector;
    }
    void list_names() {
        for (const Role& role : spaces_.roles)
            metrics_.push_back(spaces_.roles.size() > 1 ? "episode_return." + role.name : "episode_return");
        metrics_.push_back("episode_length");
        if constexpr (requires { Env::metrics(blueprint_.config, 0); })
            for (int m = 0; const char* name = Env::metrics(blueprint_.config, m); ++m) metrics_.push_back(name);
        if constexpr (requires { Env::policies(0); })
            for (int p = 0; const char* name = Env::policies(p); ++p) {
                const char* refusal = nullptr;
                if constexpr (requires { Env::refuses_policy(blueprint_.config, p); })
                    refusal = Env::refuses_policy(blueprint_.config, p);
                policies_.push_back(name), policy_refusals_.push_back(refusal ? refusal : "");
            }
        engine_.num_metrics = int(metrics_.size());
    }
    void upload_shared() {
        SharedOf<Env> uploaded = blueprint_.shared;
        if (options_.device.is_cuda()) {
            uploaded.fields([&](const char* name, auto& view) {
                using T = typename std::decay_t<decltype(view)>::value_type;
                if (view.size == 0) return;
                shared_.emplace_back(*memory_, size_t(view.size) * sizeof(T), std::string("shared data ") + name);
                memory_->from_host(shared_.back().data(), view.data, size_t(view.size) * sizeof(T));
                view.data = static_cast<const T*>(shared_.back().data());
            });
        }
        shared_.emplace_back(*memory_, sizeof uploaded, "shared data");
        memory_->from_host(shared_.back().data(), &uploaded, sizeof uploaded);
        engine_.shared = static_cast<const SharedOf<Env>*>(shared_.back().data());
    }
    std::vector<Buffer> shared_;
};

}  // namespace flockstep
