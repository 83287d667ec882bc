#include "trainer/algorithm/ppo.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <stdexcept>

#include "trainer/data/gae.h"
#include "trainer/device/graph.h"
#include "trainer/learn/learner.h"
#include "trainer/device/phase_clock.h"

namespace flockstep {

namespace {
using Clock = std::chrono::steady_clock;

/// Marks of the phase clock: the iteration's start, the rollout's and the iteration's end, then two per timed step.
enum Mark { start, rollout_end, iteration_end, first_step };

void check_batch(const Batch& batch, const TrainConfig& config) {
    const BatchOptions& options = batch.options();
    if (options.num_envs != config.num_envs)
        throw std::invalid_argument("num_envs: the batch has " + std::to_string(options.num_envs) + " worlds, want " +
                                    std::to_string(config.num_envs));
    if (options.autoreset_mode != AutoresetMode::same_step || options.final_observation == FinalObservation::none)
        throw std::invalid_argument(
            "training needs a batch that resets in the same step and keeps final observations: see training_options()");
    for (const char* output : {"reward", "terminated", "truncated", "active"}) batch.output(output);
}

/// Every minibatch has at least one sample of each role.
std::vector<PolicySpec> check_minibatches(std::vector<PolicySpec> specs, const TrainConfig& config) {
    for (const PolicySpec& spec : specs)
        if (const int64_t samples = config.num_envs * config.num_steps * spec.count; config.num_minibatches > samples)
            throw std::invalid_argument("num_minibatches: got " + std::to_string(config.num_minibatches) +
                                        ", want at most " + std::to_string(samples) + ", the samples of a rollout of " +
                                        spec.role);
    return specs;
}

/// Number of steps within which a world is truncated at most once, so that one row of final observations suffices.
int segment_steps(const Batch& batch, const TrainConfig& config) {
    const auto found = batch.settings().values().find("max_episode_steps");
    if (found == batch.settings().values().end()) return config.num_steps;
    return int(std::min<int64_t>(config.num_steps, std::stoll(to_text(found->second))));
}
}  // namespace

struct Trainer::Impl {
    TrainConfig config;
    std::unique_ptr<Batch> batch;
    TrainerStream stream;
    std::vector<PolicySpec> specs;
    Rollout rollout;
    Buffer state_buffer, partials, final_values, carried_returns;
    std::deque<Learner> learners;
    Graph rollout_graph, update_graph, end_graph;
    PhaseClock clock;
    int segment, timed_steps;
    int64_t iterations = 0, iterations_read = 0;
    double seconds_before = 0;               // of training in earlier processes
    std::optional<Clock::time_point> began;  // at the first iteration
    PhaseSeconds phases;

    Impl(std::unique_ptr<Batch> given, const TrainConfig& config)
        : config(config),
          batch(checked(std::move(given), config)),
          stream(batch->memory().device()),
          specs(check_minibatches(policy_specs(*batch), config)),
          rollout(*batch, config.num_steps, specs),
          state_buffer(batch->memory(), sizeof(TrainerState), "the trainer's state"),
          partials(batch->memory(), max_sum_chunks * max_sums * 8, "sums"),
          final_values(batch->memory(), size_t(num_segments() * rollout.slot_rows()) * 4, "final values"),
          carried_returns(batch->memory(), size_t(rollout.slot_rows()) * 4, "discounted returns"),
          rollout_graph(config.cuda_graphs),
          update_graph(config.cuda_graphs),
          end_graph(config.cuda_graphs),
          clock(batch->memory().device(), first_step + 2 * config.num_steps),
          segment(segment_steps(*batch, config)),
          timed_steps(batch->memory().device().is_cuda() ? std::min(config.num_steps, 4) : config.num_steps) {
        const TrainerStream::Scope scope(stream);
        for (size_t r = 0; r < specs.size(); ++r) learners.emplace_back(specs[r], this->config, *batch, rollout, r);
        const float unscaled = 1.0f;
        batch->memory().from_host(&state()->reward_scale, &unscaled, 4);
        load_kernels(context());
        for (Learner& learner : learners) learner.warm_up();
        batch->memory().synchronize();
        batch->reset(uint64_t(config.seed), rollout.last_bindings(), stream.handle());
    }
    static std::unique_ptr<Batch> checked(std::unique_ptr<Batch> batch, const TrainConfig& config) {
        check_batch(*batch, config);
        return batch;
    }
    int64_t num_segments() const {
        const int steps = segment_steps(*batch, config);
        return (config.num_steps + steps - 1) / steps;
    }
    TrainerState* state() { return static_cast<TrainerState*>(state_buffer.data()); }
    ExecutionContext context() const {
        return {batch->memory().device(), stream.handle(), static_cast<double*>(partials.data())};
    }

