#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/cli.h"
#include "sim/engine/batch_config.h"
#include "trainer/run/checkpoint_info.h"
#include "trainer/run/evaluate.h"

namespace flockstep {

/// Device and seed of the commands that play episodes.
struct PlayConfig {
    BatchConfig batch;
    PlayConfig() { batch.seed = evaluation_seed; }
    template <class F>
    void fields(F f) {
        batch.fields(only(f, {"device"}));
        f("seed", batch.seed, at_least(0),
          "seed of worlds and actions; the default is the evaluation seed of training runs, whose instances training "
          "never sees");
    }
};

/// A policy (a checkpoint's or a scripted one) and the environment with the settings that it plays.
class Player {
  public:
    /// Reads the checkpoint (a file or a run folder) if one is given. The environment and its settings are then the
    /// checkpoint's, overridden by the command's. Throws std::invalid_argument.
    Player(const Command& command, const std::string& policy);

    const std::string& environment() const { return environment_; }
    /// The checkpoint file, or the name of the scripted policy.
    const std::string& policy() const { return policy_; }
    std::unique_ptr<Batch> make_batch(const BatchOptions& options) const;
    /// Returns a function that writes the batch's actions; the batch must outlive it.
    std::function<void()> acting(Batch& batch, bool deterministic) const;

  private:
    std::string environment_, policy_;
    Settings settings_;
    std::shared_ptr<Archive> archive_;
};

}  // namespace flockstep
