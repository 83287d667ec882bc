#include "trainer/run/training_task.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "io/quote.h"
#include "io/toml.h"
#include "sim/engine/batch_memory.h"
#include "sim/engine/registry.h"
#include "sim/engine/tune.h"
#include "trainer/data/memory_plan.h"
#include "trainer/run/best_checkpoint.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

namespace {
/// Checks that host memory suffices before any of it is touched. Returns the batch of one world that it made, to keep
/// the shared data loaded for the real batch. On a GPU allocation fails by itself.
std::unique_ptr<Batch> check_memory(const TrainingTask& task, BatchOptions options) {
    constexpr int64_t few_worlds = 16;  // cheap enough to try
    if (task.device.is_cuda() || task.config.num_envs < few_worlds) return nullptr;
    options.num_envs = 1, options.plan = "";
    std::unique_ptr<Batch> world = make_batch(task.environment, options, task.settings);
    check_batch_memory(training_bytes(*world, task.config), task.config.num_envs, "training");
    return world;
}

std::unique_ptr<Batch> make_training_batch(const TrainingTask& task) {
    BatchOptions options = training_options(task.config, task.device);
    options.dtypes = to_options(task.run.batch).dtypes;
    const std::unique_ptr<Batch> world = check_memory(task, options);
    options.plan = task.run.plan.str();
    if (options.plan == "tune") {
        options.plan = "";
        if (task.device.is_cuda()) options.plan = tune_plan(task.environment, options, task.settings).plan;
    }
    return make_batch(task.environment, options, task.settings);
}

void check_run_config(const RunConfig& run, const Batch& batch) {
    for (const std::string& name : run.baseline) batch.find_policy(name);
    if (run.evaluates_during_training() && run.evaluate_episodes == 0)
        throw std::invalid_argument("evaluate_episodes: got 0 with eval_every = " + std::to_string(run.eval_every) +
                                    ", want the number of episodes of each evaluation");
    check_metric(BestCheckpoint::metric_of(run.keep_best.str()), batch);
}
}  // namespace

std::string to_toml(const TrainingTask& task) {
    std::map<std::string, Value> trainer = write_config(task.config).values();
    trainer.merge(std::map(write_config(task.run).values()));
    std::string groups;
    for (const auto& [name, settings] : task.config.group_settings)
        groups += "\n[groups." + toml_key(name) + "]\n" + to_toml(settings);
    return "# All settings of a training run; flockstep train --config THIS_FILE repeats it.\nformat_version "
           "= " +
           std::to_string(config_version) + "\n\n[environment]\nname = \"" + task.environment + "\"\n" +
           to_toml(task.settings.values()) + "\n[trainer]\n" + to_toml(trainer) + groups;
}

std::unique_ptr<Trainer> make_trainer(TrainingTask& task) {
    std::unique_ptr<Batch> batch = make_training_batch(task);
    check_run_config(task.run, *batch);
    task.settings = batch->settings();
    return std::make_unique<Trainer>(std::move(batch), task.config);
}

std::string shown(const Value& value) { return to_text(value).empty() ? "\"\"" : escaped(to_text(value)); }

int64_t batch_size(Trainer& trainer) {
    const TrainConfig& config = trainer.config();
    return config.num_envs * config.num_steps * trainer.batch().num_agents();
}

int64_t iterations_of(int64_t agent_steps, Trainer& trainer) {
    if (agent_steps == 0) return 0;
    const int64_t size = batch_size(trainer);
    return std::max<int64_t>(1, agent_steps / size + (agent_steps % size >= (size + 1) / 2 ? 1 : 0));
}

}  // namespace flockstep