    bool iterate(const std::function<bool()>& stops) {
        if (!began) began = Clock::now();
        const TrainerStream::Scope scope(stream);
        set_schedule();
        bool is_whole = true;
        rollout_graph.run(stream, [&] {
            clock.mark(start, stream.handle());
            is_whole = collect(stops);
            clock.mark(rollout_end, stream.handle());
        });
        if (!is_whole) return false;
        const int updates = config.update_epochs * config.num_minibatches;
        for (int update = 0; update < updates; ++update) {
            if (stops && stops()) return false;
            update_graph.run(stream, [&] { learn(); });
        }
        end_graph.run(stream, [&] {
            if (config.norm_obs)
                for (Learner& learner : learners) learner.normalise(context(), rollout);
            clock.mark(iteration_end, stream.handle());
        });
        ++iterations;
        if (!context().device.is_cuda()) add_phases(1);
        return true;
    }

    /// Sets learning rate and entropy coefficient by the run's progress.
    void set_schedule() { run(context(), 1, SetSchedule{state()->schedule, learning_rate(), ent_coef()}); }
    double progress() const {
        const double by_steps = double(iterations) / double(total_iterations());
        return std::min(1.0, config.max_seconds > 0 ? std::max(by_steps, seconds() / config.max_seconds) : by_steps);
    }
    float learning_rate() const {
        return config.anneal_lr ? float(config.learning_rate * (1 - progress())) : config.learning_rate;
    }
    float ent_coef() const { return float(config.ent_coef + (config.ent_coef_end - config.ent_coef) * progress()); }

    /// The rollout: act, step, and compute the values and advantages. On a GPU it is
    /// captured as a whole and cannot be interrupted. Returns false if it was interrupted.
    bool collect(const std::function<bool()>& stops) {
        const bool may_stop = stops && !context().device.is_cuda();
        rollout.begin(context());
        for (int t = 0; t < config.num_steps; ++t) {
            if (may_stop && stops()) return false;
            for (Learner& learner : learners) learner.act(context(), rollout, t, state());
            step_worlds(t);
            if ((t + 1) % segment == 0 || t + 1 == config.num_steps) compute_final_values(t / segment);
        }
        for (Learner& learner : learners) learner.compute_values(context(), rollout, config.num_steps);
        run(context(), 1, IncrementCounter{&state()->env_steps, config.num_steps});
        estimate_advantages();
        return true;
    }
    void step_worlds(int t) {
        if (t < timed_steps) clock.mark(first_step + 2 * t, stream.handle());
        batch->step(rollout.step_bindings(t), stream.handle());
        if (t < timed_steps) clock.mark(first_step + 2 * t + 1, stream.handle());
    }
    void compute_final_values(int segment_index) {
        for (Learner& learner : learners)
            learner.compute_final_values(context(), final_value() + segment_index * rollout.slot_rows());
    }
    float* final_value() { return static_cast<float*>(final_values.data()); }

    void estimate_advantages() {
        const int64_t rows = batch->num_envs() * batch->num_agents();
        if (config.norm_reward) {
            const SumReturns returns{
                config.num_steps,   rollout.slot_rows(), config.gamma,   rollout.reward,
                rollout.terminated, rollout.truncated,   rollout.active, static_cast<float*>(carried_returns.data())};
            sum(context(), rows, returns, state()->return_sums, Store::overwrite);
            run(context(), 1, MergeReturns{state()->return_sums, &state()->reward_moments, &state()->reward_scale});
        }
        ComputeAdvantage gae{};
        gae.num_steps = config.num_steps, gae.slot_rows = rollout.slot_rows(), gae.segment_steps = segment;
        gae.gamma = config.gamma, gae.gae_lambda = config.gae_lambda;
        gae.reward = rollout.reward, gae.value = rollout.value, gae.final_value = final_value(),
        gae.reward_scale = &state()->reward_scale;
        gae.terminated = rollout.terminated, gae.truncated = rollout.truncated, gae.active = rollout.active;
        gae.advantage = rollout.advantage, gae.value_target = rollout.value_target;
        run(context(), rows, gae);
        for (Learner& learner : learners) learner.sum_rollout(context(), rollout, state());
    }

