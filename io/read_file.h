#pragma once

#include <string>

/// Reading whole files.
///
///   const std::string text = read_file("maps/warehouse.map");
namespace flockstep {

/// Maximum file size in bytes.
constexpr size_t max_file_bytes = size_t{1} << 30;

/// All bytes of a regular file; follows links. Throws std::invalid_argument: "maps/none.map: got no such file or
/// directory, want a regular file that can be read". Pipes, devices, folders and files of more than max_file_bytes are
/// rejected without being read.
std::string read_file(const std::string& path);

}  // namespace flockstep
