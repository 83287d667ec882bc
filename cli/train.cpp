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
#include "sim/engine/registry.h"
#include "sim/engine/tune.h"
#include "trainer/memory_plan.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/log.h"
#include "trainer/run/render.h"
#include "trainer/run/run_lock.h"

namespace flockstep {

namespace {
/// Settings of a training run beside PPO's own.
struct RunConfig {
    BatchConfig batch;
    Text plan = "tune";
    Text runs = "runs";
    Text run_name;
    float log_every = 1.0f;
    int64_t evaluate_episodes = 0;
    int64_t evaluate_seed = evaluation_seed;
    TextList baseline;
    bool replay = true;
    template <class F>
    void fields(F f) {
        batch.fields(only(f, {"device", "dtype"}));
        f("plan", plan, any_value(),
          "how worlds lie over GPU lanes: lane, warp:8, block:128, grid; tune: tries them for a second, once; empty: "
          "the engine's choice");
        f("runs", runs, any_value(), "the folder that run folders are made in");
        f("run_name", run_name, any_value(), "first part of the run folder's name; empty: the environment's name");
        f("log_every", log_every, between(0.01, 3600), "seconds between records of the log");
        f("evaluate_episodes", evaluate_episodes, between(0, 1 << 30),
          "if > 0, the policy plays this many fresh episodes before and after");
        f("evaluate_seed", evaluate_seed, at_least(0), "of those episodes' worlds and of the replay's");
        f("baseline", baseline, any_value(), "scripted policies, with commas between, that play the same episodes");
        f("replay", replay, any_value(), "write a replay of the trained policy at the end");
    }
};

/// One call of `flockstep train`, as it was resolved.
struct TrainTask {
    std::string environment;
    Settings settings;
    TrainConfig config;
    RunConfig run;
    Device device;
};

/// What a file of settings may hold: the tables, and [cpu] and [cuda] for any of their keys.
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
    if (task.environment.empty())
        throw std::invalid_argument("environment: got none, want its NAME; see flockstep list");
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
    return "# Settings of a training run, all of them; flockstep train --config THIS_FILE repeats it.\nformat_version "
           "= " +
           std::to_string(config_version) + "\n\n[environment]\nname = \"" + task.environment + "\"\n" +
           to_toml(task.settings.values()) + "\n[trainer]\n" + to_toml(trainer);
}

/// Refuses what the host has no room for before any of it is filled; returns the one world that it looked at, whose
/// shared data the batch then uses, too. A GPU refuses by itself.
std::unique_ptr<Batch> check_room(const TrainTask& task, BatchOptions options) {
    constexpr int64_t few_worlds = 16;  // as quick to try
    if (task.device.is_cuda() || task.config.num_envs < few_worlds) return nullptr;
    options.num_envs = 1, options.plan = "";
    std::unique_ptr<Batch> world = make_batch(task.environment, options, task.settings);
    const double bytes = training_bytes(*world, task.config) * double(task.config.num_envs);
    check_host_room(size_t(std::min(bytes, 9e18)), "training with num_envs = " + std::to_string(task.config.num_envs));
    return world;
}

std::unique_ptr<Batch> make_training_batch(const TrainTask& task) {
    BatchOptions options = training_options(task.config, task.device);
    options.dtypes = to_options(task.run.batch).dtypes;
    const std::unique_ptr<Batch> world = check_room(task, options);
    options.plan = task.run.plan.str();
    if (options.plan == "tune") {
        options.plan = "";
        if (task.device.is_cuda()) options.plan = tune_plan(task.environment, options, task.settings).plan;
    }
    return make_batch(task.environment, options, task.settings);
}

bool goes_on() { return StopSignals::received() == 0; }

/// Refuses what would be refused after hours of training, too.
std::unique_ptr<Trainer> make_trainer(TrainTask& task) {
    std::unique_ptr<Batch> batch = make_training_batch(task);
    for (const std::string& name : task.run.baseline) batch->find_policy(name);
    task.settings = batch->settings();
    return std::make_unique<Trainer>(std::move(batch), task.config);
}

void restore(Trainer& trainer, const RunFolder& run) {
    const Archive archive = run.load_checkpoint();
    try {
        trainer.restore(archive);
    } catch (const DamagedCheckpoint& error) {
        throw DamagedCheckpoint(error.what() + run.way_back());
    }
}

/// Plays the evaluation's episodes by whatever `acting` makes of the batch.
Evaluation play(const TrainTask& task, const std::string& policy,
                const std::function<std::function<void()>(Batch&)>& acting) {
    const std::unique_ptr<Batch> batch = make_batch(
        task.environment, evaluation_options(task.run.evaluate_episodes, uint64_t(task.run.evaluate_seed), task.device),
        task.settings);
    return evaluate(*batch, policy, acting(*batch), goes_on);
}
Evaluation play_trained(const TrainTask& task, const std::string& policy, Trainer& trainer) {
    const Archive archive = trainer.snapshot();
    return play(task, policy, [&](Batch& batch) { return trained_policy(archive, batch, false); });
}

/// Iterates until the run is over or a signal came; logs and saves now and then.
class TrainingLoop {
  public:
    TrainingLoop(Trainer& trainer, const RunFolder& run, const TrainTask& task)
        : trainer_(trainer),
          run_(run),
          task_(task),
          log_(run, trainer, task.environment, trainer.read_metrics(), trainer.progress()) {}

