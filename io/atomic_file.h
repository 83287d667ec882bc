#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

/// The one way in which a file is written here.
///
///   write_file("runs/pursuit/config.toml", "seed = 1\n");
namespace flockstep {

/// Writes all of a file, `pieces` one after the other: to `path`.partialPID beside it, synced, renamed, and the folder
/// synced. A reader of `path` finds the old file or the new one, whenever the process or the machine stops. The
/// permissions of a file that is replaced are kept. A symbolic link stays, and what it points to is replaced. What is
/// no regular file (a terminal, a pipe, /dev/null) is written into instead, not replaced. Throws std::runtime_error,
/// "run/config.toml: cannot be written: No space left on device", with nothing left behind. `previous`, if not empty,
/// is where the file goes that is replaced, once the new one is written: on the same file system, in place of what is
/// there.
void write_file(const std::filesystem::path& path, const std::vector<std::string_view>& pieces,
                const std::filesystem::path& previous = {});
void write_file(const std::filesystem::path& path, std::string_view text);

/// Removes the partial files that processes which were killed while they wrote have left in a folder. To be called
/// where no other process can be writing there. What cannot be removed stays.
void remove_partial_files(const std::filesystem::path& folder);

}  // namespace flockstep
