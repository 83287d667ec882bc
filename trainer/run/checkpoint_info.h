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
/// Every value is checked here, once, before anything is made of it. Throws DamagedCheckpoint that names the file, the
/// value, what it is and what was wanted: "checkpoint run/checkpoint.safetensors: policies[0].num_actions: got -1, want
/// an integer from 1 to 16777216".
CheckpointInfo read_info(const Archive& archive);

}  // namespace flockstep