    /// One optimiser step of every role.
    void learn() {
        for (Learner& learner : learners) learner.learn(context(), rollout, state());
        run(context(), 1, IncrementCounter{&state()->optimiser_steps, 1});
    }

    int64_t total_iterations() const {
        const int64_t steps = config.num_envs * batch->num_agents() * config.num_steps;
        return (config.total_steps - 1) / steps + 1;
    }
    double seconds() const {
        return seconds_before + (began ? std::chrono::duration<double>(Clock::now() - *began).count() : 0.0);
    }

    /// Adds the last iteration's phases, multiplied by `times`.
    void add_phases(int64_t times) {
        double stepping = 0;
        for (int t = 0; t < timed_steps; ++t) stepping += clock.seconds(first_step + 2 * t, first_step + 2 * t + 1);
        stepping *= double(config.num_steps) / timed_steps;
        const double collecting = clock.seconds(start, rollout_end);
        phases.environment += double(times) * std::min(stepping, collecting);
        phases.policy += double(times) * std::max(collecting - stepping, 0.0);
        phases.update += double(times) * clock.seconds(rollout_end, iteration_end);
    }

    TrainerState read_state() {
        TrainerState copy;
        batch->memory().to_host(&copy, state(), sizeof copy);
        return copy;
    }
    IterationMetrics read_metrics(bool clear);
    Archive snapshot();
    void restore(const Archive& archive);
};

namespace {
double ratio(double sum, double count) { return count > 0 ? sum / count : 0.0; }

/// 1 - variance of (target - value) / variance of target, over all roles.
double explained_variance(const std::vector<double>& s) {
    const double n = s[RolloutSums::count];
    if (n == 0) return 0;
    const auto variance = [&](double sum, double squares) { return squares / n - sum / n * (sum / n); };
    const double target = variance(s[RolloutSums::target], s[RolloutSums::target_square]);
    return target > 0 ? 1 - variance(s[RolloutSums::error], s[RolloutSums::error_square]) / target : 0;
}
}  // namespace

IterationMetrics Trainer::Impl::read_metrics(bool clear) {
    IterationMetrics metrics;
    metrics.statistics = batch->statistics(clear);
    std::vector<double> losses(LossSums::size + 1, 0.0), returns(RolloutSums::size, 0.0);
    for (Learner& learner : learners) {
        const std::vector<double> sums = learner.read_sums(), rollout_sums = learner.read_rollout_sums();
        for (size_t i = 0; i < losses.size(); ++i) losses[i] += sums[i];
        for (size_t i = 0; i < returns.size(); ++i) returns[i] += rollout_sums[i];
        if (clear) learner.clear_sums();
    }
    const int64_t new_iterations = iterations - iterations_read;
    const double count = losses[LossSums::count],
                 updates = double(new_iterations * config.update_epochs * config.num_minibatches);
    metrics.policy_loss = ratio(losses[LossSums::policy_loss], count);
    metrics.value_loss = ratio(losses[LossSums::value_loss], count);
    metrics.entropy = ratio(losses[LossSums::entropy], count);
    metrics.approximate_kl = ratio(losses[LossSums::approximate_kl], count);
    metrics.clip_fraction = ratio(losses[LossSums::clipped], count);
    metrics.gradient_norm = ratio(losses[LossSums::size], updates * double(learners.size()));
    metrics.explained_variance = explained_variance(returns);
    const TrainerState now = read_state();
    metrics.iterations = iterations;
    metrics.agent_steps = int64_t(now.agent_steps);
    metrics.env_steps = now.env_steps * batch->num_envs();
    metrics.learning_rate = now.schedule[0], metrics.entropy_weight = now.schedule[1];
    metrics.seconds = seconds();
    const PhaseSeconds before = phases;
    if (context().device.is_cuda() && new_iterations > 0) add_phases(new_iterations);
    metrics.phases = phases;
    phases = clear ? PhaseSeconds{} : before;
    if (clear) iterations_read = iterations;
    return metrics;
}

Archive Trainer::Impl::snapshot() {
    Archive archive;
    write_info(archive, {batch->environment(), batch->settings(), config, specs, iterations, seconds()});
    for (Learner& learner : learners) learner.save(archive);
    const TrainerState now = read_state();
    save_progress(archive, {now.env_steps, now.optimiser_steps, now.agent_steps});
    if (config.norm_reward) {
        std::vector<float> carried(size_t(rollout.slot_rows()));
        batch->memory().to_host(carried.data(), carried_returns.data(), carried.size() * 4);
        archive.add("trainer.reward_scale", DType::float32, {1}, &now.reward_scale);
        archive.add("trainer.reward_moments", DType::float64, {3}, &now.reward_moments);
        archive.add("trainer.discounted_return", DType::float32, {rollout.slot_rows()}, carried.data());
    }
    for (const FieldValue& field : batch->save()) {
        archive.arrays.push_back(field);
        archive.arrays.back().name = "environment." + field.name;
    }
    return archive;
}

void Trainer::Impl::restore(const Archive& archive) {
    const CheckpointInfo info = read_info(archive);
    if (info.environment != batch->environment())
        throw std::invalid_argument(archive.place() + "it was trained on the environment " + info.environment +
                                    ", want " + batch->environment());
    const TrainerStream::Scope scope(stream);
    batch->memory().synchronize();
    for (Learner& learner : learners) learner.restore(archive), learner.clear_sums();
    TrainerState now = read_state();
    const TrainingProgress progress = read_progress(archive, batch->num_envs());
    now.env_steps = progress.env_steps, now.optimiser_steps = progress.optimiser_steps;
    now.agent_steps = progress.agent_steps;
    const auto take = [&](const char* name, DType dtype, std::vector<int64_t> shape) {
        return archive.expect_numbers(name, dtype, shape).bytes;
    };
    if (config.norm_reward) {
        memcpy(&now.reward_scale, take("trainer.reward_scale", DType::float32, {1}).data(), 4);
        memcpy(&now.reward_moments, take("trainer.reward_moments", DType::float64, {3}).data(), 24);
        const std::vector<char> carried = take("trainer.discounted_return", DType::float32, {rollout.slot_rows()});
        batch->memory().from_host(carried_returns.data(), carried.data(), carried.size());
    }
    batch->memory().from_host(state(), &now, sizeof now);
    std::vector<FieldValue> fields;
    for (const NamedArray& array : archive.arrays) {
        if (array.name.rfind("environment.", 0) != 0) continue;
        fields.push_back(array);
        fields.back().name = array.name.substr(12);
    }
    batch->restore(fields, rollout.last_bindings());
    batch->memory().synchronize();
    iterations = iterations_read = info.iterations;
    seconds_before = info.seconds, began.reset();
}

Trainer::Trainer(std::unique_ptr<Batch> batch, const TrainConfig& config)
    : impl_(std::make_unique<Impl>(std::move(batch), config)) {}
Trainer::~Trainer() = default;
bool Trainer::iterate(const std::function<bool()>& stops) { return impl_->iterate(stops); }
int64_t Trainer::total_iterations() const { return impl_->total_iterations(); }
int64_t Trainer::iterations() const { return impl_->iterations; }
double Trainer::progress() const { return impl_->progress(); }
IterationMetrics Trainer::read_metrics(bool clear) { return impl_->read_metrics(clear); }
void Trainer::exclude_seconds(double seconds) {
    if (impl_->began) impl_->seconds_before -= seconds;
}
Archive Trainer::snapshot() { return impl_->snapshot(); }
void Trainer::restore(const Archive& archive) { impl_->restore(archive); }
Batch& Trainer::batch() { return *impl_->batch; }
const TrainConfig& Trainer::config() const { return impl_->config; }
int64_t Trainer::num_parameters() const {
    int64_t total = 0;
    for (Learner& learner : impl_->learners)
        for (const Parameter& p : learner.policy().parameters()) total += p.count();
    return total;
}

}  // namespace flockstep
