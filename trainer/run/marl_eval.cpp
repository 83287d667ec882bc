#include "trainer/run/marl_eval.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/read_file.h"

namespace flockstep {

namespace {
constexpr const char* absolute = "absolute_metrics";

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

/// Appends an evaluation's numbers to the lists of a step; an episode without the metric is left out.
void append(Json& step, const Evaluation& evaluation) {
    for (const MeanEstimate& metric : evaluation.metrics) {
        Json& list = step[lower(metric.name)];
        if (list.is_null()) list = Json::array();
        for (const float value : evaluation.values.at(metric.name))
            if (std::isfinite(value)) list.push_back(value);
    }
}
}  // namespace

MarlEvalFile::MarlEvalFile(std::filesystem::path path, const Run& run, int64_t env_steps)
    : path_(std::move(path)),
      levels_{lower(run.environment), lower(run.task), lower(run.algorithm), "seed_" + std::to_string(run.seed)} {
    if (std::filesystem::is_regular_file(path_)) read(env_steps);
}

void MarlEvalFile::read(int64_t env_steps) {
    constexpr int max_levels = 8;
    Json json = parse_json(read_file(path_), max_levels);
    for (const std::string& level : levels_) {
        if (!json.is_object() || !json.contains(level))
            throw std::invalid_argument(path_.string() + ": got other contents, want the evaluations of this run at " +
                                        levels_[0] + ", " + levels_[1] + ", " + levels_[2] + ", " + levels_[3]);
        json = Json(json.at(level));
    }
    if (json.is_object()) steps_ = json;
    drop_from(env_steps + 1);
}

/// Drops the steps from here on and, if there are any, the absolute metrics, which are of the whole run.
void MarlEvalFile::drop_from(int64_t env_steps) {
    Json kept = Json::object();
    for (const auto& [name, step] : steps_.items()) {
        const auto count = step.find("step_count");
        if (count != step.end() && count->is_number_integer() && count->get<int64_t>() < env_steps) kept[name] = step;
    }
    if (has_absolute() && kept.size() + 1 == steps_.size()) kept[absolute] = steps_.at(absolute);
    steps_ = kept;
}

void MarlEvalFile::add(int64_t env_steps, const Evaluation& evaluation) {
    drop_from(env_steps);
    steps_.erase(absolute);
    Json step{{"step_count", env_steps}};
    append(step, evaluation);
    steps_["step_" + std::to_string(steps_.size())] = step;
    write();
}

void MarlEvalFile::add_absolute(const std::vector<Evaluation>& evaluations) {
    Json metrics = Json::object();
    for (const Evaluation& evaluation : evaluations) append(metrics, evaluation);
    steps_[absolute] = metrics;
    write();
}

void MarlEvalFile::write() const {
    Json json = steps_;
    for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
        Json outer = Json::object();
        outer[*level] = std::move(json);
        json = std::move(outer);
    }
    write_file(path_, to_line(json) + "\n");
}

}  // namespace flockstep
