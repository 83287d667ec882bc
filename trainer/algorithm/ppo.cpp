#include "trainer/algorithm/ppo.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

#include "trainer/algorithm/check_batch.h"
#include "trainer/algorithm/group.h"
#include "trainer/algorithm/group_graphs.h"
#include "trainer/algorithm/iteration_clock.h"
#include "trainer/device/host_copy.h"
#include "trainer/device/items.h"

namespace flockstep {

namespace {
using Clock = std::chrono::steady_clock;
}  // namespace

struct Trainer::Impl {
    TrainConfig config;
    std::unique_ptr<Batch> batch;
    TrainerStream stream;
    std::vector<PolicySpec> policies;
    Rollout rollout;
    Buffer state_buffer, counts_buffer, partials;
    HostCopy counts_copy;
    std::deque<Group> groups;
    Graph rollout_graph, last_value_graph, advantage_graph, end_graph;
    std::deque<GroupGraphs> group_graphs;
    IterationClock clock;
    TrainerProgress before;  // of earlier processes; its iterations go on
    int64_t iterations_read = 0;
    std::optional<Clock::time_point> began;  // at the first iteration
    PhaseSeconds phases;

    Impl(std::unique_ptr<Batch> given, const TrainConfig& config)
        : config(config),
          batch(check_batch(std::move(given), config)),
          stream(batch->memory().device()),
          policies(policy_specs(*batch, config)),
          rollout(*batch, config.num_steps, segment_steps(*batch, config), policies),
          state_buffer(batch->memory(), sizeof(TrainerState), "the trainer's state"),
          counts_buffer(batch->memory(), policies.size() * sizeof(Group::Counts), "counts"),
          partials(batch->memory(), max_sum_chunks * max_sums * 8, "sums"),
          counts_copy(batch->memory(), counts_buffer.data(), policies.size() * sizeof(Group::Counts)),
          rollout_graph(config.cuda_graphs),
          last_value_graph(config.cuda_graphs),
          advantage_graph(config.cuda_graphs),
          end_graph(config.cuda_graphs),
          clock(batch->memory().device(), config.num_steps) {
        const TrainerStream::Scope scope(stream);
        auto* const counts = static_cast<Group::Counts*>(counts_buffer.data());
        for (size_t g = 0; g < policies.size(); ++g) {
            config.for_group(policies[g].name, [&](const TrainConfig& own) {
                groups.emplace_back(policies[g], own, *batch, rollout, g, counts + g);
            });
            group_graphs.emplace_back(config.cuda_graphs);
        }
        batch->memory().synchronize();
        batch->reset(uint64_t(config.seed), rollout.last_bindings(), stream.handle());
    }
    TrainerState* state() { return static_cast<TrainerState*>(state_buffer.data()); }
    ExecutionContext context() const {
        return {batch->memory().device(), stream.handle(), static_cast<double*>(partials.data())};
    }

    /// Schulman et al. 2017, algorithm 1.
    bool iterate(const std::function<bool()>& stops) {
        if (!began) began = Clock::now();
        const TrainerStream::Scope scope(stream);
        if (before.iterations == 0 && !warm_normalisers(stops)) return false;
        for (Group& group : groups) group.set_schedule(context(), progress());
        bool is_whole = true;
        rollout_graph.run(stream, [&] {
            clock.start(stream.handle());
            is_whole = collect(stops);
        });
        if (!is_whole) return false;
        counts_copy.start(stream.handle());
        last_value_graph.run(stream, [&] {
            compute_last_values();
            clock.end_rollout(stream.handle());
        });
        const std::vector<Group::Counts> counts = wait_for_counts();
        for (size_t g = 0; g < groups.size(); ++g)
            for (int64_t chunk = 0; chunk < groups[g].num_final_chunks(counts[g]); ++chunk)
                group_graphs[g].final_values.run(stream, [&] { groups[g].compute_final_values(context(), rollout); });
        advantage_graph.run(stream, [&] {
            for (Group& group : groups) group.estimate_advantages(context(), rollout, state());
        });
        for (int update = 0; update < num_updates(); ++update) {
            if (stops && stops()) return false;
            for (size_t g = 0; g < groups.size(); ++g) {
                const int room = update < groups[g].num_updates() ? groups[g].eighths(counts[g]) : 0;
                if (room == 0) continue;
                group_graphs[g].update[size_t(room)].run(stream, [&] { groups[g].learn(context(), rollout, room); });
            }
        }
        end_graph.run(stream, [&] {
            for (Group& group : groups) group.normalise(context()), group.find_offence(context(), rollout);
            clock.end(stream.handle());
        });
        ++before.iterations;
        if (!context().device.is_cuda()) clock.add(phases, 1);
        return true;
    }

    /// The rollout: act and step. On a GPU it is captured as a whole and cannot be interrupted. Returns false if it was
    /// interrupted.
    bool collect(const std::function<bool()>& stops) {
        const bool may_stop = stops && !context().device.is_cuda();
        rollout.begin(context());
        for (int t = 0; t < config.num_steps; ++t) {
            if (may_stop && stops()) return false;
            for (Group& group : groups) group.act(context(), rollout, t, state());
            clock.start_step(t, stream.handle());
            batch->step(rollout.step_bindings(t), stream.handle());
            clock.end_step(t, stream.handle());
        }
        run(context(), rollout.num_segments() * rollout.slot_rows(),
            MarkTruncated{rollout.slot_rows(), config.num_steps, rollout.segment_steps(), rollout.terminated,
                          rollout.truncated, rollout.active, rollout.final_active});
        for (Group& group : groups) group.find_samples(context(), rollout);
        run(context(), 1, IncrementCounter{&state()->env_steps, config.num_steps});
        return true;
    }
    void compute_last_values() {
        for (Group& group : groups) group.compute_last_values(context(), rollout);
    }

