#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <stdexcept>

#include "cli/device.h"
#include "cli/player.h"
#include "cli/signal.h"
#include "io/atomic_file.h"
#include "io/text_table.h"
#include "io/toml.h"
#include "sim/engine/batch_memory.h"
#include "sim/engine/registry.h"
#include "sim/engine/tune.h"
#include "trainer/data/memory_plan.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/log.h"
#include "trainer/run/render.h"
#include "trainer/run/run_lock.h"

namespace flockstep {

namespace {
/// Settings of a training run other than PPO's.
struct RunConfig {
    BatchConfig batch;
    InternedString plan = "tune";
    InternedString runs = "runs";
    InternedString run_name;
    float log_every = 1.0f;
    int64_t evaluate_episodes = 0;
    int64_t evaluate_seed = evaluation_seed;
    StringList baseline;
    bool replay = true;
    template <class F>
    void fields(F f) {
        batch.fields(only(f, {"device", "dtype"}));
        f("plan", plan, any_value(),
          "mapping of worlds to GPU lanes: lane, warp:8, block:128 or grid; tune: measure them once, for about a "
          "second; "
          "empty: the engine's default");
        f("runs", runs, any_value(), "parent folder of the run folder");
        f("run_name", run_name, any_value(), "prefix of the run folder's name; empty: the environment's name");
        f("log_every", log_every, between(0.01, 3600), "seconds between log records");
        f("evaluate_episodes", evaluate_episodes, between(0, 1 << 30),
          "if > 0, evaluate the policy on this many fresh episodes before and after training");
        f("evaluate_seed", evaluate_seed, at_least(0), "seed of the evaluation episodes and of the replay");
        f("baseline", baseline, any_value(), "scripted policies, comma-separated, evaluated on the same episodes");
        f("replay", replay, any_value(), "write a replay of the trained policy after training");
    }
};

/// One invocation of `flockstep train` with all settings resolved.
struct TrainTask {
    std::string environment;
    Settings settings;
    TrainConfig config;
    RunConfig run;
    Device device;
};

/// The tables of a settings file: one per group, and [cpu] and [cuda], which may contain any key.
std::vector<SettingGroup> known_groups(const SettingGroup& environment) {
    std::vector<SettingGroup> groups = train_groups();
    groups.push_back(environment);
    SettingGroup all;
    for (const SettingGroup& group : groups) {
        all.fields.insert(all.fields.end(), group.fields.begin(), group.fields.end());
        all.other_names.insert(all.other_names.end(), group.other_names.begin(), group.other_names.end());
    }
    for (const char* device : {"cpu", "cuda"}) groups.push_back({device, all.fields, all.other_names});
    return groups;
}

TrainTask read_train_task(const std::string& name, GivenSettings& given) {
    TrainTask task{name.empty() ? given.environment() : name, {}, {}, {}, {}};
    if (task.environment.empty()) throw std::invalid_argument("environment: got none, want a name; see flockstep list");
    const SettingGroup environment = environment_group(task.environment);
    given.refuse_unknown(known_groups(environment));
    const Value* const device = given.find("trainer", "device");
    const bool is_gpu = find_device(device ? to_text(*device) : task.run.batch.device.str()).is_cuda();
    given.choose_device(is_gpu ? "cuda" : "cpu");
    task.settings = given.of(environment);
    given.read(task.config, "trainer");
    given.read(task.run, "trainer");
    task.device = choose_device(task.run.batch.device.str());
    task.run.batch.device = task.device.name();
    return task;
}

std::string recipe_of(const TrainTask& task) {
    std::map<std::string, Value> trainer = write_config(task.config).values();
    trainer.merge(std::map(write_config(task.run).values()));
    return "# All settings of a training run; flockstep train --config THIS_FILE repeats it.\nformat_version "
           "= " +
           std::to_string(config_version) + "\n\n[environment]\nname = \"" + task.environment + "\"\n" +
           to_toml(task.settings.values()) + "\n[trainer]\n" + to_toml(trainer);
}

/// Checks that host memory suffices before any of it is touched. Returns the batch of one world that it made, to keep
/// the shared data loaded for the real batch. On a GPU allocation fails by itself.
std::unique_ptr<Batch> check_memory(const TrainTask& task, BatchOptions options) {
    constexpr int64_t few_worlds = 16;  // cheap enough to try
    if (task.device.is_cuda() || task.config.num_envs < few_worlds) return nullptr;
    options.num_envs = 1, options.plan = "";
    std::unique_ptr<Batch> world = make_batch(task.environment, options, task.settings);
    check_batch_memory(training_bytes(*world, task.config), task.config.num_envs, "training");
    return world;
}

std::unique_ptr<Batch> make_training_batch(const TrainTask& task) {
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

bool keep_going() { return StopSignals::received() == 0; }

/// Makes the batch and the trainer. Rejects early what would otherwise fail after training.
std::unique_ptr<Trainer> make_trainer(TrainTask& task) {
    std::unique_ptr<Batch> batch = make_training_batch(task);
    for (const std::string& name : task.run.baseline) batch->find_policy(name);
    task.settings = batch->settings();
    return std::make_unique<Trainer>(std::move(batch), task.config);
}

void restore(Trainer& trainer, const RunFolder& run) {
    const Archive archive = run.load_checkpoint();
    try {
        flockstep::restore(trainer, archive);
    } catch (const DamagedCheckpoint& error) {
        throw DamagedCheckpoint(error.what() + run.recovery_hint());
    }
}

/// Plays the evaluation episodes; `acting` makes the function that acts in the batch.
Evaluation play(const TrainTask& task, const std::string& policy,
                const std::function<std::function<void()>(Batch&)>& acting) {
    std::printf("Evaluating the %s policy on %lld episodes ...\n", policy.c_str(),
                static_cast<long long>(task.run.evaluate_episodes));
    std::fflush(stdout);
    const std::unique_ptr<Batch> batch = make_batch(
        task.environment, evaluation_options(task.run.evaluate_episodes, uint64_t(task.run.evaluate_seed), task.device),
        task.settings);
    return evaluate(*batch, policy, acting(*batch), keep_going);
}
Evaluation play_trained(const TrainTask& task, const std::string& policy, Trainer& trainer) {
    const Archive archive = snapshot(trainer);
    return play(task, policy, [&](Batch& batch) { return trained_policy(archive, batch, false); });
}

/// Iterates until the run is finished or a signal arrives; logs and saves checkpoints.
class TrainingLoop {
  public:
    TrainingLoop(Trainer& trainer, const RunFolder& run, const TrainTask& task)
        : trainer_(trainer),
          run_(run),
          task_(task),
          log_(run, trainer, task.environment, trainer.read_metrics(), trainer.progress()) {}

    /// Returns false if it was interrupted by a signal.
    bool run() {
        while (!trainer_.is_finished() && keep_going()) {
            const Clock::time_point begin = Clock::now();
            int64_t done = 0;
            for (; done < iterations_per_record_ && !trainer_.is_finished() && keep_going(); ++done)
                if (!iterate()) return false;
            log_.write(trainer_.read_metrics(), trainer_.progress(), trainer_.is_finished() || !keep_going());
            seconds_per_iteration_ = std::chrono::duration<double>(Clock::now() - begin).count() / double(done);
            choose_iterations_per_record();
            save_if_due();
        }
        run_.save_checkpoint(snapshot(trainer_));
        return trainer_.is_finished();
    }

  private:
    using Clock = std::chrono::steady_clock;
    /// In seconds: longer iterations are abandoned when a signal arrives.
    static constexpr double long_iteration = 1.0;

    /// If a signal arrives during a long iteration, the iteration is abandoned and the state before it, a snapshot on
    /// the host, is saved. The first iteration counts as long. Returns false if it was abandoned.
    bool iterate() {
        if (seconds_per_iteration_ < long_iteration) return trainer_.iterate();
        const Archive before = snapshot(trainer_);
        const bool is_whole = trainer_.iterate([] { return !keep_going(); });
        if (!is_whole) run_.save_checkpoint(before);
        return is_whole;
    }
    /// Chooses how many iterations to run per log record: reading metrics synchronises, iterating does not.
    void choose_iterations_per_record() {
        const double fit = double(task_.run.log_every) / std::max(seconds_per_iteration_, 1e-6);
        iterations_per_record_ = std::max<int64_t>(1, int64_t(std::min(fit, 2.0 * double(iterations_per_record_))));
    }
    void save_if_due() {
        const std::chrono::duration<double> since = Clock::now() - saved_;
        if (task_.config.checkpoint_every <= 0 || since.count() < double(task_.config.checkpoint_every)) return;
        run_.save_checkpoint(snapshot(trainer_));
        saved_ = Clock::now();
    }

    Trainer& trainer_;
    const RunFolder& run_;
    const TrainTask& task_;
    TrainingLog log_;
    int64_t iterations_per_record_ = 1;
    double seconds_per_iteration_ = std::numeric_limits<double>::infinity();
    Clock::time_point saved_ = Clock::now();
};

void write_run_replay(const TrainTask& task, const RunFolder& run, Trainer& trainer) {
    if (!task.run.replay) return;
    if (!registry().find(task.environment).info.draw) {
        std::printf("No replay: %s has no draw function\n", task.environment.c_str());
        return;
    }
    const std::unique_ptr<Batch> batch =
        make_batch(task.environment, recording_options(uint64_t(task.run.evaluate_seed), task.device), task.settings);
    const Archive archive = snapshot(trainer);
    const Replay replay = record_episode(*batch, "trained policy", trained_policy(archive, *batch, false), keep_going);
    if (!keep_going()) return;
    write_replay(run.replay(), replay);
    std::printf("Replay: %s\n", run.replay().c_str());
}

void report(const TrainTask& task, const RunFolder& run, const std::vector<Evaluation>& evaluations) {
    if (evaluations.empty()) return;
    std::string json;
    for (const Evaluation& evaluation : evaluations) json += to_json(evaluation) + "\n";
    write_file(run.path() / "evaluation.jsonl", json);
    std::printf("\nMeans over %lld fresh episodes (seed %lld), +- standard error\n%s\n",
                static_cast<long long>(task.run.evaluate_episodes), static_cast<long long>(task.run.evaluate_seed),
                to_text(evaluations).c_str());
}

/// Prints how to resume. Returns the exit code.
int interrupted(const TrainTask& task, const RunFolder& run) {
    std::printf("Interrupted; the checkpoint is saved. Resume with: flockstep train --resume %s\n", run.path().c_str());
    const int code = 128 + StopSignals::received();
    // The GPU's queue may still contain seconds of an abandoned iteration, and freeing memory would wait for it.
    if (task.device.is_cuda()) std::fflush(nullptr), std::_Exit(code);
    return code;
}

/// Trains, evaluates, writes the replay. Returns the exit code.
int train(const TrainTask& task, Trainer& trainer, const RunFolder& run) {
    const bool evaluates = task.run.evaluate_episodes > 0;
    std::vector<Evaluation> evaluations;
    if (evaluates && trainer.iterations() == 0) evaluations.push_back(play_trained(task, "untrained", trainer));
    const bool is_finished = TrainingLoop(trainer, run, task).run();
    if (is_finished && evaluates) {
        evaluations.push_back(play_trained(task, "trained", trainer));
        for (const std::string& name : task.run.baseline)
            if (keep_going())
                evaluations.push_back(play(task, name, [&](Batch& batch) { return scripted_policy(batch, name); }));
    }
    if (is_finished && keep_going()) {
        report(task, run, evaluations);
        write_run_replay(task, run, trainer);
    }
    if (is_finished && keep_going()) {
        std::printf("Run: %s\n", run.path().c_str());
        return 0;
    }
    return interrupted(task, run);
}

void introduce(const TrainTask& task, Trainer& trainer, const RunFolder& run) {
    std::printf("%s on %s: %lld worlds of %d agents (plan %s), %lld parameters, %s agent-steps. Run folder: %s\n",
                task.environment.c_str(), describe_device(task.device).c_str(),
                static_cast<long long>(task.config.num_envs), trainer.batch().num_agents(),
                trainer.batch().plan().c_str(), static_cast<long long>(trainer.num_parameters()),
                short_number(double(task.config.total_steps)).c_str(), run.path().c_str());
    std::fflush(stdout);
}
}  // namespace

std::vector<SettingGroup> train_groups() {
    return {{"trainer",
             describe(TrainConfig{}),
             {std::begin(TrainConfig::other_names), std::end(TrainConfig::other_names)}},
            {"trainer", describe(RunConfig{})}};
}

int run_train(const Command& command) {
    const bool resumes = !command.resume.empty();
    std::optional<RunFolder> run;
    std::optional<RunLock> lock;
    GivenSettings given = command.given;
    if (resumes) {
        run = RunFolder::open(command.resume);
        lock.emplace(run->path());
        run->expect_checkpoint();
        given.add_file(run->config());
    }
    TrainTask task = read_train_task(command.name(), given);
    if (resumes && given.environment() != task.environment)
        throw std::invalid_argument("resume: " + command.resume + " trains " + given.environment() + ", not " +
                                    task.environment);
    const std::unique_ptr<Trainer> trainer = make_trainer(task);
    if (resumes) restore(*trainer, *run);
    const StopSignals signals;
    if (!resumes) {
        const std::string name = task.run.run_name.empty() ? task.environment : task.run.run_name.str();
        run = RunFolder::create(task.run.runs.str(), name);
        lock.emplace(run->path());
    }
    write_file(run->config(), recipe_of(task));
    introduce(task, *trainer, *run);
    return train(task, *trainer, *run);
}

}  // namespace flockstep
