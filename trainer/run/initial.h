#pragma once

#include <functional>
#include <string>

#include "trainer/algorithm/ppo.h"
#include "trainer/run/checkpoint_info.h"

namespace flockstep {

/// A checkpoint that a new run starts from (--initial): its policies' weights and normalisers, and the settings that
/// these belong to. Everything else is the new run's: worlds, agents, map, PPO's settings, optimiser and counters.
class Initial {
  public:
    /// A checkpoint file or its run folder. Throws std::invalid_argument.
    explicit Initial(const std::string& file_or_run);

    /// Whether a setting was asked for: of a group, or of the run if `group` is empty.
    using IsGiven = std::function<bool(const std::string& group, const std::string& key)>;
    /// Takes over the settings of the networks, the run's and those of groups, except those that were given. Throws
    /// std::invalid_argument that names a setting that was given and has another value.
    void adopt(TrainConfig& config, const IsGiven& is_given) const;
    /// Writes weights and normalisers to a trainer that has not begun. Throws std::invalid_argument if its policies, or
    /// what they see and choose, are others; the trainer must then be discarded. Waits.
    void start(Trainer& trainer) const;

    const std::string& path() const { return archive_.path; }
    const CheckpointInfo& info() const { return info_; }

  private:
    void adopt_group(TrainConfig& config, const std::string& name, const IsGiven& is_given) const;
    Archive archive_;
    CheckpointInfo info_;
};

}  // namespace flockstep