    /// False if a signal ended it.
    bool run() {
        while (!trainer_.is_finished() && goes_on()) {
            const Clock::time_point begin = Clock::now();
            int64_t done = 0;
            for (; done < iterations_per_record_ && !trainer_.is_finished() && goes_on(); ++done)
                if (!iterate()) return false;
            log_.write(trainer_.read_metrics(), trainer_.progress(), trainer_.is_finished() || !goes_on());
            seconds_per_iteration_ = std::chrono::duration<double>(Clock::now() - begin).count() / double(done);
            plan();
            save_if_due();
        }
        run_.save_checkpoint(trainer_.snapshot());
        return trainer_.is_finished();
    }

  private:
    using Clock = std::chrono::steady_clock;
    /// Longer iterations are not waited for when a signal comes.
    static constexpr double long_iteration = 1.0;

    /// A long iteration is abandoned when a signal comes, and what the run was before it, kept on the host, is saved.
    /// How long the first one takes is not known. False if it was abandoned.
    bool iterate() {
        if (seconds_per_iteration_ < long_iteration) return trainer_.iterate();
        const Archive before = trainer_.snapshot();
        const bool is_whole = trainer_.iterate([] { return !goes_on(); });
        if (!is_whole) run_.save_checkpoint(before);
        return is_whole;
    }
    /// As many iterations as fill the time between two records: reading metrics waits for the device, iterating does
    /// not.
    void plan() {
        const double fit = double(task_.run.log_every) / std::max(seconds_per_iteration_, 1e-6);
        iterations_per_record_ = std::max<int64_t>(1, int64_t(std::min(fit, 2.0 * double(iterations_per_record_))));
    }
    void save_if_due() {
        const std::chrono::duration<double> since = Clock::now() - saved_;
        if (task_.config.checkpoint_every <= 0 || since.count() < double(task_.config.checkpoint_every)) return;
        run_.save_checkpoint(trainer_.snapshot());
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
    if (!task.run.replay || !registry().find(task.environment).info.draw) return;
    const std::unique_ptr<Batch> batch =
        make_batch(task.environment, recording_options(uint64_t(task.run.evaluate_seed), task.device), task.settings);
    const Archive archive = trainer.snapshot();
    const Replay replay = record_episode(*batch, "trained policy", trained_policy(archive, *batch, false), goes_on);
    if (!goes_on()) return;
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

/// Says how to go on. Returns the exit code.
int interrupted(const TrainTask& task, const RunFolder& run) {
    std::printf("Interrupted; the checkpoint is saved. Go on with: flockstep train --resume %s\n", run.path().c_str());
    const int code = 128 + StopSignals::received();
    // The GPU may have seconds of an abandoned iteration in its queue; releasing its memory would wait for them.
    if (task.device.is_cuda()) std::fflush(nullptr), std::_Exit(code);
    return code;
}

/// Trains, evaluates, draws. Returns the exit code.
int train(const TrainTask& task, Trainer& trainer, const RunFolder& run) {
    const bool evaluates = task.run.evaluate_episodes > 0;
    std::vector<Evaluation> evaluations;
    if (evaluates && trainer.iterations() == 0) evaluations.push_back(play_trained(task, "untrained", trainer));
    const bool is_finished = TrainingLoop(trainer, run, task).run();
    if (is_finished && evaluates) {
        evaluations.push_back(play_trained(task, "trained", trainer));
        for (const std::string& name : task.run.baseline)
            if (goes_on())
                evaluations.push_back(play(task, name, [&](Batch& batch) { return scripted_policy(batch, name); }));
    }
    if (is_finished && goes_on()) {
        report(task, run, evaluations);
        write_run_replay(task, run, trainer);
    }
    if (is_finished && goes_on()) {
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
