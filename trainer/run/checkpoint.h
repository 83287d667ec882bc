#pragma once

#include "trainer/run/checkpoint_info.h"

namespace flockstep {

class Policy;
/// A policy's parameters and, for training, Adam's moments, under "role.parameter.", "role.first_moment." and
/// "role.second_moment.". These wait for the device. restore_policy throws std::invalid_argument where shapes differ,
/// DamagedCheckpoint where a number is not finite.
void save_policy(Archive& archive, const Policy& policy, Memory& memory);
void restore_policy(const Archive& archive, Policy& policy, Memory& memory, bool with_moments);

/// Compares the network that the metadata describe with the parameters that are there, before memory for it is
/// allocated. Throws std::invalid_argument where they differ.
void check_policy(const Archive& archive, const PolicySpec& spec, const TrainConfig& config);

/// How far training has come, besides what is in CheckpointInfo.
struct TrainingProgress {
    int64_t env_steps = 0;  // of each world
    int64_t optimiser_steps = 0;
    double agent_steps = 0;  // of active agents
};
void save_progress(Archive& archive, const TrainingProgress& progress);
/// num_envs: of the trainer that goes on. Throws DamagedCheckpoint for negative counts and impossibly large ones.
TrainingProgress read_progress(const Archive& archive, int64_t num_envs);

}  // namespace flockstep
