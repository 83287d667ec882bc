#include "trainer/run/log.h"

#include <cmath>
#include <functional>
#include <stdexcept>

#include "build_info.h"
#include "io/json.h"

namespace flockstep {

namespace {
/// The metrics of metrics.jsonl and TensorBoard: name in the file, tag of the curve, value.
void visit_numbers(const IterationMetrics& m, double rate,
                   const std::function<void(const char*, const char*, double)>& visit) {
    visit("agent_steps_per_second", "speed/agent_steps_per_second", rate);
    visit("environment_seconds", "speed/environment_seconds", m.phases.environment);
    visit("policy_seconds", "speed/policy_seconds", m.phases.policy);
    visit("update_seconds", "speed/update_seconds", m.phases.update);
    visit("policy_loss", "loss/policy", m.policy_loss);
    visit("value_loss", "loss/value", m.value_loss);
    visit("entropy", "loss/entropy", m.entropy);
    visit("approximate_kl", "update/approximate_kl", m.approximate_kl);
    visit("clip_fraction", "update/clip_fraction", m.clip_fraction);
    visit("explained_variance", "update/explained_variance", m.explained_variance);
    visit("gradient_norm", "update/gradient_norm", m.gradient_norm);
    visit("learning_rate", "schedule/learning_rate", m.learning_rate);
    visit("entropy_weight", "schedule/entropy_weight", m.entropy_weight);
}
}  // namespace

TrainingLog::TrainingLog(const RunFolder& run, const Trainer& trainer, const std::string& environment,
                         const IterationMetrics& first, double progress)
    : run_(run),
      json_(run.metrics(), std::ios::app),
      curves_(run.path()),
      terminal_(stdout, environment, trainer.config().total_steps, first, progress) {
    json_ << to_line({{"format", "flockstep metrics"},
                      {"format_version", 1},
                      {"environment", environment},
                      {"iterations", first.iterations},
                      {"commit", build_commit()}})
          << std::endl;
}

void TrainingLog::write(const IterationMetrics& metrics, double progress, bool is_last) {
    terminal_.show(metrics, progress, is_last);
    write_json(metrics);
    write_curves(metrics);
}

void TrainingLog::write_json(const IterationMetrics& metrics) {
    Json json{{"iterations", metrics.iterations},
              {"agent_steps", metrics.agent_steps},
              {"env_steps", metrics.env_steps},
              {"seconds", metrics.seconds},
              {"num_episodes", metrics.statistics.num_episodes}};
    visit_numbers(metrics, terminal_.rate(), [&](const char* name, const char*, double value) { json[name] = value; });
    for (const Statistics::Metric& metric : metrics.statistics.metrics) {
        const bool has_episodes = metrics.statistics.num_episodes > 0;
        json[metric.name] = has_episodes ? metric.mean : NAN;
        json[metric.name + "_standard_error"] = has_episodes ? metric.standard_error : NAN;
    }
    json_ << to_line(json) << std::endl;
    if (!json_) throw std::runtime_error(run_.metrics().string() + ": cannot be written");
}

void TrainingLog::write_curves(const IterationMetrics& metrics) {
    const auto add = [&](const std::string& tag, double value) {
        if (std::isfinite(value)) curves_.add(tag, metrics.agent_steps, value);
    };
    visit_numbers(metrics, terminal_.rate(), [&](const char*, const char* tag, double value) { add(tag, value); });
    if (metrics.statistics.num_episodes > 0)
        for (const Statistics::Metric& metric : metrics.statistics.metrics) add("episode/" + metric.name, metric.mean);
    curves_.flush();
}

}  // namespace flockstep
