#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/engine/batch.h"
#include "trainer/config.h"
#include "trainer/rollout.h"

namespace flockstep {

/// A named array on the host, row-major.
using NamedArray = FieldValue;

/// What a checkpoint file holds: named arrays and texts. The file is safetensors (data only, never code; any
/// safetensors reader opens it): 8 bytes length of the header, a JSON header, the bytes.
struct Archive {
    std::map<std::string, std::string> metadata;
    std::vector<NamedArray> arrays;

    /// Null if there is none.
    const NamedArray* find(const std::string& name) const;
    /// Throws std::invalid_argument that says what is missing, or what was got and wanted.
    const NamedArray& expect(const std::string& name, DType dtype, const std::vector<int64_t>& shape) const;
    const std::string& text(const std::string& name) const;
    void add(const std::string& name, DType dtype, std::vector<int64_t> shape, const void* data);
};

/// By write_file (io/atomic_file.h): a reader finds the old file or the new one. Throws std::runtime_error that names
/// the file.
void write_archive(const std::string& path, const Archive& archive);
/// The checkpoint of a run folder, or the file itself. Throws std::invalid_argument where there is none.
std::string find_checkpoint(const std::string& file_or_run);
/// Throws std::invalid_argument that names the file and what is wrong with it.
Archive read_archive(const std::string& path);

inline constexpr int checkpoint_version = 2;

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
