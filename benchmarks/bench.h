#pragma once

#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/engine/batch_config.h"

namespace flockstep {

/// How stepping is measured.
struct BenchConfig {
    InternedString policy = "random";
    double seconds = 2.0;
    int repeats = 5, action_sets = 32;
    bool graph = true, tune = false;
    template <class F>
    void fields(F f) {
        f("policy", policy, any_value(),
          "random: actions are drawn unclocked; a scripted policy: act and step are clocked");
        f("seconds", seconds, between(0.01, 3600),
          "clocked time of all repeats together, after a warm-up of a quarter of it");
        f("repeats", repeats, between(1, 1000), "their median is the result");
        f("action_sets", action_sets, between(1, 4096), "sets of random actions that the steps take in turn");
        f("tune", tune, any_value(), "GPU: try the plans that there are for about a second, and measure the fastest");
        f("graph", graph, any_value(), "GPU: also step through a captured CUDA graph of action_sets steps");
    }
};

/// What one measurement gave. A step is all worlds once: rules, autoreset, observations, everything in `outputs`.
struct BenchResult {
    std::string environment, device, policy, outputs, plan, tuned, commit;
    Settings settings;                // the environment's, all of them
    Settings given;                   // those of them that are not left to the environment's defaults
    int64_t num_envs = 0, steps = 0;  // steps: clocked
    int num_agents = 0, repeats = 0;
    bool statistics = false, clocks_acting = false;
    double env_steps_per_second = 0;        // median over repeats of a plain loop of launches without a host wait
    double slowest = 0, fastest = 0;        // env steps per second of single repeats
    double agent_steps_per_second = 0;      // of active agents
    double graph_env_steps_per_second = 0;  // 0: not measured
    double bytes_per_agent_step = 0;        // least traffic: state in and out, actions, outputs
    double copy_bandwidth = 0;              // bytes read and written per second, of a plain copy in this run
    double bandwidth_share = 0;             // least traffic per second over copy_bandwidth
};

/// How a batch is made for a measurement, where nothing else is said: num_envs is 0, as many worlds as fill the device.
BatchConfig bench_defaults();

/// Steps a batch of `environment` with autoreset and measures. Throws as make_batch does.
BenchResult run_bench(const std::string& environment, const BatchConfig& batch, const Settings& settings,
                      const BenchConfig& config);

/// One line of JSON.
std::string to_json(const BenchResult& result);
/// A few lines for people.
std::string to_text(const BenchResult& result);

}  // namespace flockstep
