#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>

#include "cli/cli.h"
#include "cli/device.h"
#include "cli/signal.h"
#include "io/atomic_file.h"
#include "io/text_table.h"
#include "sim/engine/registry.h"
#include "trainer/run/checkpoint.h"
#include "trainer/run/held_out.h"
#include "trainer/run/initial.h"
#include "trainer/run/render.h"
#include "trainer/run/resume.h"
#include "trainer/run/run_lock.h"
#include "trainer/run/training_loop.h"
#include "trainer/run/training_task.h"

namespace flockstep {

namespace {
/// The tables of a settings file: one per group of settings, [cpu] and [cuda], which may contain any key, and those of
/// groups of agents. That a key there is of the run is said later, by name.
std::vector<SettingGroup> known_groups(const SettingGroup& environment) {
    std::vector<SettingGroup> groups = train_groups();
    groups.push_back(environment);
    SettingGroup all;
    for (const SettingGroup& group : groups) {
        all.fields.insert(all.fields.end(), group.fields.begin(), group.fields.end());
        all.other_names.insert(all.other_names.end(), group.other_names.begin(), group.other_names.end());
    }
    for (const char* device : {"cpu", "cuda"}) groups.push_back({device, all.fields, all.other_names});
    for (const SettingGroup& group : train_groups()) groups.push_back({"groups.NAME", group.fields, group.other_names});
    return groups;
}

/// The task without its device.
TrainingTask read_settings(const std::string& environment, const GivenSettings& given) {
    TrainingTask task{environment, given.of(environment_group(environment)), {}, {}, {}, {}, {}};
    given.read(task.config, "trainer");
    given.read(task.run, "trainer");
    for (const auto& [name, settings] : given.of_groups()) {
        for (const FieldDescription& field : describe(task.run))
            if (settings.has(field.name)) refuse_in_group(name, field.name);
        task.config.set_group(name, settings);
    }
    return task;
}

TrainingTask read_task(const Command& command, GivenSettings& given) {
    const std::string name = command.name().empty() ? given.environment() : command.name();
    if (name.empty()) throw std::invalid_argument("environment: got none, want a name; see flockstep list");
    given.refuse_unknown(known_groups(environment_group(name)));
    const Value* const device = given.find("trainer", "device");
    const bool is_gpu = find_device(device ? to_text(*device) : RunConfig{}.batch.device.str()).is_cuda();
    given.choose_device(is_gpu ? "cuda" : "cpu");
    TrainingTask task = read_settings(name, given);
    task.device = choose_device(task.run.batch.device.str());
    task.run.batch.device = task.device.name();
    task.command_line = command.line;
    task.keep_going = [] { return StopSignals::received() == 0; };
    return task;
}

/// The task of a run that goes on; its settings are those of the folder's config.toml, but for what may change.
TrainingTask read_resumed_task(const Command& command, GivenSettings& given, const RunFolder& folder) {
    GivenSettings own;
    own.add_file(folder.config());
    given.add_file(folder.config());
    TrainingTask task = read_task(command, given);
    if (own.environment() != task.environment)
        throw std::invalid_argument("resume: " + command.resume + " trains " + own.environment() + ", not " +
                                    task.environment);
    check_resumed(read_settings(task.environment, own), task, folder);
    return task;
}

/// The checkpoint to start from, if one is given; its settings of the network win over those of a recipe that was not
/// asked for.
std::optional<Initial> read_initial(const Command& command, const GivenSettings& given, TrainingTask& task) {
    if (task.run.initial.empty()) return std::nullopt;
    Initial initial(task.run.initial.str());
    const std::string own_recipe = command.config.empty() ? "recipe " + command.name() : "";
    initial.adopt(task.config, [&](const std::string& group, const std::string& key) {
        return given.gives(group.empty() ? "trainer" : "groups." + group, key, own_recipe);
    });
    return initial;
}

void introduce(const TrainingTask& task, Trainer& trainer, const RunFolder& folder) {
    const int64_t samples = batch_size(trainer);
    std::printf(
        "%s on %s: %lld worlds of %d agents (plan %s), batches of %lld agent-steps in minibatches of %lld, %lld "
        "parameters, %s agent-steps. Run folder: %s\n",
        task.environment.c_str(), describe_device(task.device).c_str(), static_cast<long long>(task.config.num_envs),
        trainer.batch().num_agents(), trainer.batch().plan().c_str(), static_cast<long long>(samples),
        static_cast<long long>(samples / task.config.num_minibatches), static_cast<long long>(trainer.num_parameters()),
        short_number(double(task.config.total_steps)).c_str(), folder.path().c_str());
    const bool uses_tfloat32 = std::any_of(
        trainer.policies().begin(), trainer.policies().end(),
        [&](const PolicySpec& spec) { return task.config.of_group(spec.name).precision == Precision::tfloat32; });
    if (uses_tfloat32 && !task.device.is_cuda()) std::printf("Precision: tfloat32 is float32 on the CPU\n");
    std::fflush(stdout);
}

void announce(const TrainingTask& task, const std::string& policy) {
    std::printf("Evaluating the %s policy on %lld episodes ...\n", policy.c_str(),
                static_cast<long long>(task.run.evaluate_episodes));
    std::fflush(stdout);
}

/// A training run on the terminal: evaluations before and after, the replay, what is said about them.
class TrainingCommand {
  public:
    TrainingCommand(const TrainingTask& task, Trainer& trainer, const RunFolder& folder)
        : task_(task), trainer_(trainer), folder_(folder), held_out_(task) {}

