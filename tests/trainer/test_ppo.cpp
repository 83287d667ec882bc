#include <chrono>
#include <cmath>
#include <thread>

#include "sim/engine/registry.h"
#include "tests/catch.h"
#include "trainer/algorithm/ppo.h"
#include "trainer/run/actor.h"

using namespace flockstep;

namespace flockstep {
void register_test_environments(Registry& registry);
}

namespace {
void register_once() {
    if (registry().entries().empty()) register_product_environments(registry());
}

std::unique_ptr<Trainer> make_trainer(const TrainConfig& config, Device device, int max_episode_steps = 500) {
    register_once();
    Settings settings;
    settings.set("max_episode_steps", int64_t(max_episode_steps));
    return std::make_unique<Trainer>(make_batch("cartpole", training_options(config, device), settings), config);
}

/// Mean return of the first episode of each of 200 worlds.
double score(Trainer& trainer) {
    BatchOptions options;
    options.num_envs = 200, options.seed = 1000, options.device = trainer.batch().memory().device();
    const auto batch = make_batch("cartpole", options, {});
    Actor actor(snapshot(trainer), *batch, 5);
    for (int i = 0; i < 500; ++i) {
        actor.act(false);
        batch->step();
    }
    double total = 0;
    const auto first = batch->first_episodes();
    for (float x : first.at("episode_return")) total += x;
    return total / 200;
}

TrainConfig quick_config() {
    TrainConfig config;
    config.total_steps = 60'000, config.num_envs = 64, config.update_epochs = 10, config.learning_rate = 3e-3f;
    config.gamma = 0.98f, config.gae_lambda = 0.8f, config.ent_coef = 0.0f;
    return config;
}
std::vector<Device> devices() {
    std::vector<Device> list{{}};
    if (cuda_unavailable_reason().empty())
        list.push_back({0});
    else
        WARN("no GPU: " << cuda_unavailable_reason());
    return list;
}
}  // namespace

TEST_CASE("PPO learns CartPole") {
    for (Device device : devices()) {
        const auto trainer = make_trainer(quick_config(), device);
        CHECK(score(*trainer) < 60);
        while (!trainer->is_finished()) trainer->iterate();
        const IterationMetrics metrics = trainer->read_metrics();
        CHECK(metrics.agent_steps == metrics.iterations * 64 * 32);
        CHECK(metrics.agent_steps == metrics.env_steps);
        CHECK(metrics.gradient_norm > 0);
        CHECK(metrics.entropy > 0);
        CHECK(metrics.learning_rate < 1e-3);
        CHECK(metrics.statistics.num_episodes > 100);
        CHECK(score(*trainer) > 400);
    }
}

TEST_CASE("PPO learns CartPole with shared layers, bfloat16, normalised observations and rewards") {
    TrainConfig config = quick_config();
    config.share_layers = true, config.precision = Precision::bfloat16, config.norm_obs = config.norm_reward = true;
    for (Device device : devices()) {
        const auto trainer = make_trainer(config, device);
        while (!trainer->is_finished()) trainer->iterate();
        CHECK(score(*trainer) > 150);
    }
}

TEST_CASE("PPO: rollouts longer than an episode bootstrap from each time limit") {
    TrainConfig config = quick_config();
    config.num_envs = 8, config.num_steps = 33, config.total_steps = 8 * 33 * 3;
    const auto trainer = make_trainer(config, {}, 10);
    while (!trainer->is_finished()) trainer->iterate();
    const IterationMetrics metrics = trainer->read_metrics();
    CHECK(std::isfinite(metrics.value_loss));
    CHECK(metrics.iterations == 3);
}

