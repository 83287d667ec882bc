#include "trainer/run/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

#include "build_info.h"
#include "io/json.h"
#include "io/text_table.h"
#include "trainer/run/actor.h"

namespace flockstep {

namespace {
/// 97.5 % quantile of Student's t distribution: exact for few degrees of freedom, Cornish-Fisher beyond.
double t_quantile(int64_t freedom) {
    constexpr double exact[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706};
    if (freedom <= 5) return exact[freedom - 1];
    const double z = 1.959964, n = double(freedom), z3 = z * z * z, z5 = z3 * z * z;
    return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n);
}

bool all_ended(Batch& batch) {
    const std::map<std::string, std::vector<float>> metrics = batch.first_episodes();
    const std::vector<float>& lengths = metrics.at("episode_length");
    return std::none_of(lengths.begin(), lengths.end(), [](float length) { return std::isnan(length); });
}
}  // namespace

MeanEstimate estimate_mean(const std::string& name, const std::vector<float>& values) {
    MeanEstimate estimate{name};
    double sum = 0, square = 0;
    for (const float value : values)
        if (std::isfinite(value)) sum += value, ++estimate.count;
    const double n = double(estimate.count);
    estimate.mean = sum / n;  // NaN if there are no values
    for (const float value : values)
        if (std::isfinite(value)) square += (value - estimate.mean) * (value - estimate.mean);
    estimate.standard_error = estimate.count > 1 ? std::sqrt(square / (n - 1) / n) : NAN;
    const double half = estimate.count > 1 ? t_quantile(estimate.count - 1) * estimate.standard_error : NAN;
    estimate.low = estimate.mean - half, estimate.high = estimate.mean + half;
    return estimate;
}

BatchOptions evaluation_options(int64_t episodes, uint64_t seed, Device device) {
    BatchOptions options;
    options.num_envs = episodes;
    options.seed = seed;
    options.device = device;
    return options;
}

Evaluation evaluate(Batch& batch, const std::string& policy, const std::function<void()>& act, uint64_t seed,
                    const std::function<bool()>& keep_going) {
    constexpr int steps_between_checks = 32;  // a check synchronises
    const auto begin = std::chrono::steady_clock::now();
    batch.reset(seed);
    batch.statistics(true);
    do {
        for (int step = 0; step < steps_between_checks && (!keep_going || keep_going()); ++step) {
            act();
            batch.step();
        }
    } while (!all_ended(batch) && (!keep_going || keep_going()));
    Evaluation result{
        batch.environment(),   policy, describe_device(batch.options().device), batch.num_envs(), int64_t(seed), 0, {},
        batch.first_episodes()};
    for (const std::string& name : batch.metric_names())
        result.metrics.push_back(estimate_mean(name, result.values.at(name)));
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
}

std::function<void()> scripted_policy(Batch& batch, const std::string& name) {
    const int policy = batch.find_policy(name);
    return [&batch, policy] { batch.act(policy); };
}

std::function<void()> trained_policy(const Archive& archive, Batch& batch, uint64_t seed, bool deterministic) {
    const auto actor = std::make_shared<Actor>(archive, batch, seed);
    return [actor, deterministic] { actor->act(deterministic); };
}

std::string to_json(const Evaluation& evaluation) {
    Json metrics = Json::object();
    for (const MeanEstimate& m : evaluation.metrics)
        metrics[m.name] = {{"mean", m.mean},
                           {"standard_error", m.standard_error},
                           {"low", m.low},
                           {"high", m.high},
                           {"count", m.count}};
    return to_line({{"environment", evaluation.environment},
                    {"policy", evaluation.policy},
                    {"device", evaluation.device},
                    {"episodes", evaluation.episodes},
                    {"seed", evaluation.seed},
                    {"seconds", evaluation.seconds},
                    {"metrics", metrics},
                    {"commit", build_commit()}});
}

std::string to_text(const Evaluation& evaluation) {
    TextTable table({"metric", "mean", "standard error", "95 % interval"});
    for (const MeanEstimate& m : evaluation.metrics)
        table.add({m.name, plain_number(m.mean), plain_number(m.standard_error),
                   m.count > 1 ? plain_number(m.low) + " .. " + plain_number(m.high) : "-"});
    return evaluation.environment + ", policy " + evaluation.policy + ": " + std::to_string(evaluation.episodes) +
           " episodes on " + evaluation.device + " in " + duration_text(evaluation.seconds) + "\n" + table.text("  ");
}

std::string to_text(const std::vector<Evaluation>& evaluations) {
    std::vector<std::string> heading{"metric"};
    for (const Evaluation& evaluation : evaluations) heading.push_back(evaluation.policy);
    TextTable table(heading);
    for (size_t m = 0; !evaluations.empty() && m < evaluations[0].metrics.size(); ++m) {
        std::vector<std::string> row{evaluations[0].metrics[m].name};
        for (const Evaluation& evaluation : evaluations)
            row.push_back(plain_number(evaluation.metrics[m].mean) + " +- " +
                          plain_number(evaluation.metrics[m].standard_error));
        table.add(row);
    }
    return table.text("  ");
}

}  // namespace flockstep
