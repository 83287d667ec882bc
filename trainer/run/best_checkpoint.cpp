#include "trainer/run/best_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "io/quote.h"
#include "trainer/run/training_task.h"

namespace flockstep {

namespace {
std::string exact_text(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
}

/// The best value that the folder's file states, if it is of this metric and source.
std::optional<double> read_best(const RunFolder& folder, const std::string& keep_best, const std::string& source) {
    if (!std::filesystem::is_regular_file(folder.best_checkpoint())) return {};
    Archive archive;
    try {
        archive = read_archive(folder.best_checkpoint(), [](const std::string&) { return false; });
    } catch (const DamagedCheckpoint&) {
        return {};  // the next one replaces it
    }
    const auto text = [&](const char* key) {
        const auto found = archive.metadata.find(key);
        return found == archive.metadata.end() ? "" : found->second;
    };
    if (text("best_metric") != keep_best || text("best_source") != source) return {};
    const double value = std::strtod(text("best_value").c_str(), nullptr);
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}
}  // namespace

std::string BestCheckpoint::metric_of(const std::string& keep_best) {
    return keep_best.rfind('-', 0) == 0 ? keep_best.substr(1) : keep_best;
}

BestCheckpoint::BestCheckpoint(const RunFolder& folder, const std::string& keep_best, const std::string& source)
    : folder_(folder), metric_(keep_best), source_(source), is_lowest_(keep_best != metric_of(keep_best)) {
    if (!metric_.empty()) best_ = read_best(folder, metric_, source);
}

void BestCheckpoint::offer(const Archive& archive, const Evaluation& evaluation) {
    for (const MeanEstimate& metric : evaluation.metrics)
        if (metric.name == metric_of(metric_)) offer(archive, metric.mean);
}
void BestCheckpoint::offer(const Archive& archive, const Statistics& statistics) {
    if (statistics.num_episodes == 0) return;
    for (const Statistics::Metric& metric : statistics.metrics)
        if (metric.name == metric_of(metric_)) offer(archive, metric.mean);
}

void BestCheckpoint::offer(const Archive& archive, double value) {
    if (!std::isfinite(value) || (best_ && !(is_lowest_ ? value < *best_ : value > *best_))) return;
    Archive best = archive;
    best.metadata["best_metric"] = metric_;
    best.metadata["best_source"] = source_;
    best.metadata["best_value"] = exact_text(value);
    write_archive(folder_.best_checkpoint(), best);
    best_ = value;
}

void check_metric(const std::string& metric, const Batch& batch) {
    const std::vector<std::string>& known = batch.metric_names();
    if (metric == RunConfig{}.keep_best.str()) return;  // the default; with several roles there is no such metric
    if (metric.empty() || std::find(known.begin(), known.end(), metric) != known.end()) return;
    std::string names;
    for (const std::string& name : known) names += (names.empty() ? "" : ", ") + name;
    throw std::invalid_argument("keep_best: got " + in_quotes(metric) + ", want one of: " + names);
}

}  // namespace flockstep
