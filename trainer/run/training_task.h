#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/engine/batch_config.h"
#include "trainer/algorithm/ppo.h"
#include "trainer/config.h"
#include "trainer/run/evaluate.h"

namespace flockstep {

/// Settings of a training run other than PPO's. Agent-steps are counted as in total_steps: those of all agents, active
/// or not.
struct RunConfig {
    static constexpr OtherName other_names[] = {
        {"eval_freq", "eval_every"},
        {"init_from", "initial"},
        {"pretrained", "initial"},
        {"load_model", "initial"},
        {"eval_interval", "eval_every"},
        {"n_eval_episodes", "evaluate_episodes"},
        {"num_eval_episodes", "evaluate_episodes"},
        {"log_interval", "log_every_steps: agent-steps between log records"},
        {"log_steps", "log_every_steps"},
        {"save_freq", "checkpoint_steps"},
        {"save_every", "checkpoint_steps"},
        {"save_best", "keep_best"},
        {"save_best_model", "keep_best"},
    };

    BatchConfig batch;
    InternedString plan = "tune";
    InternedString runs = "runs";
    InternedString run_name;
    InternedString initial;
    float log_every = 1.0f;
    int64_t log_every_steps = 0;
    int64_t evaluate_episodes = 0;
    int64_t evaluate_seed = evaluation_seed;
    int64_t eval_every = 0;
    StringList baseline;
    int64_t checkpoint_steps = 0;
    InternedString keep_best = "episode_return";
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
        f("initial", initial, any_value(),
          "a checkpoint or run folder whose weights and normalisers the run starts from; settings of the network are "
          "then the checkpoint's; empty: none");
        f("log_every", log_every, between(0.01, 3600), "seconds between updates of the terminal");
        f("log_every_steps", log_every_steps, between(0, 1LL << 53),
          "agent-steps between log records, rounded to whole rollouts; 0: a 200th of total_steps");
        f("evaluate_episodes", evaluate_episodes, between(0, 1 << 30),
          "if > 0, evaluate the policy on this many fresh episodes before and after training");
        f("evaluate_seed", evaluate_seed, between(0, double(1LL << 53)),
          "seed of the evaluation episodes and of the replay");
        f("eval_every", eval_every, between(0, 1LL << 53),
          "agent-steps between evaluations during training, on evaluate_episodes episodes; 0: none");
        f("baseline", baseline, any_value(), "scripted policies, comma-separated, evaluated on the same episodes");
        f("checkpoint_steps", checkpoint_steps, between(0, 1LL << 53),
          "agent-steps between numbered checkpoints, which are all kept; 0: none");
        f("keep_best", keep_best, any_value(),
          "metric whose highest value selects checkpoint.best.safetensors: of evaluations with eval_every, otherwise "
          "of "
          "the log whenever a checkpoint is saved; -NAME: the lowest value; empty: none. With several roles name "
          "one's: "
          "episode_return.ROLE");
        f("replay", replay, any_value(), "write a replay of the trained policy after training");
    }
    bool evaluates_during_training() const { return eval_every > 0; }
};

/// A training run with all settings resolved.
struct TrainingTask {
    std::string environment;
    Settings settings;  // the environment's
    TrainConfig config;
    RunConfig run;
    Device device;
    std::string command_line;          // for the log
    std::function<bool()> keep_going;  // whether to go on; asked between steps
};

/// The text of a run folder's config.toml.
std::string to_toml(const TrainingTask& task);

/// Makes the batch and the trainer, and completes task.settings with the environment's defaults. Throws
/// std::invalid_argument for settings that fit no network, and for what would otherwise fail after training: baselines
/// and metrics that do not exist, too little host memory.
std::unique_ptr<Trainer> make_trainer(TrainingTask& task);

/// A setting's value in messages.
std::string shown(const Value& value);

/// Agent-steps of one iteration: num_envs x num_steps x agents.
int64_t batch_size(Trainer& trainer);
/// How many iterations `agent_steps` are, rounded, and at least 1; 0 for 0.
int64_t iterations_of(int64_t agent_steps, Trainer& trainer);

}  // namespace flockstep
