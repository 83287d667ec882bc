#pragma once

#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/data/spec.h"
#include "trainer/run/archive.h"

namespace flockstep {

inline constexpr int checkpoint_version = 5;
/// Read, too: it has no settings of groups.
inline constexpr int oldest_checkpoint_version = 4;

/// The metadata of a checkpoint.
struct CheckpointInfo {
    std::string environment;
    Settings environment_settings;
    TrainConfig config;
    std::vector<RoleRange> roles;  // of the environment in training
    std::vector<PolicySpec> policies;
    int64_t iterations = 0;
    double seconds = 0;  // of training
};
/// Adds the metadata. `format_version` is incremented when the names or meanings of what policies need change; the
/// worlds' fields, which only resuming needs, are matched by name.
void write_info(Archive& archive, const CheckpointInfo& info);
/// Validates every value before use. Throws DamagedCheckpoint that names file, key, value and what was expected:
/// "checkpoint run/checkpoint.safetensors: policies[0].actions[0].n[0]: got -1, want
/// an integer from 1 to 16777216".
CheckpointInfo read_info(const Archive& archive);

}  // namespace flockstep