    /// Returns the exit code.
    int run() {
        if (trainer_.iterations() == 0) evaluate_policy(task_.run.initial.empty() ? "untrained" : "initial");
        TrainingLoop loop(task_, trainer_, folder_, held_out_);
        if (!loop.run()) return interrupted();
        evaluate_policy("trained");
        loop.evaluate_best();
        for (const std::string& name : task_.run.baseline) evaluate_baseline(name);
        if (task_.keep_going()) report();
        if (task_.keep_going()) write_run_replay();
        if (!task_.keep_going()) return interrupted();
        std::printf("Run: %s\n", folder_.path().c_str());
        return 0;
    }

  private:
    void evaluate_policy(const std::string& name) {
        if (task_.run.evaluate_episodes == 0 || !task_.keep_going()) return;
        announce(task_, name);
        add(held_out_.play(snapshot(trainer_), name));
    }
    void evaluate_baseline(const std::string& name) {
        if (task_.run.evaluate_episodes == 0 || !task_.keep_going()) return;
        announce(task_, name);
        add(held_out_.play_scripted(name));
    }
    void add(const std::optional<Evaluation>& evaluation) {
        if (evaluation) evaluations_.push_back(*evaluation);
    }
    void report() const {
        if (evaluations_.empty()) return;
        std::string json;
        for (const Evaluation& evaluation : evaluations_) json += to_json(evaluation) + "\n";
        write_file(folder_.evaluation(), json);
        std::printf("\nMeans over %lld fresh episodes (seed %lld), +- standard error\n%s\n",
                    static_cast<long long>(task_.run.evaluate_episodes),
                    static_cast<long long>(task_.run.evaluate_seed), to_text(evaluations_).c_str());
    }
    void write_run_replay() {
        if (!task_.run.replay) return;
        if (!registry().find(task_.environment).info.draw) {
            std::printf("No replay: %s has no draw function\n", task_.environment.c_str());
            return;
        }
        const auto seed = uint64_t(task_.run.evaluate_seed);
        const std::unique_ptr<Batch> batch =
            make_batch(task_.environment, recording_options(seed, task_.device), task_.settings);
        const Archive archive = snapshot(trainer_);
        const Replay replay =
            record_episode(*batch, "trained policy", trained_policy(archive, *batch, seed, false), task_.keep_going);
        if (!task_.keep_going()) return;
        write_replay(folder_.replay(), replay);
        std::printf("Replay: %s\n", folder_.replay().c_str());
    }
    /// Prints how to resume. Returns the exit code.
    int interrupted() const {
        std::printf("Interrupted; the checkpoint is saved. Resume with: flockstep train --resume %s\n",
                    folder_.path().c_str());
        const int code = 128 + StopSignals::received();
        // The GPU's queue may still contain seconds of an abandoned iteration, and freeing memory would wait for it.
        if (task_.device.is_cuda()) std::fflush(nullptr), std::_Exit(code);
        return code;
    }

