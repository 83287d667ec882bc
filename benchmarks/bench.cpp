#include "benchmarks/bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "benchmarks/bench_clock.h"
#include "build_info.h"
#include "io/json.h"
#include "io/text_table.h"
#include "sim/engine/batch_memory.h"
#include "sim/engine/registry.h"
#include "sim/engine/tune.h"

namespace flockstep {

namespace {
/// Several sets of random actions on the device, drawn in advance, that steps cycle through.
class ActionSets {
  public:
    ActionSets(Batch& batch, int wanted) : batch_(batch) {
        int64_t bytes = 0;
        for (const Tensor& action : batch.actions()) bytes += rounded(action.bytes());
        count_ = int(std::clamp<int64_t>((int64_t{1} << 30) / bytes, std::min(wanted, 2), wanted));
        for (const Tensor& action : batch.actions())
            sets_.emplace_back(batch.memory(), size_t(rounded(action.bytes()) * count_), "sets of actions");
        for (int set = 0; set < count_; ++set) draw(set), bind(set);
    }
    int count() const { return count_; }
    /// Bindings for a step that reads the next set.
    const Bindings& of(int64_t step) const { return bindings_[size_t(step % count_)]; }

  private:
    static int64_t rounded(int64_t bytes) { return (bytes + 255) / 256 * 256; }
    char* at(size_t action, int64_t set) const {
        return static_cast<char*>(sets_[action].data()) + rounded(batch_.actions()[action].bytes()) * set;
    }
    void draw(int set) {
        batch_.act(batch_.find_policy("random"), uint32_t(set));
        batch_.synchronize();
        for (size_t a = 0; a < sets_.size(); ++a) {
            const Tensor& action = batch_.actions()[a];
            std::vector<char> bytes(size_t(action.bytes()));
            batch_.memory().to_host(bytes.data(), action.data, bytes.size());
            batch_.memory().from_host(at(a, set), bytes.data(), bytes.size());
        }
    }

    void bind(int set) {
        Bindings& bindings = bindings_.emplace_back(batch_);
        for (size_t a = 0; a < sets_.size(); ++a) bindings.read_action(a, at(a, set), batch_.actions()[a].dtype);
    }

    Batch& batch_;
    std::vector<Buffer> sets_;
    std::vector<Bindings> bindings_;
    int count_;
};

/// One batch under measurement.
class Bench {
  public:
    Bench(Batch& batch, const BenchConfig& config)
        : batch_(batch),
          config_(config),
          policy_(batch.find_policy(config.policy.str())),
          clock_(batch.options().device) {
        batch_.reset(batch_.options().seed);
        // Actions drawn in advance could be illegal at their step: then they are drawn before each step.
        if (policy_ < 0 && !batch_.spaces().has_action_mask)
            sets_ = std::make_unique<ActionSets>(batch_, config.action_sets);
    }
    bool clocks_acting() const { return policy_ >= 0; }

    /// Fills in the rates and the number of agent-steps.
    void run(BenchResult& result) {
        const int unit = sets_ ? sets_->count() : 8;
        const double budget = config_.seconds / config_.repeats;
        const int64_t steps = warm_up(unit, budget);
        batch_.statistics(true);
        std::vector<double> rates;
        for (int repeat = 0; repeat < config_.repeats; ++repeat)
            rates.push_back(double(batch_.num_envs() * steps) / seconds_of(steps));
        result.steps = steps * config_.repeats;
        const int64_t agent_steps = batch_.statistics(true).agent_steps, env_steps = result.steps * batch_.num_envs();
        std::sort(rates.begin(), rates.end());
        result.slowest = rates.front(), result.fastest = rates.back();
        result.env_steps_per_second = rates[rates.size() / 2];
        result.agent_steps_per_second =
            result.env_steps_per_second *
            (agent_steps > 0 ? double(agent_steps) / double(env_steps) : double(batch_.num_agents()));
        const bool can_capture = sets_ || clocks_acting();
        if (config_.graph && can_capture && clock_.capture([&] { launch(unit); }))
            result.graph_env_steps_per_second = run_graph(unit, steps);
        batch_.check();
    }

