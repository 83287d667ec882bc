#pragma once

#include <filesystem>
#include <string>

#include "trainer/run/archive.h"

namespace flockstep {

/// The folder of one training run: config.toml, metrics.jsonl, checkpoint.safetensors and the one before it,
/// TensorBoard events, replay.html. One process trains in it at a time (run_lock.h).
class RunFolder {
  public:
    /// Makes `parent/NAME-YYYYMMDD-HHMMSS`, with -2, -3, ... behind it where that exists: nothing is overwritten.
    /// Throws std::runtime_error if it cannot be made.
    static RunFolder create(const std::filesystem::path& parent, const std::string& name);
    /// One that is there. Throws std::invalid_argument if it is not a run folder.
    static RunFolder open(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path config() const { return path_ / "config.toml"; }
    std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
    std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
    std::filesystem::path previous_checkpoint() const { return path_ / "checkpoint.previous.safetensors"; }
    std::filesystem::path replay() const { return path_ / "replay.html"; }

    /// Throws std::invalid_argument if there is no checkpoint.
    void expect_checkpoint() const;
    /// Writes a checkpoint; the one that is there becomes the previous one. There is a whole checkpoint at any moment;
    /// the disk needs room for three. Throws std::runtime_error where it cannot be written; then both are as they were.
    void save_checkpoint(const Archive& archive) const;
    /// Reads the checkpoint. Throws DamagedCheckpoint that also says, where there is a previous one, how to go back.
    Archive load_checkpoint() const;
    /// What to add to a sentence about a damaged checkpoint: how to go back to the previous one, if there is one.
    std::string way_back() const;

  private:
    explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// The checkpoint of a run folder, or the file itself. Throws std::invalid_argument where there is none.
std::string find_checkpoint(const std::string& file_or_run);

}  // namespace flockstep
