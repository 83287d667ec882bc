#include "trainer/run/resume.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "sim/engine/registry.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

namespace {
/// Settings that leave the weights of every step as they are, or only move the end of the run.
constexpr std::string_view may_change[] = {"total_steps", "max_seconds", "eval_every",       "baseline",
                                           "replay",      "keep_best",   "checkpoint_steps", "checkpoint_every",
                                           "device",      "plan",        "cuda_graphs"};

bool is_fixed(const std::string& key) {
    return key.rfind("log_", 0) != 0 && key.rfind("evaluate_", 0) != 0 &&
           std::find(std::begin(may_change), std::end(may_change), key) == std::end(may_change);
}

/// `group`: empty for the run's settings.
void expect_equal(const Settings& before, const Settings& now, const RunFolder& folder, const std::string& group = "") {
    for (const auto& [key, value] : before.values()) {
        const auto given = now.values().find(key);
        if (!is_fixed(key) || given == now.values().end() || to_text(given->second) == to_text(value)) continue;
        throw std::invalid_argument((group.empty() ? "" : "groups." + group + ".") + key + ": got " +
                                    shown(given->second) + ", but " + folder.path().string() + " has " + shown(value) +
                                    ", which a resumed run keeps; to start a new run from its weights: " +
                                    "--initial " + folder.path().string());
    }
}

void check_groups(const TrainConfig& before, const TrainConfig& now, const RunFolder& folder) {
    for (const TrainConfig* config : {&before, &now})
        for (const auto& [name, settings] : config->group_settings)
            expect_equal(write_config(before.of_group(name)), write_config(now.of_group(name)), folder, name);
}

/// Values as the environment understands them: "0.50" and 0.5 are the same.
Settings resolved(const TrainingTask& task) {
    BatchOptions options;
    options.num_envs = 1;
    return make_batch(task.environment, options, task.settings)->settings();
}

bool are_equal(const Settings& before, const Settings& now) {
    return std::all_of(now.values().begin(), now.values().end(), [&](const auto& entry) {
        const auto found = before.values().find(entry.first);
        return found != before.values().end() && to_text(found->second) == to_text(entry.second);
    });
}
}  // namespace

void check_resumed(const TrainingTask& before, const TrainingTask& now, const RunFolder& folder) {
    expect_equal(write_config(before.config), write_config(now.config), folder);
    check_groups(before.config, now.config, folder);
    expect_equal(write_config(before.run), write_config(now.run), folder);
    if (!are_equal(before.settings, now.settings)) expect_equal(resolved(before), resolved(now), folder);
}

void restore(Trainer& trainer, const RunFolder& folder) {
    const Archive archive = folder.load_checkpoint();
    try {
        flockstep::restore(trainer, archive);
    } catch (const DamagedCheckpoint& error) {
        throw DamagedCheckpoint(error.what() + folder.recovery_hint());
    }
}

}  // namespace flockstep
