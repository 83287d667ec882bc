#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "sim/engine/batch_config.h"
#include "trainer/run/actor.h"
#include "trainer/run/evaluate.h"

namespace flockstep {

/// Where the commands that play episodes run them.
struct PlayConfig {
    BatchConfig batch;
    PlayConfig() { batch.seed = evaluation_seed; }
    template <class F>
    void fields(F f) {
        batch.fields(only(f, {"device"}));
        f("seed", batch.seed, at_least(0),
          "of worlds and actions; the default is that of evaluations in training, whose instances it never sees");
    }
};

/// What plays: a checkpoint or a scripted policy, in an environment with its settings.
class Player {
  public:
    /// Reads the checkpoint if one is given (a file, or a run folder that holds one); the environment and its settings
    /// are then the checkpoint's, with the command's on top. Throws std::invalid_argument.
    Player(const Command& command, const std::string& policy);

    const std::string& environment() const { return environment_; }
    /// The checkpoint's file, or the scripted policy.
    const std::string& policy() const { return policy_; }
    std::unique_ptr<Batch> make_batch(const BatchOptions& options) const;
    /// Fills the batch's actions; the batch must outlive it.
    std::function<void()> acting(Batch& batch, bool deterministic) const;

  private:
    std::string environment_, policy_;
    Settings settings_;
    std::shared_ptr<Archive> archive_;
};

/// Acting by trained policies, with random numbers of the batch's seed.
std::function<void()> trained_policy(const Archive& archive, Batch& batch, bool deterministic);

}  // namespace flockstep