TEST_CASE("PPO: the GPU goes the CPU's way, with and without graphs") {
    if (!cuda_unavailable_reason().empty()) {
        WARN("skipped: " << cuda_unavailable_reason());
        return;
    }
    TrainConfig config = quick_config();
    config.total_steps = 64 * 32 * 2;
    std::vector<IterationMetrics> metrics;
    std::vector<Archive> ends;
    for (int way = 0; way < 3; ++way) {
        config.cuda_graphs = way == 2;
        const auto trainer = make_trainer(config, way == 0 ? Device{} : Device{0});
        while (!trainer->is_finished()) trainer->iterate();
        metrics.push_back(trainer->read_metrics());
        ends.push_back(snapshot(*trainer));
    }
    CHECK(metrics[1].value_loss == Catch::Approx(metrics[0].value_loss).epsilon(0.05));
    CHECK(metrics[1].entropy == Catch::Approx(metrics[0].entropy).epsilon(0.02));
    for (size_t i = 0; i < ends[1].arrays.size(); ++i) {
        INFO(ends[1].arrays[i].name);
        CHECK(ends[1].arrays[i].bytes == ends[2].arrays[i].bytes);
    }
}

TEST_CASE("PPO: the clock of training starts with the first iteration") {
    TrainConfig config = quick_config();
    config.total_steps = 1'000'000'000, config.max_seconds = 0.2f;
    const auto trainer = make_trainer(config, {});
    std::this_thread::sleep_for(std::chrono::milliseconds(300));  // an evaluation, for example
    CHECK(trainer->read_metrics().seconds == 0);
    CHECK(trainer->progress() == 0);
    while (!trainer->is_finished()) trainer->iterate();
    CHECK(trainer->iterations() > 0);  // one may take longer than 0.2 s on a busy machine
    CHECK(trainer->read_metrics().seconds >= 0.2);
}

TEST_CASE("PPO: a batch that was made for something else is refused") {
    TrainConfig config = quick_config();
    register_once();
    BatchOptions options;
    CHECK_THROWS_WITH(Trainer(make_batch("cartpole", options, {}), config),
                      "num_envs: the batch has 1 worlds, want 64");
    options.num_envs = 64;
    CHECK_THROWS_WITH(
        Trainer(make_batch("cartpole", options, {}), config),
        "training needs a batch that resets in the same step and keeps final observations: see training_options()");
}

TEST_CASE(
    "PPO trains roles of their own, masked and absent agents, turns, environments of many parts and every action") {
    register_once();
    register_test_environments(registry());
    TrainConfig config;
    config.num_envs = 6, config.num_steps = 8, config.update_epochs = 2, config.num_minibatches = 3,
    config.hidden_sizes = {16};
    config.total_steps = 1'000'000;
    for (const char* name : {"test_roles", "test_cards", "test_scenes", "test_mixed", "test_driving", "pathfinding"}) {
        Settings settings;
        if (std::string(name) == "pathfinding") {
            settings.set("num_agents", int64_t{7});
            settings.set("observation", std::string("windows,cost_to_go,intent"));
            settings.set("mask_obstacles", true);
            settings.set("on_target", std::string("restart"));
        }
        for (Device device : devices()) {
            INFO(name << " on " << device.name());
            config.encoder = std::string(name) == "pathfinding" ? "cnn" : "mlp";
            config.channels = {4};
            Trainer trainer(make_batch(name, training_options(config, device), settings), config);
            for (int i = 0; i < 3; ++i) trainer.iterate();
            const IterationMetrics metrics = trainer.read_metrics();  // throws if a forbidden action was taken
            CHECK(std::isfinite(metrics.policy_loss));
            CHECK(std::isfinite(metrics.value_loss));
            CHECK(metrics.gradient_norm > 0);
            CHECK(std::abs(metrics.approximate_kl) < 0.1);
            CHECK(metrics.agent_steps > 0);
            CHECK(metrics.agent_steps <= metrics.env_steps * trainer.batch().num_agents());
            const auto other = make_batch(name, training_options(config, device), settings);
            Actor actor(snapshot(trainer), *other, 1);
            for (int i = 0; i < 5; ++i) actor.act(i % 2), other->step();
            other->check();
        }
    }
}
