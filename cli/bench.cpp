#include "benchmarks/bench.h"

#include <cstdio>
#include <stdexcept>

#include "cli/cli.h"
#include "cli/device.h"

namespace flockstep {

namespace {
BenchResult bench(const std::string& name, const GivenSettings& given) {
    BenchConfig config;
    given.read(config, "bench");
    BatchConfig batch = bench_defaults();
    given.read(batch, "batch");
    batch.device = choose_device(batch.device.str()).name();
    return run_bench(name, batch, given.of(environment_group(name)), config);
}
}  // namespace

std::vector<SettingGroup> bench_groups() {
    return {{"bench", describe(BenchConfig{})}, {"batch", describe(bench_defaults())}};
}

int run_bench(const Command& command) {
    std::vector<std::string> names = command.names;
    if (names.empty() && !command.given.environment().empty()) names = {command.given.environment()};
    if (names.empty())
        throw std::invalid_argument("environment: got none, want one NAME or several; see flockstep list");
    std::vector<SettingGroup> groups = bench_groups();
    for (const std::string& name : names) groups.push_back(environment_group(name));
    command.given.refuse_unknown(groups);
    for (const std::string& name : names) {
        const BenchResult result = bench(name, command.given);
        std::printf("%s%s", (command.json ? to_json(result) : to_text(result)).c_str(), command.json ? "\n" : "");
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace flockstep
