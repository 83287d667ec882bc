#pragma once

#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "sim/engine/batch.h"

namespace flockstep {

/// A named array on the host, row-major.
using NamedArray = FieldValue;

/// Thrown for a checkpoint that is damaged, of another version, or not from Flockstep. A valid checkpoint of another
/// environment or network throws plain std::invalid_argument.
class DamagedCheckpoint : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// The contents of a checkpoint: named arrays and strings.
struct Archive {
    std::map<std::string, std::string> metadata;
    std::vector<NamedArray> arrays;
    std::string path = {};  // the file it was read from; empty: none

    /// Prefix of error messages: "checkpoint PATH: ".
    std::string place() const { return "checkpoint" + (path.empty() ? "" : " " + path) + ": "; }
    /// Null if there is no such array.
    const NamedArray* find(const std::string& name) const;
    /// Throws std::invalid_argument if the array is missing or has another dtype or shape.
    const NamedArray& expect(const std::string& name, DType dtype, const std::vector<int64_t>& shape) const;
    /// An array of float32, float64 or int64; throws DamagedCheckpoint unless all elements are finite and within low ..
    /// high.
    const NamedArray& expect_numbers(const std::string& name, DType dtype, const std::vector<int64_t>& shape,
                                     double low = -std::numeric_limits<double>::infinity(),
                                     double high = std::numeric_limits<double>::infinity()) const;
    const std::string& text(const std::string& name) const;
    void add(const std::string& name, DType dtype, std::vector<int64_t> shape, const void* data);
};

/// Index of the first number of an array of float32, float64 or int64 that is not finite or not within low .. high; -1:
/// there is none. And number `i` of an array of float32 or float64.
int64_t find_wrong_number(const NamedArray& array, double low, double high);
double number_at(const NamedArray& array, int64_t i);

/// Atomically writes a safetensors file (io/safetensors.h). If `previous` is given, the file that is replaced is kept
/// under that name. Throws std::runtime_error that names the file.
void write_archive(const std::string& path, const Archive& archive, const std::string& previous = {});
/// Reads the metadata and the arrays that `wants` accepts (null: all). Throws DamagedCheckpoint that names the file and
/// what is wrong with it.
Archive read_archive(const std::string& path, const ArrayFilter& wants = nullptr);

}  // namespace flockstep
