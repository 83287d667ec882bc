#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine/batch.h"

namespace flockstep {

/// What BatchOptions says as settings: the flags of every program that steps worlds.
///
///   BatchConfig config;
///   read_config(config, settings);
///   auto batch = make_batch("pursuit", to_options(config), environment_settings);
struct BatchConfig {
    int64_t num_envs = 1;
    Text device = "auto";
    int64_t seed = 0;
    AutoresetMode autoreset_mode = AutoresetMode::same_step;
    bool spread_phases = false, statistics = true;
    IllegalActions illegal_actions = IllegalActions::refuse;
    TextList scripted, outputs, dtype;
    Text plan;
    template <class F>
    void fields(F f) {
        f("num_envs", num_envs, between(0, 2147483647),
          "worlds that step together; bench: 0, as many as fill the device");
        f("device", device, any_value(), "cpu, cuda, cuda:N, or auto: the GPU if a usable one is there");
        f("seed", seed, at_least(0), "of everything random");
        f("autoreset_mode", autoreset_mode, one_of({"same_step", "next_step", "disabled"}),
          "what happens to a world whose episode ended");
        f("spread_phases", spread_phases, any_value(), "first episodes begin at random points of their time limit");
        f("illegal_actions", illegal_actions, one_of({"refuse", "pass"}),
          "refuse: replaced by the default action and reported; pass: the rules say what they mean, if they do");
        f("scripted", scripted, any_value(),
          "who plays which role, with commas between: ROLE=POLICY, or ROLE=none for a role that learns");
        f("statistics", statistics, any_value(), "keep episode returns, lengths and metrics");
        f("outputs", outputs, any_value(),
          "observation parts, reward, terminated, ... that are written, with commas between; empty: all");
        f("dtype", dtype, any_value(), "storage of observations: float32, or part=float32,part=uint8");
        f("plan", plan, any_value(),
          "how worlds lie over GPU lanes: lane, warp:8, block:128, grid; CPU: worlds, team; empty: the engine's "
          "choice");
    }
};

/// A visitor of fields that passes on those of `names` alone: a Config that takes some of another's settings.
///
///   batch.fields(only(f, {"device", "seed"}));
template <class F>
auto only(F f, std::vector<std::string> names) {
    return
        [f, names = std::move(names)](const char* name, auto& field, const FieldRule& rule, const char* help) mutable {
            if (std::find(names.begin(), names.end(), name) != names.end()) f(name, field, rule, help);
        };
}

/// Checks the words of `config` and finds its device. Throws std::invalid_argument.
BatchOptions to_options(const BatchConfig& config);

}  // namespace flockstep
