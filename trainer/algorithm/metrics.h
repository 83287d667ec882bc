#pragma once

#include <string>
#include <vector>

#include "sim/engine/batch.h"

namespace flockstep {

/// Seconds by phase: environment steps; inference and sampling during the rollout; advantages and optimisation. On a
/// GPU measured by events in the last iteration (four of its environment steps) and extrapolated to all.
struct PhaseSeconds {
    double environment = 0, policy = 0, update = 0;
};

/// Metrics of one policy's training. Losses are means over the samples of all minibatches.
struct LossMetrics {
    double policy_loss = 0, value_loss = 0, entropy = 0, approximate_kl = 0, clip_fraction = 0;
    double explained_variance = 0;  // of the last rollout: 1 is perfect
    double gradient_norm = 0;       // before clipping
    double learning_rate = 0, entropy_weight = 0;
};
struct GroupMetrics : LossMetrics {
    std::string name;
    std::vector<double> sums;          // LossSums, then the sum of the gradient's norms and the number of steps
    std::vector<double> rollout_sums;  // RolloutSums
};

/// Metrics since the last read_metrics(); losses over all policies together, schedules of the first policy.
struct IterationMetrics : LossMetrics {
    int64_t iterations = 0;   // since the run began
    int64_t agent_steps = 0;  // since the run began, active agents only
    int64_t env_steps = 0;    // since the run began, all worlds
    double seconds = 0;       // of training since the run began, resumed parts included
    Statistics statistics;    // of the episodes that ended
    PhaseSeconds phases;
    std::vector<GroupMetrics> groups;
};

/// Fills in losses from sums.
void set_losses(LossMetrics& metrics, const std::vector<double>& sums, const std::vector<double>& rollout_sums);
/// The losses of all groups together, and the schedules of the first.
void merge_losses(LossMetrics& metrics, const std::vector<GroupMetrics>& groups);

}  // namespace flockstep
