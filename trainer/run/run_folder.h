#pragma once

#include <filesystem>
#include <string>

namespace flockstep {

/// The folder of one training run: config.toml, metrics.jsonl, checkpoint.safetensors, TensorBoard events, replay.html.
class RunFolder {
  public:
    /// Makes `parent/NAME-YYYYMMDD-HHMMSS`, with -2, -3, ... behind it where that exists: nothing is overwritten.
    /// Throws std::runtime_error if it cannot be made.
    static RunFolder create(const std::filesystem::path& parent, const std::string& name);
    /// One that is there. Throws std::invalid_argument if it is no run folder or has no checkpoint.
    static RunFolder open(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path config() const { return path_ / "config.toml"; }
    std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
    std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
    std::filesystem::path replay() const { return path_ / "replay.html"; }

  private:
    explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// The checkpoint of a run folder, or the file itself. Throws std::invalid_argument where there is none.
std::string find_checkpoint(const std::string& file_or_run);

}  // namespace flockstep
