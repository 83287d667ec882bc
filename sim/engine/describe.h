#pragma once

#include "sim/contract/space.h"
#include "sim/contract/world.h"
#include "sim/engine/world_layout.h"

/// Queries that the host makes once per batch. An environment answers from its settings, or, if files matter, from
/// settings and shared data: `spaces(const Config&)` or `spaces(const Config&, const Shared&)`.
namespace flockstep {

template <class Env>
Spaces spaces_of(const typename Env::Config& config, const SharedOf<Env>& shared) {
    Spaces spaces;
    if constexpr (requires { Env::spaces(config, shared); })
        spaces = Env::spaces(config, shared);
    else
        spaces = Env::spaces(config);
    spaces.has_action_mask = masks_actions<Env>;
    if constexpr (requires { Env::has_action_mask(config, shared); })
        spaces.has_action_mask = Env::has_action_mask(config, shared);
    else if constexpr (requires { Env::has_action_mask(config); })
        spaces.has_action_mask = Env::has_action_mask(config);
    TensorsOf<Env>::for_each([&](auto handle) {
        using H = decltype(handle);
        if constexpr (is_observation<H>) spaces.observation_names.push_back(H::name);
        if constexpr (is_action<H>) spaces.action_names.push_back(H::name);
    });
    return spaces;
}

/// Lanes per world that the environment requests, or 0.
template <class Env>
int lanes_of(const typename Env::Config& config, const SharedOf<Env>& shared) {
    if constexpr (requires { Env::lanes(config, shared); })
        return Env::lanes(config, shared);
    else if constexpr (requires { Env::lanes(config); })
        return Env::lanes(config);
    else
        return 0;
}

/// The environment's own metrics, in order.
template <class Env>
std::vector<std::string> metrics_of(const typename Env::Config& config, const SharedOf<Env>& shared) {
    std::vector<std::string> names;
    const auto list = [&](auto name_of_metric) {
        for (int m = 0; const char* name = name_of_metric(m); ++m) names.push_back(name);
    };
    if constexpr (requires { Env::metrics(config, shared, 0); })
        list([&](int m) { return Env::metrics(config, shared, m); });
    else if constexpr (requires { Env::metrics(config, 0); })
        list([&](int m) { return Env::metrics(config, m); });
    return names;
}

/// Why scripted policy p cannot run, or "".
template <class Env>
std::string policy_error_of(const typename Env::Config& config, const SharedOf<Env>& shared, int p) {
    const char* refusal = nullptr;
    if constexpr (requires { Env::policy_error(config, shared, p); })
        refusal = Env::policy_error(config, shared, p);
    else if constexpr (requires { Env::policy_error(config, p); })
        refusal = Env::policy_error(config, p);
    return refusal ? refusal : "";
}

}  // namespace flockstep