    const TrainingTask& task_;
    Trainer& trainer_;
    const RunFolder& folder_;
    HeldOut held_out_;
    std::vector<Evaluation> evaluations_;
};

/// Whether a file that is written after training is there and belongs to the last checkpoint.
bool is_current(const std::filesystem::path& file, const RunFolder& folder) {
    std::error_code error;
    return std::filesystem::is_regular_file(file) && std::filesystem::last_write_time(file, error) >=
                                                         std::filesystem::last_write_time(folder.checkpoint(), error);
}

/// Whether nothing is left to do after training, either.
bool is_complete(const TrainingTask& task, const RunFolder& folder) {
    const bool draws = task.run.replay && registry().find(task.environment).info.draw;
    return (!draws || is_current(folder.replay(), folder)) &&
           (task.run.evaluate_episodes == 0 || is_current(folder.evaluation(), folder));
}

void say_finished(const TrainingTask& task, Trainer& trainer, const RunFolder& folder) {
    const bool by_steps = trainer.iterations() >= trainer.total_iterations();
    const std::string end = by_steps ? "total_steps = " + std::to_string(task.config.total_steps)
                                     : "max_seconds = " + plain_number(task.config.max_seconds);
    std::printf("%s is already at %s, after %lld agent-steps; to train on: --%s with more\n", folder.path().c_str(),
                end.c_str(), static_cast<long long>(trainer.iterations() * batch_size(trainer)),
                by_steps ? "total_steps" : "max_seconds");
    std::fflush(stdout);
}

int resume(const Command& command) {
    const RunFolder folder = RunFolder::open(command.resume);
    const RunLock lock(folder.path());
    folder.expect_checkpoint();
    GivenSettings given = command.given;
    TrainingTask task = read_resumed_task(command, given, folder);
    const std::unique_ptr<Trainer> trainer = make_trainer(task);
    restore(*trainer, folder);
    if (trainer->is_finished()) say_finished(task, *trainer, folder);
    if (trainer->is_finished() && is_complete(task, folder)) return 0;
    const StopSignals signals;
    if (!trainer->is_finished()) {
        write_file(folder.config(), to_toml(task));
        introduce(task, *trainer, folder);
    }
    return TrainingCommand(task, *trainer, folder).run();
}
}  // namespace

std::vector<SettingGroup> train_groups() {
    return {{"trainer",
             describe(TrainConfig{}),
             {std::begin(TrainConfig::other_names), std::end(TrainConfig::other_names)}},
            {"trainer", describe(RunConfig{}), {std::begin(RunConfig::other_names), std::end(RunConfig::other_names)}}};
}

int run_train(const Command& command) {
    if (!command.resume.empty()) return resume(command);
    GivenSettings given = command.given;
    TrainingTask task = read_task(command, given);
    const std::optional<Initial> initial = read_initial(command, given, task);
    const std::unique_ptr<Trainer> trainer = make_trainer(task);
    if (initial) initial->start(*trainer);
    const StopSignals signals;
    const std::string name = task.run.run_name.empty() ? task.environment : task.run.run_name.str();
    const RunFolder folder = RunFolder::create(task.run.runs.str(), name);
    const RunLock lock(folder.path());
    write_file(folder.config(), to_toml(task));
    std::printf("Recipe: %s\n", command.recipe.c_str());
    if (initial)
        std::printf("Initial weights: %s, iteration %lld\n", initial->path().c_str(),
                    static_cast<long long>(initial->info().iterations));
    introduce(task, *trainer, folder);
    return TrainingCommand(task, *trainer, folder).run();
}

}  // namespace flockstep
