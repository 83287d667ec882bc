#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "sim/contract/environment.h"
#include "sim/engine/batch.h"
#include "sim/engine/bindings.h"
#include "sim/engine/check_contract.h"
#include "sim/engine/describe.h"
#include "sim/engine/registry.h"
#include "sim/engine/shared_data.h"
#include "sim/engine/world_layout.h"

/// Common base of both backends' batches of one environment: settings, Shared, spaces and the layout of the state.
namespace flockstep {

/// Collects the fields of a State and their offsets; the host's counterpart of Binder.
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

/// Binds a State to arrays in canonical order, so that the host can check a state before it is written. Derived fields
/// are not available.
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

/// Parsed and validated settings of an environment, with its shared data and spaces.
template <class Env>
struct EnvironmentSetup {
    typename Env::Config config;
    std::shared_ptr<const SharedDataOf<Env>> shared_data;
    Spaces spaces;
    Settings settings;

    const SharedOf<Env>& shared() const { return shared_data->host(); }

    EnvironmentSetup(const std::string& name, Settings given) {
        check_contract<Env>();
        read_whole_config(config, given, name);
        shared_data = shared_data_of<Env>(name, config);
        spaces = spaces_of<Env>(config, shared());
        settings = write_config(config);
    }
};

template <class Env>
EnvironmentInfo describe_environment(const std::string& name) {
    EnvironmentInfo info{Env::summary, describe_config<typename Env::Config>()};
    if constexpr (requires { Env::draw; }) info.draw = Env::draw;
    if constexpr (requires { Env::tools; }) info.tools = Env::tools;
    if constexpr (requires { Env::bench_settings; })
        info.bench_settings = read_preset_settings<typename Env::Config>(Env::bench_settings, name);
    if constexpr (requires { Env::gymnasium_ids; })
        for (const GymnasiumId& given : Env::gymnasium_ids)
            info.gymnasium_ids.push_back(read_gymnasium_id<typename Env::Config>(given));
    else
        info.gymnasium_ids.push_back({default_gymnasium_id(name), {}});
    return info;
}

/// A batch of one environment, without the launches.
template <class Env>
class TypedBatch : public Batch {
  protected:
    TypedBatch(const std::string& name, const BatchOptions& options, EnvironmentSetup<Env> setup)
        : Batch(name, options, setup.spaces, make_memory(options.device)), setup_(std::move(setup)) {
        settings_ = setup_.settings;
        if constexpr (is_single_agent<Env>) check_single();
        engine_ = {};
        engine_.config = setup_.config;
        bind_shared();
        engine_.max_episode_steps = setup_.config.max_episode_steps;
        if (options.illegal_actions == IllegalActions::pass) check_illegal_actions();
        list_policies();
        list_metrics();
        using Table = RowTable<Env>;
        plan_outputs(engine_, {Table::rows.begin(), Table::rows.end()}, some_inactive<Env>, some_wait<Env>);
    }
    /// Whether the settings match the environment's SpecializedSizes, and the specialized kernels support everything
    /// else.
    bool uses_specialized_sizes() const {
        if constexpr (requires { typename Env::SpecializedSizes; }) {
            typename Env::Config usual = setup_.config;
            Env::SpecializedSizes::apply(usual);
            const Role& role = all_spaces_.roles[0];
            return write_config(usual).values() == setup_.settings.values() && all_spaces_.roles.size() == 1 &&
                   role.count == Env::SpecializedSizes::template num_agents<typename Env::Config>() &&
                   has_plain_parts();
        }
        return false;
    }
    /// Whether the first role has one observation part and one Discrete action without a mask, each with the first
    /// handle of its category, where kernels that skip the tables expect them; and there is no global state.
    bool has_plain_parts() const {
        const Role& role = spaces_.roles[0];
        return role.observation_parts.size() == 1 && role.observation_parts[0].name == spaces_.observation_names[0] &&
               has_one_action_tensor() && role.action_parts[0].name == spaces_.action_names[0] &&
               !spaces_.has_action_mask && role.state_parts.empty() && spaces_.state_parts.empty();
    }
    void check_illegal_actions() const {
        if constexpr (!requires { Env::defines_illegal_actions; })
            throw std::invalid_argument("illegal_actions: got \"pass\", want \"refuse\": the rules of " + environment_ +
                                        " do not say what illegal actions mean");
    }
    void check_single() const {
        const auto& parts = spaces_.roles[0].observation_parts;
        if (num_agents() != 1 || !has_plain_parts() || parts[0].dtype != DType::float32 ||
            parts[0].elements() != Env::single_agent_floats)
            throw std::logic_error(environment_ + ": single_agent_floats is " +
                                   std::to_string(Env::single_agent_floats) +
                                   ", but its spaces are not one agent with one part of that many float32 and one "
                                   "Discrete action without a mask");
    }
    /// Bytes of one world's small state if `tile_worlds` worlds are interleaved: a tile is a whole number of 16-byte
    /// vectors.
    int world_bytes(int tile_worlds) const {
        const int64_t unit = tile_worlds >= 4 ? 4 : 16, bytes = collect_fields(setup_).tile_bytes;
        return int((bytes + unit - 1) / unit * unit);
    }
    void plan_layout(int tile_worlds) {
        FieldCollector collector = collect_fields(setup_);
        plan_state(engine_, std::move(collector.list), world_bytes(tile_worlds), collector.bulk_bytes, tile_worlds);
    }
    /// Lays out the fields of Scratch; returns their bytes per world.
    int64_t plan_scratch() {
        FieldCollector collector = collect_scratch(setup_);
        if (collector.list.size() > size_t(max_scratch_fields))
            throw std::logic_error(environment_ + ": more than 24 fields of scratch");
        bulk_scratch_bytes_ = size_t(collector.bulk_bytes);
        if (bulk_scratch_bytes_ > 0 && !bulk_scratch_)
            bulk_scratch_.emplace(*memory_, bulk_scratch_bytes_, "bulk scratch memory");
        char* bulk = bulk_scratch_ ? static_cast<char*>(bulk_scratch_->data()) : nullptr;
        for (size_t i = 0; i < collector.list.size(); ++i) engine_.scratch_fields[i] = collector.list[i].location(bulk);
        engine_.scratch_bytes = int((collector.tile_bytes + 15) / 16 * 16);
        return engine_.scratch_bytes;
    }
    /// Lays out the memory of the teams that stream observations; returns its bytes per world, 0 without streaming.
    int64_t plan_stream(int num_teams) {
        if constexpr (!is_streamed<Env>) return 0;
        StreamPlan& stream = engine_.stream;
        const auto row_bytes = [](const PartView& part) { return int64_t{part.row_elements} * part.source_size(); };
        int64_t ring = default_ring_bytes;
        for_each_streamed_part([&](PartView& part) { ring = std::max(ring, row_bytes(part)); });
        for_each_streamed_part([&](PartView& part) {
            const int64_t rows = std::min<int64_t>(ring / row_bytes(part), part.elements);
            part.batch_rows = int(rows > 32 ? rows / 32 * 32 : rows);
        });
        const auto rounded = [](int64_t bytes) { return (bytes + 15) / 16 * 16; };
        stream.ring_bytes =
            int(rounded(ring) + 16);  // rows have the same alignment within 16 bytes as their destination
        stream.team_bytes = stream.ring_bytes + int(rounded(sizeof(TeamScratchOf<Env>)));
        stream.order_bytes = some_inactive<Env> ? int(rounded(int64_t{engine_.num_agents} * 4)) : 0;
        stream.num_teams = num_teams;
        const int64_t bytes = stream.order_bytes + int64_t{num_teams} * stream.team_bytes;
        stream.world_bytes = int(std::min<int64_t>(bytes, INT32_MAX / 2));
        return bytes;
    }
    /// The view for one launch: the batch's own, or `storage` with the launch's bindings applied.
    const EngineView<Env>& view_for(const Bindings* bindings, EngineView<Env>& storage) const {
        if (!bindings) return engine_;
        storage = engine_;
        bindings->apply(storage);
        return storage;
    }

