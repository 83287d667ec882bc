#pragma once

#include <functional>
#include <string>

#include "trainer/algorithm/ppo.h"

namespace flockstep {

/// Visits the numbers of a training record: name in metrics.jsonl, tag in TensorBoard, value; where there are several
/// policies, also those of each, name and tag with ".POLICY" behind them. Tags are CleanRL's where it has one. The
/// table in docs/formats.md lists them; a test compares it with what a run writes.
void visit_numbers(const IterationMetrics& metrics, double agent_steps_per_second,
                   const std::function<void(const std::string& name, const std::string& tag, double value)>& visit);

/// TensorBoard tag of a metric of the episodes that ended in training: charts/episodic_return, of roles
/// charts/episodic_return.ROLE, charts/episodic_length, and episode/NAME for all others.
std::string episode_tag(const std::string& metric);
/// TensorBoard tag of a metric of an evaluation during training.
std::string evaluation_tag(const std::string& metric);

}  // namespace flockstep
