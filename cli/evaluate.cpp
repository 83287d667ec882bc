#include "trainer/run/evaluate.h"

#include <cstdio>

#include "cli/device.h"
#include "cli/player.h"
#include "replay/replay.h"
#include "trainer/run/render.h"

namespace flockstep {

namespace {
struct RenderConfig {
    InternedString policy;
    bool deterministic = false;
    template <class F>
    void fields(F f) {
        f("policy", policy, any_value(), "without a checkpoint: random, or a scripted policy of the environment");
        f("deterministic", deterministic, any_value(), "take the policy's most probable action instead of sampling");
    }
};

/// Rejects settings that neither the command nor the environment has, before any work.
void check_keys(const Command& command, const Player& player, std::vector<SettingGroup> groups) {
    groups.push_back(environment_group(player.environment()));
    command.given.refuse_unknown(groups);
}

Device device_of(const PlayConfig& config) { return choose_device(config.batch.device.str()); }
}  // namespace

std::vector<SettingGroup> evaluate_groups() {
    return {{"evaluate", describe(EvaluateConfig{})}, {"run", describe(PlayConfig{})}};
}
std::vector<SettingGroup> render_groups() {
    return {{"render", describe(RenderConfig{})}, {"run", describe(PlayConfig{})}};
}

int run_evaluate(const Command& command) {
    EvaluateConfig config;
    PlayConfig play;
    command.given.read(config, "evaluate");
    command.given.read(play, "run");
    const Player player(command, config.policy.str());
    check_keys(command, player, evaluate_groups());
    const std::unique_ptr<Batch> batch =
        player.make_batch(evaluation_options(config.episodes, uint64_t(play.batch.seed), device_of(play)));
    const Evaluation evaluation =
        evaluate(*batch, player.policy(), player.acting(*batch, config.deterministic), batch->options().seed);
    std::printf("%s%s", (command.json ? to_json(evaluation) : to_text(evaluation)).c_str(), command.json ? "\n" : "");
    return 0;
}

int run_render(const Command& command) {
    RenderConfig config;
    PlayConfig play;
    command.given.read(config, "render");
    command.given.read(play, "run");
    const Player player(command, config.policy.str());
    check_keys(command, player, render_groups());
    const std::unique_ptr<Batch> batch =
        player.make_batch(recording_options(uint64_t(play.batch.seed), device_of(play)));
    const Replay replay = record_episode(*batch, player.policy(), player.acting(*batch, config.deterministic));
    const std::string output = command.output.empty() ? player.environment() + ".html" : command.output;
    write_replay(output, replay);
    std::printf("Wrote %s: %zu steps. Open it in a browser.\n", output.c_str(), replay.frames.size() - 1);
    return 0;
}

}  // namespace flockstep