  private:
    void act() { batch_.act(policy_, 0, clock_.stream()); }
    void launch(int64_t steps) {
        for (int64_t step = 0; step < steps; ++step) {
            if (sets_) {
                batch_.step(sets_->of(step), clock_.stream());
            } else {
                act();
                batch_.step(clock_.stream());
            }
        }
    }
    /// The timed work.
    double seconds_of(int64_t steps) {
        if (sets_ || clocks_acting()) return clock_.seconds([&] { launch(steps); });
        return clock_.seconds(
            steps, [&] { act(); }, [&] { batch_.step(clock_.stream()); });
    }
    /// Steps for at least a quarter of the timed duration; returns the number of steps for one repeat.
    int64_t warm_up(int unit, double budget) {
        double spent = 0;
        int64_t steps = unit;
        for (;;) {
            const double seconds = seconds_of(steps);
            spent += seconds;
            const int64_t fit = int64_t(double(steps) * budget / std::max(seconds, 1e-9)) / unit * unit;
            if (spent >= config_.seconds / 4) return std::clamp<int64_t>(fit, unit, int64_t{1} << 30);
            steps = std::clamp<int64_t>(fit, unit, steps * 10);
        }
    }
    double run_graph(int unit, int64_t steps) {
        const int64_t launches = std::max<int64_t>(steps / unit, 1);
        clock_.seconds([&] { clock_.replay(); });
        std::vector<double> rates;
        for (int repeat = 0; repeat < config_.repeats; ++repeat) {
            const double seconds = clock_.seconds([&] {
                for (int64_t i = 0; i < launches; ++i) clock_.replay();
            });
            rates.push_back(double(batch_.num_envs() * launches * unit) / seconds);
        }
        std::sort(rates.begin(), rates.end());
        return rates[rates.size() / 2];
    }

