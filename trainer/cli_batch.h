#pragma once

#include <string>
#include <vector>

#include "sim/engine/batch.h"
#include "trainer/cli_settings.h"

namespace flockstep {

/// How a command runs its worlds, as settings: what BatchOptions says, in text.
struct BatchConfig {
    int64_t num_envs = 1;
    Text device = "auto";
    int64_t seed = 0;
    AutoresetMode autoreset_mode = AutoresetMode::same_step;
    bool spread_phases = false, statistics = true;
    IllegalActions illegal_actions = IllegalActions::refuse;
    Text scripted, outputs, dtype;
    Text plan;
    template <class F>
    void fields(F f) {
        f("num_envs", num_envs, between(1, 2147483647), "worlds that step together");
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

/// Checks the words of `config` and chooses its device; `auto` without a usable GPU says so on stderr.
/// Throws std::invalid_argument.
BatchOptions to_options(const BatchConfig& config);

/// Words between commas, without blanks around them.
std::vector<std::string> split_list(const std::string& text);

/// What a command runs: an environment and the settings of its worlds.
struct Task {
    std::string environment;
    Settings settings;  // the environment's
    BatchConfig batch;
};

/// Environment (by name, or by the file if `name` is empty), its settings and the batch's, out of what was given, on
/// top of `defaults`. Throws std::invalid_argument for keys that nobody knows.
Task read_task(const std::string& name, const GivenSettings& given, const BatchConfig& defaults);

/// The settings of an environment as a group.
SettingGroup environment_group(const std::string& name);
SettingGroup batch_group(const BatchConfig& defaults);

/// Fields of a Config with the values it holds now as their defaults.
template <class Config>
std::vector<FieldDescription> describe(Config config) {
    std::vector<FieldDescription> list;
    config.fields(detail::FieldLister{list});
    return list;
}

}  // namespace flockstep
