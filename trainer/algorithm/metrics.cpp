#include "trainer/algorithm/metrics.h"

#include "trainer/learn/loss.h"

namespace flockstep {

namespace {
double ratio(double sum, double count) { return count > 0 ? sum / count : 0.0; }

/// 1 - variance of (target - value) / variance of target.
double explained_variance(const std::vector<double>& s) {
    const double n = s[RolloutSums::count];
    if (n == 0) return 0;
    const auto variance = [&](double sum, double squares) { return squares / n - sum / n * (sum / n); };
    const double target = variance(s[RolloutSums::target], s[RolloutSums::target_square]);
    return target > 0 ? 1 - variance(s[RolloutSums::error], s[RolloutSums::error_square]) / target : 0;
}
}  // namespace

void set_losses(LossMetrics& metrics, const std::vector<double>& sums, const std::vector<double>& rollout_sums,
                double updates) {
    const double count = sums[LossSums::count];
    metrics.policy_loss = ratio(sums[LossSums::policy_loss], count);
    metrics.value_loss = ratio(sums[LossSums::value_loss], count);
    metrics.entropy = ratio(sums[LossSums::entropy], count);
    metrics.approximate_kl = ratio(sums[LossSums::approximate_kl], count);
    metrics.clip_fraction = ratio(sums[LossSums::clipped], count);
    metrics.gradient_norm = ratio(sums[LossSums::size], updates);
    metrics.explained_variance = explained_variance(rollout_sums);
}

void merge_losses(LossMetrics& metrics, const std::vector<GroupMetrics>& groups) {
    std::vector<double> sums(LossSums::size + 1, 0.0), rollout_sums(RolloutSums::size, 0.0);
    double updates = 0;
    for (const GroupMetrics& group : groups) {
        for (size_t i = 0; i < sums.size(); ++i) sums[i] += group.sums[i];
        for (size_t i = 0; i < rollout_sums.size(); ++i) rollout_sums[i] += group.rollout_sums[i];
        updates += group.updates;
    }
    set_losses(metrics, sums, rollout_sums, updates);
    metrics.learning_rate = groups[0].learning_rate, metrics.entropy_weight = groups[0].entropy_weight;
}

}  // namespace flockstep
