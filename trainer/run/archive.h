#pragma once

#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/engine/batch.h"

namespace flockstep {

/// A named array on the host, row-major.
using NamedArray = FieldValue;

/// What a checkpoint that is damaged, of another version, or not Flockstep's at all throws. One that is sound but of
/// another environment or network throws std::invalid_argument.
class DamagedCheckpoint : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// Named arrays and texts, as a checkpoint holds them.
struct Archive {
    std::map<std::string, std::string> metadata;
    std::vector<NamedArray> arrays;
    std::string path = {};  // the file it was read from; empty: it comes from this process

    /// How sentences about it begin: "checkpoint PATH: ".
    std::string place() const { return "checkpoint" + (path.empty() ? "" : " " + path) + ": "; }
    /// Null if there is none.
    const NamedArray* find(const std::string& name) const;
    /// Throws std::invalid_argument that says what is missing, or what was got and wanted.
    const NamedArray& expect(const std::string& name, DType dtype, const std::vector<int64_t>& shape) const;
    /// An array of float32 or float64, all of them finite and >= `low`; throws DamagedCheckpoint where one is not.
    const NamedArray& expect_numbers(const std::string& name, DType dtype, const std::vector<int64_t>& shape,
                                     double low = -std::numeric_limits<double>::infinity()) const;
    const std::string& text(const std::string& name) const;
    void add(const std::string& name, DType dtype, std::vector<int64_t> shape, const void* data);
};

/// As a safetensors file (io/safetensors.h), whole or not at all; what it replaces is kept as `previous` unless that is
/// empty. Throws std::runtime_error that names the file.
void write_archive(const std::string& path, const Archive& archive, const std::string& previous = {});
/// Throws DamagedCheckpoint that names the file and what is wrong with it.
Archive read_archive(const std::string& path);

}  // namespace flockstep
