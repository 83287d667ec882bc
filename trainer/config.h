#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch.h"

namespace flockstep {

enum class Schedule : int { constant, linear };
enum class Encoder : int { mlp, cnn };
enum class Activation : int { tanh, relu };
enum class Precision : int { float32, bfloat16 };

/// Settings of a training run. PPO: Schulman et al. 2017; details as in CleanRL's and Stable-Baselines3's, except where
/// a field says otherwise. One agent that takes one step is one agent-step.
struct TrainConfig {
    int64_t total_steps = 1'000'000;
    int64_t num_envs = 256;
    int num_steps = 32;
    int epochs = 4;
    int num_minibatches = 4;
    float gamma = 0.99f;
    float gae_lambda = 0.95f;
    float clip = 0.2f;
    float value_clip = 0.0f;
    float value_loss = 0.5f;
    float entropy = 0.01f;
    float entropy_end = 0.0f;
    float learning_rate = 1e-3f;
    Schedule schedule = Schedule::linear;
    float max_gradient_norm = 0.5f;
    float adam_epsilon = 1e-5f;
    bool normalise_advantage = true;
    bool normalise_observation = false;
    bool normalise_reward = false;
    Encoder encoder = Encoder::mlp;
    IntegerList hidden{64, 64};
    IntegerList channels{32, 64};
    bool separate = true;
    Activation activation = Activation::tanh;
    Precision precision = Precision::float32;
    bool spread_phases = true;
    bool cuda_graphs = true;
    int64_t seed = 1;
    float max_seconds = 0.0f;
    float checkpoint_every = 60.0f;

    template <class F>
    void fields(F f) {
        f("total_steps", total_steps, at_least(1), "agent-steps to train for, rounded up to whole rollouts");
        f("num_envs", num_envs, between(1, 1 << 30), "worlds that are stepped together");
        f("num_steps", num_steps, between(1, 65536), "steps of every world per rollout (horizon)");
        f("epochs", epochs, between(1, 1000), "passes over each rollout");
        f("num_minibatches", num_minibatches, between(1, 1 << 20), "optimiser steps per pass");
        f("gamma", gamma, between(0, 1), "discount per step");
        f("gae_lambda", gae_lambda, between(0, 1), "decay of generalised advantage estimation");
        f("clip", clip, between(0, 10),
          "a step may change an action's probability by this factor, up or down, and gain");
        f("value_clip", value_clip, at_least(0), "a step may move a value by this much and gain; 0: any");
        f("value_loss", value_loss, at_least(0), "weight of the value loss, half the mean squared error");
        f("entropy", entropy, at_least(0), "weight of the entropy bonus at the start");
        f("entropy_end", entropy_end, at_least(0),
          "weight of the entropy bonus at the end; changes linearly in between");
        f("learning_rate", learning_rate, at_least(0), "Adam's step size at the start");
        f("schedule", schedule, one_of({"constant", "linear"}), "of the learning rate; linear falls to 0 at the end");
        f("max_gradient_norm", max_gradient_norm, at_least(0), "longer gradients are shortened to this; 0: never");
        f("adam_epsilon", adam_epsilon, at_least(0), "Adam's epsilon");
        f("normalise_advantage", normalise_advantage, any_value(), "to mean 0 and deviation 1 over each rollout");
        f("normalise_observation", normalise_observation, any_value(),
          "float observations to mean 0 and deviation 1 of all that was seen, clipped to 10");
        f("normalise_reward", normalise_reward, any_value(),
          "divide rewards by the deviation of the discounted return");
        f("encoder", encoder, one_of({"mlp", "cnn"}),
          "cnn: 3x3 convolutions over the 2- and 3-dimensional parts of equal height and width, before the hidden "
          "layers");
        f("hidden", hidden, between(1, 65536), "width of each hidden layer");
        f("channels", channels, between(1, 65536), "cnn: channels of each convolution");
        f("separate", separate, any_value(),
          "actor and critic share no layers; false: they differ in the last one only");
        f("activation", activation, one_of({"tanh", "relu"}), "after each layer but the last");
        f("precision", precision, one_of({"float32", "bfloat16"}),
          "of matrix products and activations; weights, losses and the optimiser are float32 throughout");
        f("spread_phases", spread_phases, any_value(), "the first episodes begin at random points of their time limit");
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
