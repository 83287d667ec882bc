#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch.h"

namespace flockstep {

enum class Encoder : int { mlp, cnn };
enum class Activation : int { tanh, relu };
enum class Precision : int { float32, bfloat16 };

/// What other trainers or earlier versions call a setting, and what is wanted here.
struct OtherName {
    std::string_view name;
    const char* wanted;
};

/// Settings of a training run. PPO: Schulman et al. 2017; details as in CleanRL's and Stable-Baselines3's, except where
/// a field says otherwise. One agent that takes one step is one agent-step.
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
        {"value_clip", "clip_vloss"},
        {"clip_range_vf", "clip_vloss"},
        {"value_loss", "vf_coef"},
        {"entropy", "ent_coef"},
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
    float ent_coef_end = 0.0f;
    float learning_rate = 1e-3f;
    bool anneal_lr = true;
    float max_grad_norm = 0.5f;
    float adam_eps = 1e-5f;
    bool norm_adv = true;
    bool norm_obs = false;
    bool norm_reward = false;
    Encoder encoder = Encoder::mlp;
    IntegerList hidden_sizes{64, 64};
    IntegerList channels{32, 64};
    bool share_layers = false;
    Activation activation = Activation::tanh;
    Precision precision = Precision::float32;
    bool stagger_episodes = true;
    bool cuda_graphs = true;
    int64_t seed = 1;
    float max_seconds = 0.0f;
    float checkpoint_every = 60.0f;

    template <class F>
    void fields(F f) {
        f("total_steps", total_steps, at_least(1), "agent-steps to train for, rounded up to whole rollouts");
        f("num_envs", num_envs, between(1, 1 << 30), "worlds that are stepped together");
        f("num_steps", num_steps, between(1, 65536), "steps of every world per rollout (horizon)");
        f("update_epochs", update_epochs, between(1, 1000), "epochs over each rollout");
        f("num_minibatches", num_minibatches, between(1, 1 << 20), "optimiser steps per pass");
        f("gamma", gamma, between(0, 1), "discount per step");
        f("gae_lambda", gae_lambda, between(0, 1), "decay of generalised advantage estimation");
        f("clip_coef", clip_coef, between(0, 10), "clipping range of the probability ratio");
        f("clip_vloss", clip_vloss, at_least(0), "clipping range of the value loss; 0: not clipped");
        f("vf_coef", vf_coef, at_least(0), "weight of the value loss, half the mean squared error");
        f("ent_coef", ent_coef, at_least(0), "weight of the entropy bonus at the start");
        f("ent_coef_end", ent_coef_end, at_least(0),
          "weight of the entropy bonus at the end; changes linearly in between");
        f("learning_rate", learning_rate, at_least(0), "Adam's step size at the start");
        f("anneal_lr", anneal_lr, any_value(), "the learning rate falls linearly to 0 at the end");
        f("max_grad_norm", max_grad_norm, at_least(0), "clips the global norm of the gradient; 0: never");
        f("adam_eps", adam_eps, at_least(0), "Adam's epsilon");
        f("norm_adv", norm_adv, any_value(), "to mean 0 and deviation 1 over each rollout");
        f("norm_obs", norm_obs, any_value(),
          "float observations to mean 0 and deviation 1 of all that was seen, clipped to 10");
        f("norm_reward", norm_reward, any_value(), "divide rewards by the deviation of the discounted return");
        f("encoder", encoder, one_of({"mlp", "cnn"}),
          "cnn: 3x3 convolutions over the 2- and 3-dimensional parts of equal height and width, before the hidden "
          "layers");
        f("hidden_sizes", hidden_sizes, between(1, 65536), "width of each hidden layer");
        f("channels", channels, between(1, 65536), "cnn: channels of each convolution");
        f("share_layers", share_layers, any_value(),
          "actor and critic share all layers but the last; false: they share none");
        f("activation", activation, one_of({"tanh", "relu"}), "after each layer but the last");
        f("precision", precision, one_of({"float32", "bfloat16"}),
          "of matrix products and activations; weights, losses and the optimiser are float32 throughout");
        f("stagger_episodes", stagger_episodes, any_value(),
          "the first episodes begin at random points of their time limit");
        f("cuda_graphs", cuda_graphs, any_value(),
          "replay captured graphs; false: launch each kernel, to look for errors");
        f("seed", seed, at_least(0), "of worlds, weights, actions and minibatches");
        f("max_seconds", max_seconds, at_least(0),
          "training ends after this time, and schedules with it; 0: no limit. Such a run cannot be repeated bit for "
          "bit");
        f("checkpoint_every", checkpoint_every, at_least(0), "seconds between checkpoints; 0: at the end only");
    }
};

/// Batch options that training wants: `device` and what `config` says; outputs, final observations and phases included.
BatchOptions training_options(const TrainConfig& config, Device device);

}  // namespace flockstep
