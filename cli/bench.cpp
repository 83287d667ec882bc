#include "benchmarks/bench.h"

#include <cstdio>
#include <stdexcept>

#include "cli/cli.h"
#include "cli/device.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
/// The environment's benchmark settings, unless `--config` replaces them, overridden by the given settings.
Settings settings_of(const std::string& name, const Command& command) {
    Settings settings;
    if (command.config.empty()) settings = registry().find(name).info.bench_settings;
    const Settings given = command.given.of(environment_group(name));
    for (const auto& [key, value] : given.values()) settings.set(key, value);
    return settings;
}

/// Prefix for an error about one of the environment's benchmark settings; empty if the user gave the setting.
std::string benchmark_setting(const std::string& name, const Command& command, const std::string& message) {
    const Settings own = command.config.empty() ? registry().find(name).info.bench_settings : Settings();
    for (const auto& [key, value] : own.values())
        if (message.rfind(key + ":", 0) == 0 && !command.given.find("environment", key))
            return "benchmark settings of " + name + " (--config none skips them): ";
    return "";
}

BenchResult bench(const std::string& name, const Command& command) {
    const GivenSettings& given = command.given;
    BenchConfig config;
    given.read(config, "bench");
    BatchConfig batch = bench_defaults();
    given.read(batch, "batch");
    batch.device = choose_device(batch.device.str()).name();
    try {
        return run_bench(name, batch, settings_of(name, command), config);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(benchmark_setting(name, command, error.what()) + error.what());
    }
}
}  // namespace

std::vector<SettingGroup> bench_groups() {
    return {{"bench", describe(BenchConfig{})}, {"batch", describe(bench_defaults())}};
}

int run_bench(const Command& command) {
    std::vector<std::string> names = command.names;
    if (names.empty() && !command.given.environment().empty()) names = {command.given.environment()};
    if (names.empty()) throw std::invalid_argument("environment: got none, want one or more names; see flockstep list");
    std::vector<SettingGroup> groups = bench_groups();
    for (const std::string& name : names) groups.push_back(environment_group(name));
    command.given.refuse_unknown(groups);
    for (const std::string& name : names) {
        const BenchResult result = bench(name, command);
        std::printf("%s%s", (command.json ? to_json(result) : to_text(result)).c_str(), command.json ? "\n" : "");
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace flockstep
