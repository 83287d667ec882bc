#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch.h"

namespace flockstep {

enum class Activation : int { tanh, relu };
enum class Precision : int { float32, tfloat32, bfloat16 };
/// What the critic sees: its agent's observation; the observations of all agents of the world; or the environment's
/// global state. The last two come with the agent's index in the world, one-hot, where there are several.
enum class CriticInput : int { observation, joint, state };
/// What stays together when a rollout is divided into minibatches: nothing; a row's samples of several steps; the rows
/// of one policy in a world at one step; or the world's rows of several steps.
enum class MinibatchUnit : int { sample, sequence, world, world_sequence };

/// What other trainers or earlier versions call a setting, and its name here.
struct OtherName {
    std::string_view name;
    const char* wanted;
};

/// Settings of a training run. PPO: Schulman et al. 2017; details as in CleanRL and Stable-Baselines3, except where a
/// field says otherwise. One agent taking one step is one agent-step.
struct TrainConfig {
    static constexpr OtherName other_names[] = {
        {"total_timesteps", "total_steps"},
        {"n_envs", "num_envs"},
        {"n_steps", "num_steps"},
        {"batch_size", "num_minibatches: the samples of a rollout, num_envs x num_steps x agents, are divided by it"},
        {"minibatch_size",
         "num_minibatches: the samples of a rollout, num_envs x num_steps x agents, are divided by it"},
        {"n_epochs", "update_epochs"},
        {"epochs", "update_epochs"},
        {"lr", "learning_rate"},
        {"schedule", "anneal_lr = true or false"},
        {"clip", "clip_coef"},
        {"clip_range", "clip_coef"},
        {"clip_eps", "clip_coef"},
        {"clip_epsilon", "clip_coef"},
        {"value_clip", "clip_vloss"},
        {"clip_range_vf", "clip_vloss"},
        {"value_loss", "vf_coef"},
        {"entropy", "ent_coef"},
        {"entropy_coef", "ent_coef"},
        {"value_coef", "vf_coef"},
        {"threads", "the environment variable OMP_NUM_THREADS"},
        {"num_threads", "the environment variable OMP_NUM_THREADS"},
        {"entropy_end", "ent_coef_end"},
        {"max_gradient_norm", "max_grad_norm"},
        {"adam_epsilon", "adam_eps"},
        {"normalise_advantage", "norm_adv"},
        {"normalize_advantage", "norm_adv"},
        {"normalise_observation", "norm_obs"},
        {"normalise_reward", "norm_reward"},
        {"hidden", "hidden_sizes"},
        {"net_arch", "hidden_sizes"},
        {"separate", "share_layers, its opposite"},
        {"spread_phases", "stagger_episodes"},
    };

    /// Settings that only the run has: groups have none of their own.
    static constexpr std::string_view settings_of_run[] = {"total_steps", "num_envs",         "num_steps",
                                                           "groups",      "stagger_episodes", "cuda_graphs",
                                                           "seed",        "max_seconds",      "checkpoint_every"};

    int64_t total_steps = 1'000'000;
    int64_t num_envs = 256;
    int num_steps = 32;
    int update_epochs = 4;
    int num_minibatches = 4;
    float gamma = 0.99f;
    float gae_lambda = 0.95f;
    float clip_coef = 0.2f;
    float clip_vloss = 0.0f;
    float vf_coef = 0.5f;
    float ent_coef = 0.01f;
    float ent_coef_end = -1.0f;
    float learning_rate = 1e-3f;
    bool anneal_lr = true;
    float max_grad_norm = 0.5f;
    float adam_eps = 1e-5f;
    bool norm_adv = true;
    bool norm_obs = false;
    bool norm_reward = false;
    bool norm_value = false;
    StringList groups;
    InternedString encoder = "mlp";
    IntegerList hidden_sizes{64, 64};
    IntegerList channels{32, 64};
    bool share_layers = false;
    CriticInput critic_input = CriticInput::observation;
    Activation activation = Activation::tanh;
    Precision precision = Precision::float32;
    bool state_dependent_std = false;
    float init_std = 1.0f;
    float min_std = 0.001f;
    bool squash_output = false;
    MinibatchUnit minibatch_unit = MinibatchUnit::sample;
    int sequence_length = 0;
    bool train_waiting = false;
    bool stagger_episodes = true;
    bool cuda_graphs = true;
    int64_t seed = 1;
    float max_seconds = 0.0f;
    float checkpoint_every = 60.0f;

    /// What groups have in place of the run's settings, by the group's name: no field, see set_group().
    std::map<std::string, std::map<std::string, Value>> group_settings;

    static bool is_of_run(std::string_view key);
    /// Gives a group settings of its own, in addition to those that it has; whether there is such a group shows when
    /// the policies are made. Throws std::invalid_argument that begins with the group: "groups.left.gamma: got 2, want
    /// a number from 0 to 1".
    void set_group(const std::string& name, Settings given);
    /// The settings of a group: the run's, except for those that it has of its own.
    TrainConfig of_group(const std::string& name) const;
    /// Calls `work` with the settings of a group. Where it has some of its own, what `work` throws as
    /// std::invalid_argument begins with the group.
    template <class Work>
    auto for_group(const std::string& name, Work work) const {
        try {
            return work(of_group(name));
        } catch (const std::invalid_argument& error) {
            if (!group_settings.count(name)) throw;
            throw std::invalid_argument("groups." + name + "." + error.what());
        }
    }

