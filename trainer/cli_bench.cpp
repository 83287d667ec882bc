#include "trainer/cli_bench.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "sim/engine/registry.h"
#include "trainer/bench.h"
#include "trainer/cli_batch.h"

namespace flockstep {

namespace {
BatchConfig bench_defaults() {
    BatchConfig defaults;
    defaults.spread_phases = true;
    return defaults;
}

/// Enough worlds to fill the device: about a million agents on a GPU, some ten thousand on a CPU.
int64_t usual_num_envs(const std::string& name, BatchOptions options, const Settings& settings) {
    const bool is_gpu = options.device.is_cuda();
    options.device = {};
    options.num_envs = 1;
    const int64_t agents = make_batch(name, options, settings)->num_agents();
    int64_t worlds = is_gpu ? 32768 : 256;
    while (worlds * agents < (is_gpu ? 1 << 20 : 1 << 14)) worlds *= 2;
    return worlds;
}

BenchResult bench(const std::string& name, const GivenSettings& given) {
    BenchConfig config;
    given.read(config, "bench");
    BatchConfig batch = bench_defaults();
    given.read(batch, "batch");
    const Settings settings = given.of(environment_group(name));
    BatchOptions options = to_options(batch);
    if (!given.has("num_envs")) options.num_envs = usual_num_envs(name, options, settings);
    return run_bench(name, options, settings, config);
}
}  // namespace

std::vector<SettingGroup> bench_groups() { return {{"bench", describe(BenchConfig{})}, batch_group(bench_defaults())}; }

void run_bench_command(const std::vector<std::string>& names, const GivenSettings& given, bool as_json) {
    std::vector<SettingGroup> groups = bench_groups();
    for (const std::string& name : names) groups.push_back(environment_group(name));
    given.refuse_unknown(groups);
    for (const std::string& name : names) {
        const BenchResult result = bench(name, given);
        std::printf("%s%s", (as_json ? to_json(result) : to_text(result)).c_str(), as_json ? "\n" : "");
        std::fflush(stdout);
    }
}

}  // namespace flockstep
