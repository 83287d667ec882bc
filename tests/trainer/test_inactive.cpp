#include <cmath>
#include <deque>

#include "sim/engine/registry.h"
#include "tests/trainer/device_array.h"
#include "trainer/algorithm/group.h"
#include "trainer/device/graph.h"
#include "trainer/device/items.h"

using namespace flockstep;

namespace flockstep {
void register_test_environments(Registry& registry);
}

namespace {
constexpr int num_steps = 12, segment_steps = 9, num_minibatches = 3;

TrainConfig small_config() {
    TrainConfig config;
    config.num_envs = 6, config.num_steps = num_steps, config.num_minibatches = num_minibatches,
    config.hidden_sizes = {16};
    config.norm_obs = true, config.learning_rate = 1e-2f, config.anneal_lr = false;
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
          rollout_(*batch_, num_steps, segment_steps, specs_),
          state_(batch_->memory(), sizeof(TrainerState), "the trainer's state"),
          counts_(batch_->memory(), specs_.size() * sizeof(Group::Counts), "counts"),
          partials_(batch_->memory(), max_sum_chunks * max_sums * 8, "sums") {
        for (size_t g = 0; g < specs_.size(); ++g) {
            groups_.emplace_back(specs_[g], config_, *batch_, rollout_, g, counts() + g).set_schedule(context(), 0);
            for (const Rollout::PartBuffer& part : rollout_.parts(g)) fill(part, filling);
        }
        batch_->reset(3, rollout_.last_bindings(), stream_.handle());
    }
    Trained train() {
        for (int iteration = 0; iteration < 2; ++iteration) {
            collect();
            for (int update = 0; update < 2 * num_minibatches; ++update)
                for (size_t g = 0; g < groups_.size(); ++g)
                    groups_[g].learn(context(), rollout_, groups_[g].eighths(read_counts()[g]));
            for (Group& group : groups_) group.normalise(context());
        }
        return read();
    }

  private:
    void fill(const Rollout::PartBuffer& part, int filling) {
        const std::vector<char> bytes(size_t((num_steps + 1) * part.slot_bytes), char(filling));
        batch_->memory().from_host(part.data, bytes.data(), bytes.size());
        batch_->memory().from_host(part.final_data, bytes.data(), size_t(rollout_.num_segments() * part.slot_bytes));
    }
    TrainerState* state() { return static_cast<TrainerState*>(state_.data()); }
    Group::Counts* counts() { return static_cast<Group::Counts*>(counts_.data()); }
    std::vector<Group::Counts> read_counts() {
        std::vector<Group::Counts> counts(specs_.size());
        stream_.synchronize();
        batch_->memory().to_host(counts.data(), counts_.data(), counts.size() * sizeof(Group::Counts));
        return counts;
    }
    ExecutionContext context() const {
        return {batch_->memory().device(), stream_.handle(), static_cast<double*>(partials_.data())};
    }

    void collect() {
        rollout_.begin(context());
        for (int t = 0; t < num_steps; ++t) {
            for (Group& group : groups_) group.act(context(), rollout_, t, state());
            batch_->step(rollout_.step_bindings(t), stream_.handle());
        }
        for (Group& group : groups_)
            group.find_samples(context(), rollout_), group.compute_last_values(context(), rollout_);
        for (size_t g = 0; g < groups_.size(); ++g)
            for (int64_t chunk = 0; chunk < groups_[g].num_final_chunks(read_counts()[g]); ++chunk)
                groups_[g].compute_final_values(context(), rollout_);
        run(context(), 1, IncrementCounter{&state()->env_steps, num_steps});
        for (Group& group : groups_) group.estimate_advantages(context(), rollout_, state());
    }
    Trained read() {
        batch_->check();
        Trained trained;
        for (Group& group : groups_) {
            std::vector<float> weights(size_t(group.weights().size()));
            batch_->memory().to_host(weights.data(), group.weights().parameter(), weights.size() * 4);
            trained.weights.insert(trained.weights.end(), weights.begin(), weights.end());
            const GroupMetrics metrics = group.read_metrics();
            for (const auto& sums : {metrics.sums, metrics.rollout_sums})
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
    Buffer state_, counts_, partials_;
    std::deque<Group> groups_;
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
