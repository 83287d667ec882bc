#pragma once

#include <algorithm>
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/contract/declared.h"
#include "sim/contract/group.h"
#include "sim/contract/gymnasium_id.h"
#include "sim/contract/loader.h"
#include "sim/contract/observation.h"
#include "sim/contract/row_writer.h"
#include "sim/contract/world.h"
#include "sim/engine/batch.h"

namespace flockstep {
struct Tool;  // sim/contract/tool.h
}

/// Compile-time check of an environment against the contract of environment.h, with readable messages. Optional members
/// are detected by name, so that a member with the wrong signature is an error rather than silently ignored.
namespace flockstep {

namespace detail {
// One struct per optional name of the contract.
struct NamedDerive {
    int derive;
};
struct NamedAllowed {
    int allowed;
};
struct NamedHasActionMask {
    int has_action_mask;
};
struct NamedActive {
    int active;
};
struct NamedActs {
    int acts;
};
struct NamedMetrics {
    int metrics;
};
struct NamedMetric {
    int metric;
};
struct NamedPolicies {
    int policies;
};
struct NamedPolicyError {
    int policy_error;
};
struct NamedAct {
    int act;
};
struct NamedLanes {
    int lanes;
};
struct NamedResetLanes {
    int reset_lanes;
};
struct NamedLoad {
    int load;
};
struct NamedTensors {
    int tensors;
};
struct NamedRandomStreams {
    int random_streams;
};
struct NamedStateError {
    int state_error;
};
struct NamedLegalActions {
    int legal_actions;
};
struct NamedObserveState {
    int observe_state;
};
struct NamedMetricScope {
    int metric_scope;
};
struct NamedAgentMetric {
    int agent_metric;
};
struct NamedDraw {
    int draw;
};
struct NamedGymnasiumIds {
    int gymnasium_ids;
};
struct NamedBenchSettings {
    int bench_settings;
};
struct NamedTools {
    int tools;
};
struct NamedObserve {
    int observe;
};
struct NamedTeamScratch {
    using TeamScratch = int;
};

template <class Env>
inline constexpr bool has_derive = !requires {
    &Both<Env, NamedDerive>::derive;
};
template <class Env>
inline constexpr bool has_allowed = !requires {
    &Both<Env, NamedAllowed>::allowed;
};
template <class Env>
inline constexpr bool has_has_action_mask = !requires {
    &Both<Env, NamedHasActionMask>::has_action_mask;
};
template <class Env>
inline constexpr bool has_active = !requires {
    &Both<Env, NamedActive>::active;
};
template <class Env>
inline constexpr bool has_acts = !requires {
    &Both<Env, NamedActs>::acts;
};
template <class Env>
inline constexpr bool has_metrics = !requires {
    &Both<Env, NamedMetrics>::metrics;
};
template <class Env>
inline constexpr bool has_metric = !requires {
    &Both<Env, NamedMetric>::metric;
};
template <class Env>
inline constexpr bool has_policies = !requires {
    &Both<Env, NamedPolicies>::policies;
};
template <class Env>
inline constexpr bool has_policy_error = !requires {
    &Both<Env, NamedPolicyError>::policy_error;
};
template <class Env>
inline constexpr bool has_act = !requires {
    &Both<Env, NamedAct>::act;
};
template <class Env>
inline constexpr bool has_lanes = !requires {
    &Both<Env, NamedLanes>::lanes;
};
template <class Env>
inline constexpr bool names_reset_lanes = !requires {
    &Both<Env, NamedResetLanes>::reset_lanes;
};
template <class Env>
inline constexpr bool has_load = !requires {
    &Both<Env, NamedLoad>::load;
};
template <class Env>
inline constexpr bool has_tensors = !requires {
    &Both<Env, NamedTensors>::tensors;
};
template <class Env>
inline constexpr bool has_random_streams = !requires {
    &Both<Env, NamedRandomStreams>::random_streams;
};
template <class Env>
inline constexpr bool has_state_error = !requires {
    &Both<Env, NamedStateError>::state_error;
};
template <class Env>
inline constexpr bool names_legal_actions = !requires {
    &Both<Env, NamedLegalActions>::legal_actions;
};
template <class Env>
inline constexpr bool has_observe_state = !requires {
    &Both<Env, NamedObserveState>::observe_state;
};
template <class Env>
inline constexpr bool has_metric_scope = !requires {
    &Both<Env, NamedMetricScope>::metric_scope;
};
template <class Env>
inline constexpr bool has_agent_metric = !requires {
    &Both<Env, NamedAgentMetric>::agent_metric;
};
template <class Env>
inline constexpr bool has_draw = !requires {
    &Both<Env, NamedDraw>::draw;
};
template <class Env>
inline constexpr bool has_gymnasium_ids = !requires {
    &Both<Env, NamedGymnasiumIds>::gymnasium_ids;
};
template <class Env>
inline constexpr bool has_bench_settings = !requires {
    &Both<Env, NamedBenchSettings>::bench_settings;
};
template <class Env>
inline constexpr bool has_tools = !requires {
    &Both<Env, NamedTools>::tools;
};
template <class Env>
inline constexpr bool has_observe = !requires {
    &Both<Env, NamedObserve>::observe;
};
template <class Env>
inline constexpr bool has_team_scratch = !requires(typename Both<Env, NamedTeamScratch>::TeamScratch * t) {
    t;
};
}  // namespace detail

/// The observation part of check_contract: `observe` or `observe_agent`, `prepare`, and `observe_state`.
template <class Env>
constexpr void check_observing() {
    using Group = HostGroup&;
    static_assert(detail::has_observe<Env> != is_streamed<Env>,
                  "observe, observe_agent: want one of them, observe_agent for large observations");
    if constexpr (detail::has_observe<Env>)
        static_assert(
            requires(Group g, World<Env> & w, AgentRange r, const ObservationWriter<Env>& o) {
                Env::observe(g, w, r, o);
            },
            "observe: want `template <class Group> SIM_HD static void observe(Group&, const World<Env>&, "
            "AgentRange, const ObservationWriter<Env>&)`");
    if constexpr (is_streamed<Env>) {
        static_assert(
            requires(Group t, const World<Env>& w, TeamScratchOf<Env>& s, const RowWriter<Env>& o) {
                Env::observe_agent(t, w, 0, s, o);
            } || (!detail::has_team_scratch<Env> &&
                  requires(Group t, const World<Env>& w, const RowWriter<Env>& o) { Env::observe_agent(t, w, 0, o); }),
            "observe_agent: want `template <class Team> SIM_HD static void observe_agent(Team&, const World<Env>&, int "
            "agent, TeamScratch&, const RowWriter<Env>&)`, without TeamScratch& if there is none");
        static_assert(!writes_bits<Env>(), "observe_agent: want parts of floats or bytes, none of bits");
        static_assert(std::is_trivially_copyable_v<TeamScratchOf<Env>>,
                      "TeamScratch: want plain data of a fixed size, without Field or View");
    } else {
        static_assert(!detail::has_team_scratch<Env>, "TeamScratch: want `observe_agent` too");
    }
    if constexpr (has_prepare<Env>)
        static_assert(
            requires(Group g, World<Env> & w) { Env::prepare(g, w); },
            "prepare: want `template <class Group> SIM_HD static void prepare(Group&, World<Env>&)`");
    if constexpr (detail::has_observe_state<Env>) {
        static_assert(!is_streamed<Env>,
                      "observe_state: want none if observations are streamed (observe_agent): they use no staging "
                      "memory");
        static_assert(
            requires(Group g, World<Env> & w, const ObservationWriter<Env>& o) { Env::observe_state(g, w, o); },
            "observe_state: want `template <class Group> SIM_HD static void observe_state(Group&, const World<Env>&, "
            "const ObservationWriter<Env>&)`");
    }
}

/// The part of check_contract for members other than rules: drawing, Gymnasium ids, tools.
template <class Env>
constexpr void check_offers() {
    if constexpr (detail::has_draw<Env>)
        static_assert(
            requires {
                { &Env::draw } -> std::same_as<void (*)(Batch&, int64_t, Replay&)>;
            },
            "draw: want `static void draw(Batch&, int64_t env, Replay&)`");
    if constexpr (detail::has_gymnasium_ids<Env>) {
        constexpr bool is_list = requires {
            { Env::gymnasium_ids[0] } -> std::same_as<const GymnasiumId&>;
        };
        static_assert(is_list,
                      "gymnasium_ids: want `static constexpr GymnasiumId gymnasium_ids[] = {{\"Name-v0\"}, ...}`");
        if constexpr (is_list)
            static_assert(std::ranges::all_of(Env::gymnasium_ids, &GymnasiumId::is_well_formed),
                          "gymnasium_ids: want ids like \"Name-v0\": letters, digits, _ and -, then -v and a number");
    }
    if constexpr (detail::has_bench_settings<Env>)
        static_assert(
            requires {
                { Env::bench_settings[0] } -> std::same_as<const PresetSetting&>;
            },
            "bench_settings: want `static constexpr PresetSetting bench_settings[] = {{\"setting\", \"value\"}, ...}`");
    if constexpr (detail::has_tools<Env>)
        static_assert(
            requires {
                { &Env::tools } -> std::same_as<std::vector<Tool> (*)()>;
            },
            "tools: want `static std::vector<Tool> tools()`");
}

/// The part of check_contract for legal actions.
template <class Env>
constexpr void check_choices() {
    using Config = typename Env::Config;
    using Const = const World<Env>&;
    using Mutable = World<Env>&;
    using Group = HostGroup&;
    using Shared = const SharedOf<Env>&;
    if constexpr (detail::has_allowed<Env>)
        TensorsOf<Env>::for_each([](auto handle) {
            using H = decltype(handle);
            if constexpr (is_choice<H>)
                static_assert(
                    requires(Const w, H h) {
                        { Env::allowed(w, 0, h, 0) } -> std::same_as<bool>;
                    },
                    "allowed: want `SIM_HD static bool allowed(const World<Env>&, int agent, Discrete<\"...\">, "
                    "int choice)` for every part of choices");
        });
    if constexpr (detail::names_legal_actions<Env>) {
        static_assert(
            requires(Group g, Mutable w, const LegalActions<Env>& l) { Env::legal_actions(g, w, l); },
            "legal_actions: want `template <class Group> SIM_HD static void legal_actions(Group&, const World<Env>&, "
            "const LegalActions<Env>&)`");
        static_assert(!detail::has_allowed<Env>, "legal_actions and allowed: want one of them");
    }
    if constexpr (detail::has_has_action_mask<Env>) {
        static_assert(
            requires(const Config c) {
                { Env::has_action_mask(c) } -> std::same_as<bool>;
            } ||
                requires(const Config c, Shared s) {
                    { Env::has_action_mask(c, s) } -> std::same_as<bool>;
                },
            "has_action_mask: want `static bool has_action_mask(const Config&)` or `has_action_mask(const Config&, "
            "const Shared&)`");
        static_assert(detail::has_allowed<Env> || detail::names_legal_actions<Env>,
                      "has_action_mask: want `allowed` or `legal_actions` too");
    }
}

/// The part of check_contract for metrics.
template <class Env>
constexpr void check_metrics() {
    using Config = typename Env::Config;
    using Const = const World<Env>&;
    using Mutable = World<Env>&;
    using Group = HostGroup&;
    using Shared = const SharedOf<Env>&;
    static_assert(detail::has_metrics<Env> == (detail::has_metric<Env> || detail::has_agent_metric<Env>),
                  "metrics, and metric or agent_metric: want both or neither");
    if constexpr (detail::has_agent_metric<Env>) {
        static_assert(detail::has_metric_scope<Env>, "agent_metric: want `metric_scope` too");
        static_assert(
            requires(Const w) {
                { Env::agent_metric(w, 0, 0) } -> std::same_as<float>;
            },
            "agent_metric: want `SIM_HD static float agent_metric(const World<Env>&, int agent, int m)`");
    }
    if constexpr (detail::has_metric_scope<Env>)
        static_assert(
            requires(const Config c) {
                { Env::metric_scope(c, 0) } -> std::same_as<MetricScope>;
            },
            "metric_scope: want `static MetricScope metric_scope(const Config&, int m)`");
    if constexpr (detail::has_metrics<Env>) {
        static_assert(
            requires(const Config c) {
                { Env::metrics(c, 0) } -> std::same_as<const char*>;
            } ||
                requires(const Config c, Shared s) {
                    { Env::metrics(c, s, 0) } -> std::same_as<const char*>;
                },
            "metrics: want `static const char* metrics(const Config&, int m)` or `metrics(const Config&, const "
            "Shared&, int m)`");
        if constexpr (detail::has_metric<Env>)
            static_assert(
                requires(Group g, Mutable w) {
                    { Env::metric(g, w, 0) } -> std::same_as<float>;
                },
                "metric: want `template <class Group> SIM_HD static float metric(Group&, World<Env>&, int m)`");
    }
}

/// The part of check_contract for scripted policies.
template <class Env>
constexpr void check_policies() {
    using Config = typename Env::Config;
    using Mutable = World<Env>&;
    using Group = HostGroup&;
    using Shared = const SharedOf<Env>&;
    static_assert(detail::has_policies<Env> == detail::has_act<Env>, "policies and act: want both or neither");
    if constexpr (detail::has_policies<Env>) {
        static_assert(
            requires {
                { Env::policies(0) } -> std::same_as<const char*>;
            },
            "policies: want `static const char* policies(int p)`");
        static_assert(
            requires(Group g, Mutable w, const ActionWriter<Env>& a) { Env::act(g, w, 0, a); },
            "act: want `template <class Group> SIM_HD static void act(Group&, World<Env>&, int p, const "
            "ActionWriter<Env>&)`");
    }
    if constexpr (detail::has_policy_error<Env>)
        static_assert(
            requires(const Config c) {
                { Env::policy_error(c, 0) } -> std::same_as<const char*>;
            } ||
                requires(const Config c, Shared s) {
                    { Env::policy_error(c, s, 0) } -> std::same_as<const char*>;
                },
            "policy_error: want `static const char* policy_error(const Config&, int p)` or `policy_error(const "
            "Config&, const Shared&, int p)`");
}

/// The part of check_contract for the number of lanes per world.
template <class Env>
constexpr void check_lanes() {
    using Config = typename Env::Config;
    using Shared = const SharedOf<Env>&;
    if constexpr (detail::has_lanes<Env>)
        static_assert(
            requires(const Config c) {
                { Env::lanes(c) } -> std::same_as<int>;
            } ||
                requires(const Config c, Shared s) {
                    { Env::lanes(c, s) } -> std::same_as<int>;
                },
            "lanes: want `static int lanes(const Config&)` or `lanes(const Config&, const Shared&)`");
    if constexpr (detail::names_reset_lanes<Env>)
        static_assert(
            requires(const Config c, Shared s) {
                { Env::reset_lanes(c, s, 32) } -> std::same_as<int>;
            },
            "reset_lanes: want `static int reset_lanes(const Config&, const Shared&, int lanes)`");
}

/// Fails to compile with one message per violation. Instantiated once, where batches of Env are made.
template <class Env>
constexpr void check_contract() {
    using Config = typename Env::Config;
    using Const = const World<Env>&;
    using Mutable = World<Env>&;
    using Group = HostGroup&;
    using Shared = const SharedOf<Env>&;
    static_assert(detail::has_tensors<Env>,
                  "tensors: want `static constexpr auto tensors = tensor_list(...)` of all Observation, Discrete, "
                  "MultiDiscrete and Box handles, and own outputs");
    if constexpr (detail::has_random_streams<Env>)
        static_assert(
            requires { []<class... S>(RandomStreamList<S...>) {}(Env::random_streams); },
            "random_streams: want `static constexpr auto random_streams = random_stream_list(...)` of all streams "
            "that the rules use");
    static_assert(
        requires(Config c) { int{c.max_episode_steps}; }, "Config: want `int max_episode_steps`, the time limit");
    static_assert(
        requires(const Config c) {
            { Env::spaces(c) } -> std::same_as<Spaces>;
        } ||
            requires(const Config c, Shared s) {
                { Env::spaces(c, s) } -> std::same_as<Spaces>;
            },
        "spaces: want `static Spaces spaces(const Config&)` or `spaces(const Config&, const Shared&)`");
    static_assert(
        requires(Group g, Mutable w) { Env::reset(g, w); },
        "reset: want `template <class Group> SIM_HD static void reset(Group&, World<Env>&)`");
    static_assert(
        requires(Group g, Mutable w, const Actions<Env>& a, const Outcome<Env>& o) { Env::step(g, w, a, o); },
        "step: want `template <class Group> SIM_HD static void step(Group&, World<Env>&, const "
        "Actions<Env>&, const Outcome<Env>&)`");
    if constexpr (detail::has_derive<Env>)
        static_assert(
            requires(Group g, Mutable w) { Env::derive(g, w); },
            "derive: want `template <class Group> SIM_HD static void derive(Group&, World<Env>&)`");
    if constexpr (detail::has_active<Env>)
        static_assert(
            requires(Const w) {
                { Env::active(w, 0) } -> std::same_as<bool>;
            },
            "active: want `SIM_HD static bool active(const World<Env>&, int agent)`");
    if constexpr (detail::has_acts<Env>)
        static_assert(
            requires(Const w) {
                { Env::acts(w, 0) } -> std::same_as<bool>;
            },
            "acts: want `SIM_HD static bool acts(const World<Env>&, int agent)`");
    static_assert(detail::has_load<Env> || std::is_same_v<SharedOf<Env>, Nothing>, "Shared: want `load` too");
    if constexpr (detail::has_load<Env>)
        static_assert(
            requires(const Config c, Loader& l) {
                { Env::load(c, l) } -> std::same_as<SharedOf<Env>>;
            },
            "load: want `static Shared load(const Config&, Loader&)`");
    if constexpr (detail::has_state_error<Env>)
        static_assert(
            requires(Const w) {
                { Env::state_error(w) } -> std::same_as<std::string>;
            },
            "state_error: want `static std::string state_error(const World<Env>&)`");
    check_observing<Env>();
    check_choices<Env>();
    check_metrics<Env>();
    check_policies<Env>();
    check_lanes<Env>();
    check_offers<Env>();
}

}  // namespace flockstep
