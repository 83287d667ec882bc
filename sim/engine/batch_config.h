#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine/batch.h"

namespace flockstep {

/// BatchOptions as settings: the flags of every program that steps worlds.
///
///   BatchConfig config;
///   read_config(config, settings);
///   auto batch = make_batch("pursuit", to_options(config), environment_settings);
struct BatchConfig {
    int64_t num_envs = 1;
    InternedString device = "auto";
    int64_t seed = 0;
    AutoresetMode autoreset_mode = AutoresetMode::same_step;
    bool stagger_episodes = false, statistics = true;
    IllegalActions illegal_actions = IllegalActions::refuse;
    StringList scripted, outputs, dtype;
    InternedString plan;
    template <class F>
    void fields(F f) {
        f("num_envs", num_envs, between(0, 2147483647),
          "worlds that are stepped together; bench: 0, enough to fill the device");
        f("device", device, any_value(), "cpu, cuda, cuda:N, or auto: the GPU if there is a usable one");
        f("seed", seed, at_least(0), "for all random numbers");
        f("autoreset_mode", autoreset_mode, one_of({"same_step", "next_step", "disabled"}),
          "what happens to a world whose episode ended");
        f("stagger_episodes", stagger_episodes, any_value(), "first episodes start at random points of the time limit");
        f("illegal_actions", illegal_actions, one_of({"refuse", "pass"}),
          "refuse: replaced by the default action and reported; pass: the rules handle them, if they can");
        f("scripted", scripted, any_value(),
          "policies of roles, comma-separated: ROLE=POLICY, or ROLE=none for a role that learns");
        f("statistics", statistics, any_value(), "keep episode returns, lengths and metrics");
        f("outputs", outputs, any_value(),
          "outputs to write, comma-separated: observation parts, reward, terminated, ...; empty: all");
        f("dtype", dtype, any_value(), "storage of observations: float32, or part=float32,part=uint8");
        f("plan", plan, any_value(),
          "how worlds are mapped to GPU lanes: lane, warp:8, block:128, grid; CPU: worlds, team; empty: the engine's "
          "default");
    }
};

/// A visitor that only forwards the fields in `names`, for a Config that reuses some of another's settings.
///
///   batch.fields(only(f, {"device", "seed"}));
template <class F>
auto only(F f, std::vector<std::string> names) {
    return
        [f, names = std::move(names)](const char* name, auto& field, const FieldRule& rule, const char* help) mutable {
            if (std::find(names.begin(), names.end(), name) != names.end()) f(name, field, rule, help);
        };
}

/// Parses the strings of `config` and resolves its device. Throws std::invalid_argument.
BatchOptions to_options(const BatchConfig& config);

}  // namespace flockstep