    Batch& batch_;
    const BenchConfig& config_;
    int policy_;
    BenchClock clock_;
    std::unique_ptr<ActionSets> sets_;
};

/// One world on the CPU, to know the size of each.
std::unique_ptr<Batch> make_one_world(const std::string& name, BatchOptions options, const Settings& settings) {
    options.device = {};
    options.num_envs = 1;
    options.plan = "";
    return make_batch(name, options, settings);
}

/// Enough worlds to fill the device: about a million agents on a GPU, about ten thousand on a CPU.
int64_t default_num_envs(int64_t agents, bool is_gpu) {
    int64_t worlds = is_gpu ? 32768 : 256;
    while (worlds * agents < (is_gpu ? 1 << 20 : 1 << 14)) worlds *= 2;
    return worlds;
}

std::string describe_outputs(const Batch& batch) {
    std::string text;
    for (const auto* list : {&batch.observations(), &batch.action_masks(), &batch.outputs()})
        for (const Tensor& tensor : *list)
            text += (text.empty() ? "" : ", ") + tensor.name + " " + name_of(tensor.dtype);
    return text;
}
}  // namespace

BatchConfig bench_defaults() {
    BatchConfig defaults;
    defaults.num_envs = 0;
    defaults.stagger_episodes = true;
    return defaults;
}

BenchResult run_bench(const std::string& environment, const BatchConfig& batch_config, const Settings& settings,
                      const BenchConfig& config) {
    BatchOptions options = to_options(batch_config);
    const std::unique_ptr<Batch> world = make_one_world(environment, options, settings);
    if (options.num_envs == 0) options.num_envs = default_num_envs(world->num_agents(), options.device.is_cuda());
    if (!options.device.is_cuda()) check_batch_memory(batch_bytes(*world), options.num_envs, "benchmark");
    BenchResult result;
    result.copy_bandwidth = measure_copy_bandwidth(options.device);
    if (config.tune) {
        const TunedPlan tuned = tune_plan(environment, options, settings, 1.0, false);
        options.plan = tuned.plan, result.tuned = describe(tuned);
    }
    const std::unique_ptr<Batch> batch = make_batch(environment, options, settings);
    result.environment = environment, result.policy = config.policy.str(), result.commit = build_commit();
    result.device = describe_device(options.device);
    result.outputs = describe_outputs(*batch), result.plan = batch->plan() + ": " + batch->plan_details();
    result.settings = batch->settings(), result.given = settings;
    result.num_envs = batch->num_envs(), result.num_agents = batch->num_agents(), result.repeats = config.repeats;
    result.statistics = options.statistics;
    Bench bench(*batch, config);
    result.clocks_acting = bench.clocks_acting();
    bench.run(result);
    const double active_agents = result.agent_steps_per_second / result.env_steps_per_second;
    const double bytes_per_second = batch->minimum_bytes_per_env(active_agents) * result.env_steps_per_second;
    result.bytes_per_agent_step = bytes_per_second / result.agent_steps_per_second;
    result.bandwidth_share = bytes_per_second / result.copy_bandwidth;
    return result;
}

std::string to_json(const BenchResult& r) {
    return to_line(
        {{"environment", r.environment},
         {"device", r.device},
         {"num_envs", r.num_envs},
         {"num_agents", r.num_agents},
         {"policy", r.policy},
         {"clocked", r.clocks_acting ? "act + step" : "step"},
         {"statistics", r.statistics},
         {"env_steps_per_second", r.env_steps_per_second},
         {"agent_steps_per_second", r.agent_steps_per_second},
         {"slowest_env_steps_per_second", r.slowest},
         {"fastest_env_steps_per_second", r.fastest},
         {"graph_env_steps_per_second", r.graph_env_steps_per_second > 0 ? r.graph_env_steps_per_second : NAN},
         {"bytes_per_agent_step", r.bytes_per_agent_step},
         {"copy_bandwidth", r.copy_bandwidth},
         {"bandwidth_share", r.bandwidth_share},
         {"steps", r.steps},
         {"repeats", r.repeats},
         {"outputs", r.outputs},
         {"plan", r.plan},
         {"settings", to_json(r.settings.values())},
         {"commit", r.commit}});
}

namespace {
/// "num_agents 64, size 32", or "the defaults".
std::string settings_line(const Settings& settings) {
    std::string text;
    for (const auto& [name, value] : settings.values())
        text += (text.empty() ? "" : ", ") + name + " " + to_text(value);
    return text.empty() ? "the defaults" : text;
}
}  // namespace

std::string to_text(const BenchResult& r) {
    char text[768];
    std::snprintf(text, sizeof text,
                  "%s on %s: %lld worlds of %d agents, policy %s (timed: %s)\n"
                  "  env steps/s    %s (%s to %s over %d repeats, %lld steps)\n"
                  "  agent steps/s  %s\n",
                  r.environment.c_str(), r.device.c_str(), static_cast<long long>(r.num_envs), r.num_agents,
                  r.policy.c_str(), r.clocks_acting ? "act + step" : "step",
                  short_number(r.env_steps_per_second).c_str(), short_number(r.slowest).c_str(),
                  short_number(r.fastest).c_str(), r.repeats, static_cast<long long>(r.steps),
                  short_number(r.agent_steps_per_second).c_str());
    std::string result = text;
    if (r.graph_env_steps_per_second > 0)
        result += "  through a graph " + short_number(r.graph_env_steps_per_second) + " env steps/s\n";
    std::snprintf(text, sizeof text,
                  "  min. traffic   %.1f bytes per agent step, %.1f %% of the copy bandwidth of %sB/s\n",
                  r.bytes_per_agent_step, 100 * r.bandwidth_share, short_number(r.copy_bandwidth).c_str());
    return result + text + "  settings       " + settings_line(r.given) + "\n  outputs        " + r.outputs +
           "\n  plan           " + r.plan + "\n" + (r.tuned.empty() ? "" : "                 " + r.tuned + "\n") +
           "  commit         " + r.commit + "\n";
}

}  // namespace flockstep