    /// The one wait of an iteration: how many final observations there are, how many samples to learn from, and whether
    /// all numbers of the iterations before were finite. The device meanwhile computes the last values.
    std::vector<Group::Counts> wait_for_counts() {
        const auto* const first = static_cast<const Group::Counts*>(counts_copy.wait());
        const std::vector<Group::Counts> counts(first, first + groups.size());
        flockstep::expect_finite(groups, counts, before.iterations);
        return counts;
    }
    /// The same, of all that is enqueued.
    void expect_finite() {
        counts_copy.start(stream.handle());
        wait_for_counts();
    }

    /// Observations are normalised from the first rollout on: a rollout before it gives the first moments, unless there
    /// are some. The worlds then start again.
    bool warm_normalisers(const std::function<bool()>& stops) {
        if (std::none_of(groups.begin(), groups.end(), [](const Group& g) { return g.needs_moments(); })) return true;
        if (!collect(stops)) return false;
        compute_last_values();
        for (Group& group : groups) group.normalise(context()), group.find_offence(context(), rollout);
        run(context(), 1, SetCounter{&state()->env_steps, 0});
        batch->reset(uint64_t(config.seed), rollout.last_bindings(), stream.handle());
        batch->statistics(true);
        return true;
    }

    /// Of the group that has most.
    int num_updates() const {
        int most = 0;
        for (const Group& group : groups) most = std::max(most, group.num_updates());
        return most;
    }
    int64_t total_iterations() const {
        const int64_t steps = config.num_envs * batch->num_agents() * config.num_steps;
        return (config.total_steps - 1) / steps + 1;
    }
    double seconds() const {
        return before.seconds + (began ? std::chrono::duration<double>(Clock::now() - *began).count() : 0.0);
    }
    double progress() const {
        const double by_steps = double(before.iterations) / double(total_iterations());
        return std::min(1.0, config.max_seconds > 0 ? std::max(by_steps, seconds() / config.max_seconds) : by_steps);
    }

    IterationMetrics read_metrics(bool clear) {
        IterationMetrics metrics;
        metrics.statistics = batch->statistics(clear);
        const int64_t iterations = before.iterations - iterations_read;
        for (Group& group : groups) {
            metrics.groups.push_back(group.read_metrics());
            if (clear) group.clear_metrics();
        }
        merge_losses(metrics, metrics.groups);
        TrainerState now;
        batch->memory().to_host(&now, state(), sizeof now);
        metrics.iterations = before.iterations;
        metrics.agent_steps = int64_t(now.agent_steps);
        metrics.env_steps = now.env_steps * batch->num_envs();
        metrics.seconds = seconds();
        const PhaseSeconds phases_before = phases;
        if (context().device.is_cuda() && iterations > 0) clock.add(phases, double(iterations));
        metrics.phases = phases;
        phases = clear ? PhaseSeconds{} : phases_before;
        if (clear) iterations_read = before.iterations;
        return metrics;
    }

    void visit_state(StateVisitor& visitor) {
        constexpr double most = 0x1p62;
        batch->memory().synchronize();
        for (Group& group : groups) group.visit(visitor, true);
        visitor.visit("trainer.env_steps", DType::int64, {1}, &state()->env_steps, {0, most / double(config.num_envs)});
        visitor.visit("trainer.agent_steps", DType::float64, {1}, &state()->agent_steps, {0, most});
    }
    void end_restore(const std::vector<FieldValue>& worlds, const TrainerProgress& progress) {
        const TrainerStream::Scope scope(stream);
        for (Group& group : groups) group.refresh(), group.clear_metrics();
        batch->restore(worlds, rollout.last_bindings());
        batch->memory().synchronize();
        before = progress, iterations_read = progress.iterations, began.reset();
    }
};

Trainer::Trainer(std::unique_ptr<Batch> batch, const TrainConfig& config)
    : impl_(std::make_unique<Impl>(std::move(batch), config)) {}
Trainer::~Trainer() = default;
bool Trainer::iterate(const std::function<bool()>& stops) { return impl_->iterate(stops); }
int64_t Trainer::total_iterations() const { return impl_->total_iterations(); }
int64_t Trainer::iterations() const { return impl_->before.iterations; }
double Trainer::progress() const { return impl_->progress(); }
void Trainer::expect_finite() { impl_->expect_finite(); }
IterationMetrics Trainer::read_metrics(bool clear) { return impl_->read_metrics(clear); }
void Trainer::exclude_seconds(double seconds) {
    if (impl_->began) impl_->before.seconds -= seconds;
}
void Trainer::visit_state(StateVisitor& visitor) { impl_->visit_state(visitor); }
void Trainer::end_restore(const std::vector<FieldValue>& worlds, const TrainerProgress& progress) {
    impl_->end_restore(worlds, progress);
}
void Trainer::end_initial() {
    for (Group& group : impl_->groups) group.refresh();
}
TrainerProgress Trainer::training_progress() const { return {impl_->before.iterations, impl_->seconds()}; }
const std::vector<PolicySpec>& Trainer::policies() const { return impl_->policies; }
Batch& Trainer::batch() { return *impl_->batch; }
const TrainConfig& Trainer::config() const { return impl_->config; }
int64_t Trainer::num_parameters() const {
    int64_t total = 0;
    for (const Group& group : impl_->groups)
        for (const Parameter& p : group.network().parameters().list()) total += p.count();
    return total;
}

}  // namespace flockstep
