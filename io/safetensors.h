#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Safetensors files: named arrays and texts, data only, never code. A file is 8 bytes length of the header, a JSON
/// header, and the arrays' bytes, row-major and little-endian: https://github.com/huggingface/safetensors.
namespace flockstep {

/// Longest header that is written or read, in bytes; as JSON in memory it takes some thirty times as much.
inline constexpr uint64_t max_safetensors_header = 16 << 20;

/// What a file holds.
struct Safetensors {
    struct Array {
        std::string name, dtype;  // dtype: "F32", "U8", ...
        std::vector<int64_t> shape;
        std::vector<char> bytes;
    };
    std::map<std::string, std::string> metadata;
    std::vector<Array> arrays;  // in the order of their bytes
};

/// An array that is to be written; the bytes are somebody else's.
struct SafetensorsView {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::string_view bytes;
};

/// Reads all of a file, each array straight into its memory. Throws std::invalid_argument, "PATH: it ends before the
/// array x does: the file is cut short", for what cannot be read, is damaged, or has arrays that do not fit their
/// bytes. As the format demands, every byte after the header belongs to exactly one array, so what is allocated is
/// never more than the file's size and its header as JSON.
Safetensors read_safetensors(const std::string& path);

/// By write_file (io/atomic_file.h), with what is replaced kept as `previous`, and throws as that does.
void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::vector<SafetensorsView>& arrays, const std::string& previous = {});

}  // namespace flockstep
