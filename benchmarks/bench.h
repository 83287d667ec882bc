#pragma once

#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch_config.h"

namespace flockstep {

/// How a benchmark is run.
struct BenchConfig {
    InternedString policy = "random";
    double seconds = 2.0;
    int repeats = 5, action_sets = 32;
    bool graph = true, tune = false;
    template <class F>
    void fields(F f) {
        f("policy", policy, any_value(),
          "random: drawing actions is not timed; a scripted policy: act and step are timed");
        f("seconds", seconds, between(0.01, 3600),
          "total timed duration of all repeats, after a warm-up of a quarter of it");
        f("repeats", repeats, between(1, 1000), "number of repeats; the median is reported");
        f("action_sets", action_sets, between(1, 4096), "number of sets of random actions that steps cycle through");
        f("tune", tune, any_value(), "GPU: try all plans for about a second, and measure the fastest");
        f("graph", graph, any_value(), "GPU: also step through a captured CUDA graph of action_sets steps");
    }
};

/// The result of one benchmark. A step is one step of all worlds: rules, autoreset, observations, all of `outputs`.
struct BenchResult {
    std::string environment, device, policy, outputs, plan, tuned, commit;
    Settings settings;                // the environment's, all of them
    Settings given;                   // those that differ from the environment's defaults
    int64_t num_envs = 0, steps = 0;  // steps: timed
    int num_agents = 0, repeats = 0;
    bool statistics = false, clocks_acting = false;
    double env_steps_per_second = 0;        // median over repeats of a plain loop of launches, without host waits
    double slowest = 0, fastest = 0;        // env steps per second of individual repeats
    double agent_steps_per_second = 0;      // of active agents
    double graph_env_steps_per_second = 0;  // 0: not measured
    double bytes_per_agent_step = 0;        // minimum traffic: state in and out, actions, outputs
    double copy_bandwidth = 0;              // bytes read and written per second by a plain copy in this run
    double bandwidth_share = 0;             // minimum traffic per second, relative to copy_bandwidth
};

/// Default batch options of a benchmark: num_envs is 0, enough worlds to fill the device.
BatchConfig bench_defaults();

/// Steps a batch of `environment` with autoreset and times it. Throws like make_batch.
BenchResult run_bench(const std::string& environment, const BatchConfig& batch, const Settings& settings,
                      const BenchConfig& config);

/// One line of JSON.
std::string to_json(const BenchResult& result);
/// A few human-readable lines.
std::string to_text(const BenchResult& result);

}  // namespace flockstep
