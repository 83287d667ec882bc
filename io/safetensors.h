#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Safetensors files: named arrays and texts, data only, never code. A file is 8 bytes length of the header, a JSON
/// header, and the arrays' bytes, row-major and little-endian: https://github.com/huggingface/safetensors.
namespace flockstep {

/// Maximum size of a header in bytes, read or written. Parsed JSON takes about thirty times as much memory.
inline constexpr uint64_t max_safetensors_header = 16 << 20;

/// The contents of a file.
struct Safetensors {
    struct Array {
        std::string name, dtype;  // dtype: "F32", "U8", ...
        std::vector<int64_t> shape;
        std::vector<char> bytes;
    };
    std::map<std::string, std::string> metadata;
    std::vector<Array> arrays;  // in the order of their bytes
};

/// Whether an array of this name is to be read.
using ArrayFilter = std::function<bool(const std::string& name)>;

/// An array to write; a view of its bytes.
struct SafetensorsView {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::string_view bytes;
};

/// Reads the header and the arrays that `wants` accepts (null: all); of the others no byte is read. Throws
/// std::invalid_argument, "PATH: it ends before the array x does: the file is cut short", if it cannot be read, is
/// damaged, or a shape does not match its bytes. Every byte after the header must belong to exactly one array, as the
/// format requires, so no more is allocated than the size of the file and its header as JSON.
Safetensors read_safetensors(const std::string& path, const ArrayFilter& wants = nullptr);

/// Writes a file by write_file (io/atomic_file.h), with the same `previous` and errors.
void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::vector<SafetensorsView>& arrays, const std::string& previous = {});

}  // namespace flockstep
