#include "sim/engine/tune.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "build_info.h"
#include "io/atomic_file.h"
#include "sim/engine/plan.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Everything that a plan's speed depends on, one line each.
std::string key_of(const Batch& batch) {
    const BatchOptions& options = batch.options();
    std::ostringstream key;
    key << "flockstep " << build_version() << " " << build_commit() << "\n"
        << "environment " << batch.environment() << "\n"
        << "device " << describe_device(options.device) << "\n"
        << "num_envs " << options.num_envs << "\n"
        << "autoreset_mode " << int(options.autoreset_mode) << ", final_observation " << int(options.final_observation)
        << ", illegal_actions " << int(options.illegal_actions) << ", statistics " << options.statistics << "\n"
        << "outputs";
    for (const std::string& output : options.outputs) key << " " << output;
    key << "\ndtypes";
    for (const auto& [part, dtype] : options.dtypes) key << " " << part << "=" << name_of(dtype);
    key << "\nscripted";
    for (const auto& [role, policy] : options.scripted) key << " " << role << "=" << policy;
    for (const auto& [name, value] : batch.settings().values()) key << "\n" << name << " = " << to_text(value);
    return key.str() + "\n";
}

std::filesystem::path cache_folder() {
    const char* const cache = std::getenv("XDG_CACHE_HOME");
    if (cache && *cache) return std::filesystem::path(cache) / "flockstep" / "plans";
    const char* const home = std::getenv("HOME");
    if (home && *home) return std::filesystem::path(home) / ".cache" / "flockstep" / "plans";
    return {};
}
/// Empty if there is no cache.
std::filesystem::path cache_file(const std::string& key) {
    uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (const char c : key) hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
    char name[24];
    std::snprintf(name, sizeof name, "%016llx", static_cast<unsigned long long>(hash));
    const std::filesystem::path folder = cache_folder();
    return folder.empty() ? folder : folder / name;
}
/// A file contains the plan on one line, then its key. Returns "" if nothing matches.
std::string read_cache(const std::filesystem::path& path, const std::string& key) {
    std::ifstream file(path);
    std::string plan, kept;
    if (!std::getline(file, plan)) return "";
    std::getline(file, kept, '\0');
    return kept == key ? plan : "";
}
/// If the cache cannot be written, plans are measured again the next time.
void write_cache(const std::filesystem::path& path, const std::string& key, const std::string& plan) {
    if (path.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    try {
        write_file(path, plan + "\n" + key);
    } catch (const std::runtime_error&) {
    }
}

/// Seconds per step, the minimum over a few rounds; only one round for plans far slower than `best`.
double seconds_per_step(Batch& batch, double best, double budget) {
    for (uint32_t draw = 0; draw < 4; ++draw) batch.act(-1, draw), batch.step();
    batch.synchronize();
    const Clock::time_point begin = Clock::now();
    double least = HUGE_VAL;
    int steps = 2;
    for (int round = 0; round < 4; ++round) {
        const Clock::time_point start = Clock::now();
        for (int step = 0; step < steps; ++step) batch.step();
        batch.synchronize();
        const double seconds = seconds_since(start) / steps;
        least = std::min(least, seconds);
        if (least > 2 * best || seconds_since(begin) > budget) break;
        steps = int(std::clamp(budget / 4 / seconds, 2.0, 200.0));
    }
    return least;
}

/// The engine's default first, then the others by how close their number of lanes is to it.
std::vector<std::string> order_by_promise(const std::string& first, std::vector<std::string> plans) {
    const auto distance = [lanes = parse_plan(first, true).lanes](const std::string& text) {
        const Plan plan = parse_plan(text, true);
        if (plan.kind == GroupKind::grid) return 99.0;
        return std::abs(std::log2(double(plan.lanes) / lanes)) + (plan.threads > 0 ? 0.5 : 0);
    };
    std::stable_sort(plans.begin(), plans.end(),
                     [&](const std::string& a, const std::string& b) { return distance(a) < distance(b); });
    std::erase(plans, first);
    plans.insert(plans.begin(), first);
    return plans;
}
}  // namespace

std::string describe(const TunedPlan& tuned) {
    if (tuned.is_from_cache) return "the fastest of plans tried earlier";
    if (tuned.num_tried == 0) return "the only one";
    char text[96];
    std::snprintf(text, sizeof text, "the fastest of %d plans tried, %.2f times the engine's own choice",
                  tuned.num_tried, tuned.speedup);
    return text;
}

TunedPlan tune_plan(const std::string& environment, const BatchOptions& given, const Settings& settings, double seconds,
                    bool uses_cache) {
    BatchOptions options = given;
    options.plan.clear();
    options.stagger_episodes = true;
    std::vector<std::string> plans;
    TunedPlan found;
    std::filesystem::path path;
    std::string key;
    {
        const auto batch = make_batch(environment, options, settings);
        found.plan = batch->plan();
        if (!options.device.is_cuda()) return found;
        key = key_of(*batch), path = cache_file(key);
        plans = order_by_promise(batch->plan(), batch->plans());
    }
    const std::string kept = uses_cache ? read_cache(path, key) : "";
    if (std::find(plans.begin(), plans.end(), kept) != plans.end()) {
        found.plan = kept, found.is_from_cache = true;
        return found;
    }
    const Clock::time_point start = Clock::now();
    double default_seconds = 0, best = HUGE_VAL;
    for (const std::string& plan : plans) {
        if (found.num_tried > 0 && seconds_since(start) > seconds) break;
        options.plan = plan;
        std::unique_ptr<Batch> batch;
        try {
            batch = make_batch(environment, options, settings);
        } catch (const std::runtime_error&) {  // not enough memory next to existing allocations
            continue;
        }
        const double step_seconds = seconds_per_step(*batch, best, seconds / 20);
        if (found.num_tried++ == 0) default_seconds = step_seconds;
        // Within 2 % the engine's default is kept: timings are no more accurate than that.
        if (step_seconds < (found.num_tried > 1 && found.speedup == 1 ? 0.98 : 1.0) * best)
            best = step_seconds, found.plan = plan, found.speedup = default_seconds / step_seconds;
    }
    write_cache(path, key, found.plan);
    return found;
}

}  // namespace flockstep
