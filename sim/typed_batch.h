#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "sim/batch.h"
#include "sim/bindings.h"
#include "sim/check_contract.h"
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
    Limits& operator()(const char* name, Field<T>&, Counts... counts) {
        tile_bytes = (tile_bytes + int64_t(alignof(T)) - 1) / int64_t(alignof(T)) * int64_t(alignof(T));
        add<T>(name, true, tile_bytes, {int64_t(counts)...});
        tile_bytes += list.back().elements() * int64_t(sizeof(T));
        return list.back().limits;
    }
    template <class T, class... Counts>
    Limits& operator()(const char* name, Bulk<T>&, Counts... counts) {
        add<T>(name, false, bulk_bytes, {int64_t(counts)...});
        bulk_bytes = (bulk_bytes + num_envs * list.back().elements() * int64_t(sizeof(T)) + 255) / 256 * 256;
        return list.back().limits;
    }
    template <class F, class... Counts>
    Limits& derived(const char* name, F& field, Counts... counts) {
        is_derived = true;
        Limits& limits = (*this)(name, field, counts...);
        is_derived = false;
        return limits;
    }

  private:
    template <class T>
    void add(const char* name, bool staged, int64_t offset, std::vector<int64_t> counts) {
        constexpr ElementType element = element_of<T>();
        list.push_back({name, element.dtype, element.components, int(sizeof(T)), std::move(counts), staged, is_derived,
                        offset, Limits{-infinity, infinity, true}});
    }
};

/// Binds a State to arrays in canonical order: how the host sees a world whose state comes from outside. What is
/// derived is not there.
struct CanonicalBinder {
    const std::map<std::string, const char*>& arrays;  // [num_envs, ...] of each field
    int64_t env;

    template <class T, class... Counts>
    NoLimits operator()(const char* name, Field<T>& field, Counts... counts) {
        field.first = find<T>(name, (int64_t{1} * ... * int64_t(counts))), field.stride = 1;
        return {};
    }
    template <class T, class... Counts>
    NoLimits operator()(const char* name, Bulk<T>& field, Counts... counts) {
        field.first = find<T>(name, (int64_t{1} * ... * int64_t(counts)));
        return {};
    }
    template <class F, class... Counts>
    NoLimits derived(const char*, F& field, Counts...) {
        field.first = nullptr;
        return {};
    }

