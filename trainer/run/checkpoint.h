#pragma once

#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/rollout.h"
#include "trainer/run/archive.h"

namespace flockstep {

inline constexpr int checkpoint_version = 3;

/// What every checkpoint's metadata holds.
struct CheckpointInfo {
    std::string environment;
    Settings environment_settings;
    TrainConfig config;
    std::vector<PolicySpec> policies;
    int64_t iterations = 0;
    double seconds = 0;  // of training
};
/// Adds the metadata; `format_version` counts changes of the names and meanings of what policies need. The worlds' own
/// fields, which a run that goes on needs, are compared by name.
void write_info(Archive& archive, const CheckpointInfo& info);
/// Throws std::invalid_argument for archives that are no checkpoint of ours, or of another version.
CheckpointInfo read_info(const Archive& archive);

class Policy;
/// A policy's parameters and, for training, Adam's moments, under "role.parameter.", "role.first_moment." and
/// "role.second_moment.". These wait for the device. restore_policy throws std::invalid_argument where shapes differ.
void save_policy(Archive& archive, const Policy& policy, Memory& memory);
void restore_policy(const Archive& archive, Policy& policy, Memory& memory, bool with_moments);

}  // namespace flockstep
