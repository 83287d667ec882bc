#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/engine/batch.h"

namespace flockstep {

/// A named array on the host, row-major.
using NamedArray = FieldValue;

/// Named arrays and texts, as a checkpoint holds them.
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

/// As a safetensors file (io/safetensors.h), whole or not at all. Throws std::runtime_error that names the file.
void write_archive(const std::string& path, const Archive& archive);
/// Throws std::invalid_argument that names the file and what is wrong with it.
Archive read_archive(const std::string& path);

}  // namespace flockstep