  private:
    template <class T>
    T* find(const char* name, int64_t elements) const {
        const auto found = arrays.find(name);
        return found == arrays.end() ? nullptr
                                     : reinterpret_cast<T*>(const_cast<char*>(found->second)) + env * elements;
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
        check_contract<Env>();
        read_config(config, given);
        std::vector<std::string> known;
        for (const FieldDescription& field : describe_config<typename Env::Config>()) known.push_back(field.name);
        given.refuse_unread(name, known);
        if constexpr (requires { Env::load(config, loader); }) shared = Env::load(config, loader);
        spaces = Env::spaces(config);
        spaces.has_action_mask = masks_actions<Env>;
        TensorsOf<Env>::for_each([&](auto handle) {
            using H = decltype(handle);
            if constexpr (is_observation<H>)
                spaces.observation_names.push_back(H::name);
            else
                spaces.action_names.push_back(H::name);
        });
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
        engine_.max_episode_steps = blueprint_.config.max_episode_steps;
        list_names();
        plan_outputs(engine_);
        upload_shared();
    }
    void check_single() const {
        const auto& parts = spaces_.roles[0].observation_parts;
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
        FieldCollector collector{num_envs(), {}};
        EngineView<Env> view = engine_;
        view.shared = &blueprint_.shared;
        ScratchOf<Env> scratch;
        visit_scratch(view, scratch, collector);
        if (collector.list.size() > size_t(max_scratch_fields))
            throw std::logic_error(environment_ + ": more than 24 fields of scratch");
        bulk_scratch_bytes_ = size_t(collector.bulk_bytes);
        if (bulk_scratch_bytes_ > 0 && !bulk_scratch_)
            bulk_scratch_.emplace(*memory_, bulk_scratch_bytes_, "bulk scratch memory");
        char* bulk = bulk_scratch_ ? static_cast<char*>(bulk_scratch_->data()) : nullptr;
        for (size_t i = 0; i < collector.list.size(); ++i) engine_.scratch_fields[i] = collector.list[i].place(bulk);
        engine_.scratch_bytes = int((collector.tile_bytes + 15) / 16 * 16);
        return engine_.scratch_bytes;
    }
    /// Lays out the memory of the teams that stream observations; gives its bytes per world, 0 where none are streamed.
    int64_t plan_stream(int num_teams) {
        if constexpr (!is_streamed<Env>) return 0;
        StreamPlan& stream = engine_.stream;
        const auto row_bytes = [](const PartView& part) { return int64_t{part.row_elements} * part.written_size(); };
        int64_t ring = usual_ring_bytes;
        for_each_streamed_part([&](PartView& part) { ring = std::max(ring, row_bytes(part)); });
        for_each_streamed_part([&](PartView& part) {
            const int64_t rows = std::min<int64_t>(ring / row_bytes(part), part.elements);
            part.batch_rows = int(rows > 32 ? rows / 32 * 32 : rows);
        });
        const auto rounded = [](int64_t bytes) { return (bytes + 15) / 16 * 16; };
        stream.ring_bytes = int(rounded(ring) + 16);  // rows begin where their destination does within 16 bytes
        stream.team_bytes = stream.ring_bytes + int(rounded(sizeof(TeamScratchOf<Env>)));
        stream.order_bytes = some_inactive<Env> ? int(rounded(int64_t{engine_.num_agents} * 4)) : 0;
        stream.num_teams = num_teams;
        const int64_t bytes = stream.order_bytes + int64_t{num_teams} * stream.team_bytes;
        stream.world_bytes = int(std::min<int64_t>(bytes, INT32_MAX / 2));
        return bytes;
    }
    /// The view for one launch: the batch's own, or `storage` with what the launch binds.
    const EngineView<Env>& view_for(const Bindings* bindings, EngineView<Env>& storage) const {
        if (!bindings) return engine_;
        storage = engine_;
        bindings->apply(storage);
        return storage;
    }

    /// For the test mode of the CPU.
    void poison_bulk_scratch() {
        if (bulk_scratch_) std::fill_n(static_cast<char*>(bulk_scratch_->data()), bulk_scratch_bytes_, char(0xA5));
    }

    Blueprint<Env> blueprint_;
    EngineView<Env> engine_;
    size_t bulk_scratch_bytes_ = 0;
    std::optional<Buffer> bulk_scratch_;  // Bulk fields of Scratch, of every world

  private:
    template <class F>
    void for_each_streamed_part(F&& f) {
        for (int p = 0; p < engine_.num_parts; ++p)
            if (engine_.parts[p].mask_of < 0 && engine_.parts[p].wanted()) f(engine_.parts[p]);
    }
    /// Asks the rules what they think of each world, if they have a `state_error`.
    bool has_state_error() const override {
        return requires(const World<Env>& world) { Env::state_error(world); };
    }
    std::string state_error(const std::map<std::string, const char*>& arrays) const override {
        if constexpr (requires(const World<Env>& world) { Env::state_error(world); }) {
            EngineView<Env> view = engine_;
            view.shared = &blueprint_.shared;
            for (int64_t env = 0; env < num_envs(); ++env) {
                Header header;
                World<Env> world{blueprint_.config, blueprint_.shared, {}, {}, {}, 0};
                CanonicalBinder binder{arrays, env};
                visit_state(view, header, world.state, binder);
                world.elapsed = header.elapsed[0];
                const std::string error = Env::state_error(world);
                if (!error.empty()) return "state of world " + std::to_string(env) + ": " + error;
            }
        }
        return "";
    }
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
