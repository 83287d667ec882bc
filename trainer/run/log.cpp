#include "trainer/run/log.h"

#include <torch/version.h>

#include <cmath>
#include <ctime>

#ifdef FLOCKSTEP_WITH_CUDA
#include <cuda_runtime_api.h>
#endif

#include "build_info.h"
#include "io/json.h"
#include "trainer/run/log_names.h"

namespace flockstep {

namespace {
constexpr int log_version = 2;

std::string time_text() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

Json versions() {
    Json versions{{"flockstep", build_version()}, {"torch", TORCH_VERSION}};
#ifdef FLOCKSTEP_WITH_CUDA
    versions["cuda"] = std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10);
#endif
    return versions;
}

Json header(const TrainingTask& task, Trainer& trainer, const IterationMetrics& first) {
    return {{"format", "flockstep metrics"},
            {"format_version", log_version},
            {"environment", task.environment},
            {"iterations", first.iterations},
            {"seed", task.config.seed},
            {"device", task.device.name()},
            {"device_model", describe_device(task.device)},
            {"versions", versions()},
            {"commit", build_commit()},
            {"command_line", task.command_line},
            {"start_time", time_text()},
            {"batch_size", batch_size(trainer)},
            {"minibatch_size", batch_size(trainer) / trainer.config().num_minibatches}};
}

Json record(const char* kind, const IterationMetrics& metrics) {
    return {{"record", kind},
            {"iterations", metrics.iterations},
            {"agent_steps", metrics.agent_steps},
            {"env_steps", metrics.env_steps},
            {"seconds", metrics.seconds}};
}

void add_metric(Json& json, const std::string& name, double mean, double standard_error) {
    json[name] = mean;
    json[name + "_standard_error"] = standard_error;
}

/// Where TensorBoard drops what an earlier process wrote: behind the steps that were done; -1 for a new run.
int64_t restart_step(const IterationMetrics& first) { return first.iterations > 0 ? first.agent_steps + 1 : -1; }
}  // namespace

TrainingLog::TrainingLog(const TrainingTask& task, const RunFolder& folder, Trainer& trainer,
                         const IterationMetrics& first)
    : json_(folder.metrics(), first.iterations),
      curves_(folder.path(), restart_step(first)),
      terminal_(stdout, task.environment, trainer.config().total_steps, first, trainer.progress()),
      log_every_(task.run.log_every),
      last_seconds_(first.seconds),
      last_steps_(first.agent_steps),
      last_training_(json_.last_training()),
      last_evaluation_(json_.last_evaluation()) {
    json_.write(header(task, trainer, first));
}

void TrainingLog::write(const IterationMetrics& metrics) {
    const double seconds = metrics.seconds - last_seconds_;
    const double rate = seconds > 0 ? double(metrics.agent_steps - last_steps_) / seconds : NAN;
    last_seconds_ = metrics.seconds, last_steps_ = metrics.agent_steps, last_training_ = metrics.iterations;
    const bool has_episodes = metrics.statistics.num_episodes > 0;
    Json json = record("training", metrics);
    json["num_episodes"] = metrics.statistics.num_episodes;
    const auto add_point = [&](const std::string& tag, double value) {
        if (std::isfinite(value)) curves_.add(tag, metrics.agent_steps, value);
    };
    visit_numbers(metrics, rate, [&](const std::string& name, const std::string& tag, double value) {
        json[name] = value;
        add_point(tag, value);
    });
    for (const Statistics::Metric& metric : metrics.statistics.metrics) {
        add_metric(json, metric.name, has_episodes ? metric.mean : NAN, has_episodes ? metric.standard_error : NAN);
        if (has_episodes) add_point(episode_tag(metric.name), metric.mean);
    }
    json_.write(json);
    curves_.flush();
}

void TrainingLog::write(const IterationMetrics& now, const Evaluation& evaluation) {
    last_evaluation_ = now.iterations;
    Json json = record("evaluation", now);
    json["num_episodes"] = evaluation.episodes;
    json["evaluation_seconds"] = evaluation.seconds;
    for (const MeanEstimate& metric : evaluation.metrics) {
        add_metric(json, metric.name, metric.mean, metric.standard_error);
        if (std::isfinite(metric.mean)) curves_.add(evaluation_tag(metric.name), now.agent_steps, metric.mean);
    }
    json_.write(json);
    curves_.flush();
    if (!evaluation.metrics.empty()) terminal_.show_evaluation(evaluation.metrics[0]);
}

void TrainingLog::show(const IterationMetrics& metrics, double progress, bool is_last) {
    const Clock::time_point now = Clock::now();
    if (!is_last && now - shown_ < std::chrono::duration<double>(log_every_)) return;
    shown_ = now;
    terminal_.show(metrics, progress, is_last);
}

}  // namespace flockstep
