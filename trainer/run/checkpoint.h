#pragma once

#include "trainer/run/checkpoint_info.h"

namespace flockstep {

class Policy;
/// A policy's parameters and, for training, Adam's moments, under "role.parameter.", "role.first_moment." and
/// "role.second_moment.". Both synchronise. restore_policy throws std::invalid_argument if shapes differ,
/// DamagedCheckpoint if a number is not finite.
void save_policy(Archive& archive, const Policy& policy, Memory& memory);
void restore_policy(const Archive& archive, Policy& policy, Memory& memory, bool with_moments);

/// Compares the network described by the metadata with the stored parameters, before memory is allocated for it. Throws
/// std::invalid_argument if they differ.
void check_policy(const Archive& archive, const PolicySpec& spec, const TrainConfig& config);

/// Progress of training, in addition to CheckpointInfo.
struct TrainingProgress {
    int64_t env_steps = 0;  // of each world
    int64_t optimiser_steps = 0;
    double agent_steps = 0;  // of active agents
};
void save_progress(Archive& archive, const TrainingProgress& progress);
/// num_envs: of the trainer that resumes. Throws DamagedCheckpoint for negative or impossibly large counts.
TrainingProgress read_progress(const Archive& archive, int64_t num_envs);

}  // namespace flockstep
