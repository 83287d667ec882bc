#include <cmath>
#include <deque>

#include "sim/engine/registry.h"
#include "tests/trainer/device_array.h"
#include "trainer/data/gae.h"
#include "trainer/device/graph.h"
#include "trainer/learn/learner.h"

using namespace flockstep;

namespace flockstep {
void register_test_environments(Registry& registry);
}

namespace {
constexpr int num_steps = 12, num_minibatches = 3;

TrainConfig small_config() {
    TrainConfig config;
    config.num_envs = 6, config.num_steps = num_steps, config.num_minibatches = num_minibatches,
    config.hidden_sizes = {16};
    config.norm_obs = true;
    return config;
}
std::unique_ptr<Batch> make_herd(const TrainConfig& config, Device device) {
    Registry tests;
    register_test_environments(tests);
    Settings settings;
    settings.set("max_episode_steps", int64_t{9}), settings.set("num_sheep", int64_t{5});
    const EnvironmentEntry& entry = tests.find("test_herd");
    const BatchOptions options = training_options(config, device);
    return device.is_cuda() ? entry.make_cuda(options, settings) : entry.make_host(options, settings);
}

/// What a run left behind, as its bits.
struct Trained {
    std::vector<float> weights;
    std::vector<double> sums;
    int num_inactive = 0;
};

/// Two iterations by hand, with a rollout whose memory is full of `filling` before.
class Run {
  public:
    Run(Device device, int filling)
        : batch_(make_herd(config_, device)),
          stream_(device),
          scope_(stream_),
          specs_(policy_specs(*batch_)),
          rollout_(*batch_, num_steps, specs_),
          state_(batch_->memory(), sizeof(TrainerState), "the trainer's state"),
          partials_(batch_->memory(), max_sum_chunks * max_sums * 8, "sums"),
          final_value_(batch_->memory(), size_t(2 * rollout_.slot_rows()) * 4, "final values") {
        for (size_t r = 0; r < specs_.size(); ++r) learners_.emplace_back(specs_[r], config_, *batch_, rollout_, r);
        for (size_t r = 0; r < specs_.size(); ++r)
            for (size_t p = 0; p < specs_[r].parts.size(); ++p) fill(rollout_.part(r, p), filling);
        const float schedule[2] = {1e-2f, 0.01f};
        batch_->memory().from_host(state()->schedule, schedule, sizeof schedule);
        batch_->reset(3, rollout_.last_bindings(), stream_.handle());
    }
    Trained train() {
        for (int iteration = 0; iteration < 2; ++iteration) {
            collect();
            for (int update = 0; update < 2 * num_minibatches; ++update) {
                for (Learner& learner : learners_) learner.learn(context(), rollout_, state());
                run(context(), 1, IncrementCounter{&state()->optimiser_steps, 1});
            }
            for (Learner& learner : learners_) learner.normalise(context(), rollout_);
        }
        return read();
    }

  private:
    void fill(const Rollout::StepBuffer& slots, int filling) {
        const std::vector<char> bytes(size_t((num_steps + 1) * slots.slot_bytes), char(filling));
        batch_->memory().from_host(slots.data, bytes.data(), bytes.size());
    }
    TrainerState* state() { return static_cast<TrainerState*>(state_.data()); }
    ExecutionContext context() const {
        return {batch_->memory().device(), stream_.handle(), static_cast<double*>(partials_.data())};
    }

    void collect() {
        float* const final_value = static_cast<float*>(final_value_.data());
        rollout_.begin(context());
        for (int t = 0; t < num_steps; ++t) {
            for (Learner& learner : learners_) learner.act(context(), rollout_, t, state());
            batch_->step(rollout_.step_bindings(t), stream_.handle());
            if (t == 8 || t + 1 == num_steps)
                for (Learner& learner : learners_)
                    learner.compute_final_values(context(), final_value + (t / 9) * rollout_.slot_rows());
        }
        for (Learner& learner : learners_) learner.compute_values(context(), rollout_, num_steps);
        run(context(), 1, IncrementCounter{&state()->env_steps, num_steps});
        ComputeAdvantage gae{};
        gae.num_steps = num_steps, gae.slot_rows = rollout_.slot_rows(), gae.segment_steps = 9;
        gae.gamma = 0.9f, gae.gae_lambda = 0.9f;
        gae.reward = rollout_.reward, gae.value = rollout_.value, gae.final_value = final_value;
        gae.terminated = rollout_.terminated, gae.truncated = rollout_.truncated, gae.active = rollout_.active;
        gae.advantage = rollout_.advantage, gae.value_target = rollout_.value_target;
        run(context(), batch_->num_envs() * batch_->num_agents(), gae);
        for (Learner& learner : learners_) learner.sum_rollout(context(), rollout_, state());
    }
    Trained read() {
        batch_->check();
        Trained trained;
        for (Learner& learner : learners_) {
            std::vector<float> weights(size_t(learner.policy().size()));
            batch_->memory().to_host(weights.data(), learner.policy().parameter(), weights.size() * 4);
            trained.weights.insert(trained.weights.end(), weights.begin(), weights.end());
            for (const auto& sums : {learner.read_sums(), learner.read_rollout_sums()})
                trained.sums.insert(trained.sums.end(), sums.begin(), sums.end());
        }
        std::vector<uint8_t> active(size_t(num_steps * rollout_.slot_rows()));
        batch_->memory().to_host(active.data(), rollout_.active, active.size());
        const int64_t rows = batch_->num_envs() * batch_->num_agents();
        for (int t = 0; t < num_steps; ++t)
            for (int64_t row = 0; row < rows; ++row)
                trained.num_inactive += !active[size_t(t * rollout_.slot_rows() + row)];
        return trained;
    }

    const TrainConfig config_ = small_config();
    std::unique_ptr<Batch> batch_;
    TrainerStream stream_;
    TrainerStream::Scope scope_;
    std::vector<PolicySpec> specs_;
    Rollout rollout_;
    Buffer state_, partials_, final_value_;
    std::deque<Learner> learners_;
};
}  // namespace

TEST_CASE("PPO: what lies in rows of agents that are not active changes nothing, not even NaN") {
    for (Device device : test_devices()) {
        const Trained plain = Run(device, 0).train(), poisoned = Run(device, 0xFF).train();
        CHECK(plain.num_inactive > 50);
        for (float weight : poisoned.weights) REQUIRE(std::isfinite(weight));
        for (double sum : poisoned.sums) REQUIRE(std::isfinite(sum));
        CHECK(poisoned.weights == plain.weights);
        CHECK(poisoned.sums == plain.sums);
    }
}
