#include "trainer/run/render.h"

#include <cmath>
#include <stdexcept>

#include "io/text_table.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
double reward_of_step(Batch& batch) {
    const Tensor& reward = batch.output("reward");
    std::vector<float> values(size_t(reward.count()));
    batch.memory().to_host(values.data(), reward.data, size_t(reward.bytes()));
    double sum = 0;
    for (const float value : values) sum += value;
    return sum;
}

/// Metrics of the first episode; empty until it ends.
std::vector<ReplayText> metrics_of(Batch& batch) {
    std::vector<ReplayText> texts;
    const std::map<std::string, std::vector<float>> metrics = batch.first_episodes();
    if (std::isnan(metrics.at("episode_length").at(0))) return texts;
    for (const std::string& name : batch.metric_names()) texts.push_back({name, plain_number(metrics.at(name).at(0))});
    return texts;
}

std::string settings_text(const Batch& batch) {
    std::string text;
    for (const auto& [key, value] : batch.settings().values()) {
        const std::string text_value = to_text(value);
        if (!text_value.empty() && text_value.size() < 40) text += (text.empty() ? "" : ", ") + key + " " + text_value;
    }
    return text;
}
}  // namespace

BatchOptions recording_options(uint64_t seed, Device device) {
    BatchOptions options;
    options.seed = seed;
    options.device = device;
    options.autoreset_mode = AutoresetMode::disabled;
    return options;
}

Replay record_episode(Batch& batch, const std::string& policy, const std::function<void()>& act,
                      const std::function<bool()>& keep_going) {
    const DrawWorld draw = registry().find(batch.environment()).info.draw;
    if (!draw) throw std::invalid_argument("render: " + batch.environment() + " cannot be drawn");
    Replay replay;
    replay.title = batch.environment() + ", " + policy;
    replay.subtitle = "seed " + std::to_string(batch.options().seed) + ", " + settings_text(batch);
    batch.reset(batch.options().seed);
    batch.statistics(true);
    draw(batch, 0, replay);
    while (replay.metrics.empty() && (!keep_going || keep_going())) {
        act();
        batch.step();
        draw(batch, 0, replay);
        replay.frames.back().reward = float(reward_of_step(batch));
        replay.metrics = metrics_of(batch);
    }
    return replay;
}

}  // namespace flockstep
