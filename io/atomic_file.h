#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

/// Atomic file writing. Everything Flockstep writes as a whole goes through write_file().
///
///   write_file("runs/pursuit/config.toml", "seed = 1\n");
namespace flockstep {

/// Writes a file, the concatenation of `pieces`: to `path`.partialPID first, then fsync, rename, and fsync of the
/// folder. Readers of `path` see either the old file or the new one, even if the process or the machine crashes. Keeps
/// the permissions of the file it replaces. Follows symbolic links. Anything but a regular file (a terminal, a pipe,
/// /dev/null) is written to, not replaced. Throws std::runtime_error, "run/config.toml: cannot be written: No space
/// left on device", and leaves nothing behind. If `previous` is given, the old file is kept under that name, which must
/// be on the same file system.
void write_file(const std::filesystem::path& path, const std::vector<std::string_view>& pieces,
                const std::filesystem::path& previous = {});
void write_file(const std::filesystem::path& path, std::string_view text);

/// Removes the partial files that killed processes have left in a folder. Call it only if no other process can be
/// writing there. Files that cannot be removed stay.
void remove_partial_files(const std::filesystem::path& folder);

}  // namespace flockstep
