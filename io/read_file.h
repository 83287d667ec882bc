#pragma once

#include <string>

/// The one way in which a file of text or bytes is read as a whole.
///
///   const std::string text = read_file("maps/warehouse.map");
namespace flockstep {

/// The largest file that is read as a whole, in bytes.
constexpr size_t max_file_bytes = size_t{1} << 30;

/// All bytes of a regular file, links followed. Throws std::invalid_argument, one sentence that begins with the path:
/// "maps/none.map: got no such file or directory, want a regular file that can be read". Pipes, devices and folders are
/// refused without being read, so nothing waits; so is a file of more than max_file_bytes.
std::string read_file(const std::string& path);

}  // namespace flockstep
