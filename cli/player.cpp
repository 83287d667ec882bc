#include "cli/player.h"

#include <stdexcept>

#include "sim/engine/registry.h"
#include "trainer/run/evaluate.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/trained_network.h"

namespace flockstep {

Player::Player(const Command& command, const std::string& policy)
    : environment_(command.name().empty() ? command.given.environment() : command.name()),
      policy_(policy.empty() ? "random" : policy) {
    if (!command.checkpoint.empty()) {
        if (!policy.empty())
            throw std::invalid_argument("policy: got " + in_quotes(policy) + " and a checkpoint, want one of the two");
        policy_ = find_checkpoint(command.checkpoint);
        archive_ = std::make_shared<Archive>(read_archive(policy_, is_needed_to_act));
        const CheckpointInfo info = read_info(*archive_);
        if (!environment_.empty() && environment_ != info.environment)
            throw std::invalid_argument("checkpoint: " + policy_ + " was trained on " + info.environment + ", not on " +
                                        environment_);
        environment_ = info.environment;
        settings_ = info.environment_settings;
    }
    if (environment_.empty())
        throw std::invalid_argument("environment: got none, want a name or --checkpoint FILE; see flockstep list");
    const Settings own = command.given.of(environment_group(environment_));
    for (const auto& [key, value] : own.values()) settings_.set(key, value);
}

std::unique_ptr<Batch> Player::make_batch(const BatchOptions& options) const {
    return flockstep::make_batch(environment_, options, settings_);
}

std::function<void()> Player::acting(Batch& batch, bool deterministic) const {
    if (archive_) return trained_policy(*archive_, batch, batch.options().seed, deterministic);
    return scripted_policy(batch, policy_);
}

}  // namespace flockstep