    template <class F>
    void fields(F f) {
        f("total_steps", total_steps, between(1, 1LL << 53), "agent-steps to train for, rounded up to whole rollouts");
        f("num_envs", num_envs, between(1, 1 << 30), "worlds stepped in parallel");
        f("num_steps", num_steps, between(1, 65536), "steps of each world per rollout (horizon)");
        f("update_epochs", update_epochs, between(1, 1000), "epochs over each rollout");
        f("num_minibatches", num_minibatches, between(1, 1 << 20), "optimiser steps per epoch");
        f("gamma", gamma, between(0, 1), "discount per step");
        f("gae_lambda", gae_lambda, between(0, 1), "lambda of generalised advantage estimation");
        f("clip_coef", clip_coef, between(0, 10), "clipping range of the probability ratio");
        f("clip_vloss", clip_vloss, at_least(0), "clipping range of the value loss; 0: no clipping");
        f("vf_coef", vf_coef, at_least(0), "coefficient of the value loss, which is half the mean squared error");
        f("ent_coef", ent_coef, at_least(0), "entropy coefficient");
        f("ent_coef_end", ent_coef_end, at_least(-1),
          "entropy coefficient at the end of training, linear in between; negative: it stays as it is");
        f("learning_rate", learning_rate, at_least(0), "Adam's learning rate at the start of training");
        f("anneal_lr", anneal_lr, any_value(), "anneal the learning rate linearly to 0");
        f("max_grad_norm", max_grad_norm, at_least(0), "clip the global norm of the gradient; 0: no clipping");
        f("adam_eps", adam_eps, at_least(0), "Adam's epsilon");
        f("norm_adv", norm_adv, any_value(),
          "normalise advantages to zero mean and unit standard deviation over each rollout");
        f("norm_obs", norm_obs, any_value(),
          "normalise float observations by their running mean and standard deviation, clipped to +-10");
        f("norm_reward", norm_reward, any_value(),
          "divide rewards by the running standard deviation of the discounted return");
        f("norm_value", norm_value, any_value(),
          "the critic learns value targets normalised by their running mean and standard deviation (PopArt)");
        f("groups", groups, any_value(),
          "agents that share a policy: empty for one policy per role, agent for one per agent, or NAME=MEMBERS, ...: "
          "roles or ranges of agents, joined by +, such as left=0-2,right=3-5 or both=keeper+boat");
        f("encoder", encoder, any_value(),
          "mlp: hidden layers alone; cnn: 3x3 convolutions over the 2- and 3-dimensional observation parts of equal "
          "height and width, then the "
          "hidden layers");
        f("hidden_sizes", hidden_sizes, between(1, 65536), "width of each hidden layer");
        f("channels", channels, between(1, 65536), "cnn: channels of each convolution");
        f("share_layers", share_layers, any_value(),
          "actor and critic share all layers except the last; false: separate networks");
        f("critic_input", critic_input, one_of({"observation", "joint", "state"}),
          "what the critic sees: its agent's observation, those of all agents of the world, or the environment's "
          "global "
          "state (MAPPO)");
        f("activation", activation, one_of({"tanh", "relu"}), "activation function after each layer except the last");
        f("precision", precision, one_of({"float32", "tfloat32", "bfloat16"}),
          "of matrix multiplications (tfloat32: on a GPU alone) or, for bfloat16, of these and activations; weights, "
          "losses and the optimiser stay float32");
        f("state_dependent_std", state_dependent_std, any_value(),
          "Box actions: the network gives the standard deviation; false: it is a parameter of each number");
        f("init_std", init_std, between(1e-6, 1e6),
          "Box actions: initial standard deviation, in units of half the action's range");
        f("min_std", min_std, between(0, 1e6),
          "Box actions: the standard deviation is this plus the softplus of what is learnt");
        f("squash_output", squash_output, any_value(),
          "Box actions: squash the normal distribution into the bounds by tanh; false: clip it");
        f("minibatch_unit", minibatch_unit, one_of({"sample", "sequence", "world", "world_sequence"}),
          "what stays together in a minibatch: nothing, a row's steps, a world's agents, or a world's agents and "
          "steps");
        f("sequence_length", sequence_length, between(0, 65536), "steps of a sequence; 0: those of the rollout");
        f("train_waiting", train_waiting, any_value(),
          "learn from the steps at which an agent waits for its turn, too; false: they are no samples");
        f("stagger_episodes", stagger_episodes, any_value(),
          "stagger the first episodes: each starts at a random point of its time limit");
        f("cuda_graphs", cuda_graphs, any_value(),
          "capture and replay CUDA graphs; false: launch each kernel, for debugging");
        f("seed", seed, at_least(0), "seed of worlds, initial weights, actions and minibatches");
        f("max_seconds", max_seconds, at_least(0),
          "stop after this many seconds, and scale the schedules to that; 0: no limit. Such a run is not "
          "reproducible bit for bit");
        f("checkpoint_every", checkpoint_every, at_least(0), "seconds between checkpoints; 0: only at the end");
    }
};

/// The batch options that training requires: `device`, what `config` says, and final observations of truncated
/// episodes.
BatchOptions training_options(const TrainConfig& config, Device device);

/// Throws std::invalid_argument: a group is given a setting that only the run has.
[[noreturn]] void refuse_in_group(const std::string& group, const std::string& key);

}  // namespace flockstep
