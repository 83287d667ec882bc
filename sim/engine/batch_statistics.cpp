#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "sim/engine/batch.h"

/// Episode statistics, reduced in a fixed order.
namespace flockstep {

namespace {
/// The field "statistics", on the host.
struct StatisticsView {
    const FieldValue& field;
    double of(int64_t env, int64_t metric, Statistic which) const {
        double value;
        memcpy(&value, field.bytes.data() + ((env * field.shape[1] + metric) * num_statistics + which) * 8, 8);
        return value;
    }
};
int64_t total_of(const FieldValue& counts) {
    int64_t total = 0;
    for (size_t at = 0; at < counts.bytes.size(); at += 8) {
        int64_t count;
        memcpy(&count, counts.bytes.data() + at, 8);
        total += count;
    }
    return total;
}
}  // namespace

Statistics Batch::statistics(bool clear) {
    Statistics result;
    if (!options_.statistics) return result;
    check();
    std::vector<double> sums(metrics_.size() * num_statistics);
    memory_->sum_columns(reinterpret_cast<const double*>(bulk_ + field("statistics").offset), num_envs(),
                         int(sums.size()), sums.data());
    const auto count_of = [&](size_t m) { return sums[m * num_statistics + count_statistic]; };
    const auto length = std::find(metrics_.begin(), metrics_.end(), "episode_length");  // counts every episode
    result.num_episodes = int64_t(count_of(size_t(length - metrics_.begin())));
    if (field("agent_steps").elements() > 0) result.agent_steps = total_of(get_field("agent_steps"));
    for (size_t m = 0; m < metrics_.size(); ++m) {
        Statistics::Metric metric{metrics_[m]};
        if (const double n = count_of(m); n > 0) {
            metric.mean = sums[m * num_statistics + sum_statistic] / n;
            const double variance = sums[m * num_statistics + square_statistic] / n - metric.mean * metric.mean;
            if (n > 1) metric.standard_error = std::sqrt(std::max(variance, 0.0) / (n - 1));
        }
        result.metrics.push_back(metric);
    }
    if (clear) clear_statistics();
    return result;
}

void Batch::clear_statistics() {
    const FieldInfo& info = field("statistics");
    memory_->zero(bulk_ + info.offset, size_t(num_envs() * info.elements() * info.element_bytes));
    const FieldInfo& steps = field("agent_steps");
    if (steps.elements() == 0) return;
    std::vector<char> tiles = read_tiles();
    write_field(steps, {steps.name, steps.dtype, {}, std::vector<char>(size_t(num_envs()) * 8, 0)}, &tiles);
    memory_->from_host(view_->tiles, tiles.data(), tiles.size());
}

std::map<std::string, std::vector<float>> Batch::first_episodes() {
    if (!options_.statistics)
        throw std::invalid_argument("first_episodes: got a batch without statistics, want one with statistics = true");
    const FieldValue field = get_field("statistics");
    const StatisticsView view{field};
    std::map<std::string, std::vector<float>> result;
    for (size_t m = 0; m < metrics_.size(); ++m) {
        std::vector<float>& values = result[metrics_[m]];
        values.resize(size_t(num_envs()));
        for (size_t env = 0; env < values.size(); ++env) {
            const auto of = [&](Statistic which) { return view.of(int64_t(env), int64_t(m), which); };
            values[env] = of(count_statistic) > 0 ? float(of(first_statistic)) + 0.0f  // not -0
                                                  : std::numeric_limits<float>::quiet_NaN();
        }
    }
    return result;
}

}  // namespace flockstep