    void replace_shared(const Settings& changed) override {
        Settings wanted = settings_;
        for (const auto& [key, value] : changed.values()) wanted.set(key, value);
        EnvironmentSetup<Env> next(environment_, wanted);
        check_replacement(next);
        check();
        std::shared_ptr<const SharedCopy> copy = next.shared_data->copy_on(options_.device);
        set_shared(std::move(copy));
        set_limits(collect_fields(next).list);
        setup_ = std::move(next);
        engine_.config = setup_.config;
        settings_ = setup_.settings;
        launch({Operation::reset, nullptr, false, 0, 0, nullptr}, {});
        memory_->synchronize();
    }

    /// For the CPU's test mode.
    void poison_bulk_scratch() {
        if (bulk_scratch_) std::fill_n(static_cast<char*>(bulk_scratch_->data()), bulk_scratch_bytes_, char(0xA5));
    }

    EnvironmentSetup<Env> setup_;
    EngineView<Env> engine_;
    size_t bulk_scratch_bytes_ = 0;
    std::optional<Buffer> bulk_scratch_;  // Bulk fields of Scratch, of every world

  private:
    template <class F>
    void for_each_streamed_part(F&& f) {
        for (int p = 0; p < engine_.num_parts; ++p)
            if (engine_.parts[p].mask_of < 0 && engine_.parts[p].wanted()) f(engine_.parts[p]);
    }
    /// Calls the rules' `state_error` for each world, if they have one.
    bool has_state_error() const override {
        return requires(const World<Env>& world) { Env::state_error(world); };
    }
    std::string state_error(const std::map<std::string, const char*>& arrays) const override {
        if constexpr (requires(const World<Env>& world) { Env::state_error(world); }) {
            const EngineView<Env> view = host_view(setup_);
            for (int64_t env = 0; env < num_envs(); ++env) {
                EpisodeState episode_state;
                World<Env> world{setup_.config, setup_.shared(), {}, {}, {}, 0};
                CanonicalBinder binder{arrays, env};
                visit_state(view, episode_state, world.state, binder);
                world.elapsed = episode_state.elapsed[0];
                const std::string error = Env::state_error(world);
                if (!error.empty()) return "state of world " + std::to_string(env) + ": " + error;
            }
        }
        return "";
    }
    /// A view for use on the host: with shared data in host memory.
    EngineView<Env> host_view(const EnvironmentSetup<Env>& setup) const {
        EngineView<Env> view = engine_;
        view.config = setup.config;
        view.shared = setup.shared();
        return view;
    }
    FieldCollector collect_fields(const EnvironmentSetup<Env>& setup) const {
        FieldCollector collector{num_envs(), {}};
        EpisodeState episode_state;
        typename Env::State state;
        visit_state(host_view(setup), episode_state, state, collector);
        return collector;
    }
    FieldCollector collect_scratch(const EnvironmentSetup<Env>& setup) const {
        FieldCollector collector{num_envs(), {}};
        ScratchOf<Env> scratch;
        visit_scratch(host_view(setup), setup.config, scratch, collector);
        return collector;
    }
    void list_policies() {
        if constexpr (requires { Env::policies(0); })
            for (int p = 0; const char* name = Env::policies(p); ++p) {
                policies_.push_back(name);
                policy_errors_.push_back(policy_error_of<Env>(setup_.config, setup_.shared(), p));
            }
    }
    /// Episode returns of the roles that learn, episode length, sums and results of own outputs, the rules' metrics.
    void list_metrics() {
        for_each_learning_role("episode_return", [&](const std::string& name, int role) {
            add_metric(name, {MetricKind::episode_return, 0, role});
        });
        add_metric("episode_length", {MetricKind::episode_length, 0, -1});
        list_output_metrics();
        const std::vector<std::string> names = metrics_of<Env>(setup_.config, setup_.shared());
        for (int m = 0; m < int(names.size()); ++m) {
            const std::string& name = names[size_t(m)];
            MetricScope scope = MetricScope::env;
            if constexpr (requires { Env::metric_scope(setup_.config, m); })
                scope = Env::metric_scope(setup_.config, m);
            if (scope == MetricScope::env) add_metric(name, {MetricKind::env_metric, m, -1});
            if (scope == MetricScope::agent) add_metric(name, {MetricKind::agent_metric, m, -1});
            if (scope == MetricScope::role)
                for_each_learning_role(name, [&](const std::string& of_role, int role) {
                    add_metric(of_role, {MetricKind::agent_metric, m, role});
                });
        }
        engine_.num_metrics = int(metrics_.size());
    }
    void list_output_metrics() {
        using Table = RowTable<Env>;
        const int roles = int(all_spaces_.roles.size());
        int agent_sum = 0, result = 0, env_sum = Table::agent_sums * roles;
        for (int i = num_built_in_rows; i < Table::count; ++i) {
            const RowInfo& row = Table::rows[size_t(i)];
            for (int k = 0; k < row.size; ++k) {
                const std::string name = row.size > 1 ? row.name + ("." + std::to_string(k)) : row.name;
                if (row.kind == TensorKind::per_agent)
                    for_each_learning_role(name, [&](const std::string& of_role, int role) {
                        add_metric(of_role, {MetricKind::agent_sum, agent_sum + role * row.size + k, role});
                    });
                if (row.kind == TensorKind::per_env) add_metric(name, {MetricKind::env_sum, env_sum++, -1});
                if (row.kind == TensorKind::per_episode) add_metric(name, {MetricKind::episode_value, result++, -1});
            }
            if (row.kind == TensorKind::per_agent) agent_sum += row.size * roles;
        }
    }
    void add_metric(const std::string& name, MetricView metric) {
        if (metrics_.size() >= size_t(max_metrics))
            throw std::logic_error(environment_ + ": more than " + std::to_string(max_metrics) + " metrics");
        engine_.metrics[metrics_.size()] = metric;
        metrics_.push_back(name);
    }
    /// Calls f(name, role); the role's name is appended if several roles learn.
    template <class F>
    void for_each_learning_role(const std::string& name, F&& f) const {
        for (size_t r = 0; r < all_spaces_.roles.size(); ++r) {
            const Role& role = all_spaces_.roles[r];
            if (role.learns()) f(spaces_.roles.size() > 1 ? name + "." + role.name : name, int(r));
        }
    }
    /// Rejects changes that would invalidate kernels, captured graphs or tensors held by callers.
    void check_replacement(const EnvironmentSetup<Env>& next) const {
        const auto refuse = [](const std::string& what, const std::string& got, const std::string& want) {
            throw std::invalid_argument("replacing shared data: " + what + ": got " + got + ", want " + want);
        };
        for (const auto& [key, value] : next.settings.values())
            if (const Value& now = settings_.values().at(key); now != value && !is_pool_setting(key))
                refuse(key, to_text(value), to_text(now) + " as the worlds have it; " + pool_settings_text());
        const std::vector<SharedConstant>&have = setup_.shared_data->constants(),
              &given = next.shared_data->constants();
        for (size_t i = 0; i < have.size(); ++i)
            if (have[i].bytes != given[i].bytes)
                refuse(have[i].name, given[i].text.empty() ? "another value" : given[i].text,
                       (have[i].text.empty() ? "the same" : have[i].text) + " as the worlds have it");
        if (next.spaces != setup_.spaces) refuse("spaces", "others", "the same roles, parts, shapes and bounds");
        const std::string fields = layout_difference(collect_fields(setup_), collect_fields(next)),
                          scratch = layout_difference(collect_scratch(setup_), collect_scratch(next));
        if (!fields.empty()) throw std::invalid_argument("replacing shared data: state: " + fields);
        if (!scratch.empty()) throw std::invalid_argument("replacing shared data: scratch: " + scratch);
        if (metrics_of<Env>(next.config, next.shared()) != metrics_of<Env>(setup_.config, setup_.shared()))
            refuse("metrics", "others", "the same");
    }
    static bool is_pool_setting(const std::string& key) {
        if constexpr (requires { Env::pool_settings; })
            for (const char* name : Env::pool_settings)
                if (key == name) return true;
        return false;
    }
    static std::string pool_settings_text() {
        std::string list;
        if constexpr (requires { Env::pool_settings; })
            for (const char* name : Env::pool_settings) list += (list.empty() ? "" : ", ") + std::string(name);
        return list.empty() ? "no setting may change with the data" : "these may change with the data: " + list;
    }
    /// The first field whose offset or shape differs, or "".
    static std::string layout_difference(const FieldCollector& have, const FieldCollector& given) {
        for (size_t i = 0; i < have.list.size(); ++i) {
            const FieldInfo &a = have.list[i], &b = given.list[i];
            if (a.counts != b.counts || a.offset != b.offset)
                return "field " + a.name + ": got " + shape_text(b.counts) + ", want " + shape_text(a.counts) +
                       " as the worlds have it";
        }
        return "";
    }

    /// Kernels take Shared by value: its plain members, and views that point to this batch's slots. The slots' address
    /// never changes; their contents change when shared data is replaced.
    void bind_shared() {
        const size_t bytes = std::max<size_t>(setup_.shared_data->arrays().size(), 1) * sizeof(ViewSlot);
        slots_.emplace(*memory_, bytes, "the addresses of shared data");
        set_shared(setup_.shared_data->copy_on(options_.device));
        engine_.shared = setup_.shared_data->bound_to(static_cast<const ViewSlot*>(slots_->data()));
    }
    void set_shared(std::shared_ptr<const SharedCopy> copy) {
        memory_->from_host(slots_->data(), copy->slots.data(), copy->slots.size() * sizeof(ViewSlot));
        shared_copy_ = std::move(copy);
    }
    std::optional<Buffer> slots_;
    std::shared_ptr<const SharedCopy> shared_copy_;  // destroyed before setup_'s data, which it must not outlive
};

}  // namespace flockstep
