#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "trainer/run/archive.h"

namespace flockstep {

/// Version of a run folder's config.toml, incremented when names or meanings of settings change.
inline constexpr int config_version = 2;

/// The folder of one training run: config.toml, metrics.jsonl, checkpoints, TensorBoard events, evaluations,
/// replay.html. Only one process trains in it at a time (run_lock.h).
class RunFolder {
  public:
    /// Creates `parent/NAME-YYYYMMDD-HHMMSS`, with a suffix -2, -3, ... if that exists: nothing is overwritten.
    /// Throws std::runtime_error if it cannot be created.
    static RunFolder create(const std::filesystem::path& parent, const std::string& name);
    /// Opens an existing run folder. Throws std::invalid_argument if it is not one.
    static RunFolder open(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path config() const { return path_ / "config.toml"; }
    std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
    std::filesystem::path checkpoint() const { return path_ / "checkpoint.safetensors"; }
    std::filesystem::path previous_checkpoint() const { return path_ / "checkpoint.previous.safetensors"; }
    std::filesystem::path best_checkpoint() const { return path_ / "checkpoint.best.safetensors"; }
    /// checkpoint-000001234567.safetensors: one of those that are all kept, after this many agent-steps.
    std::filesystem::path numbered_checkpoint(int64_t agent_steps) const;
    std::filesystem::path evaluation() const { return path_ / "evaluation.jsonl"; }
    std::filesystem::path marl_eval() const { return path_ / "marl_eval.json"; }
    std::filesystem::path replay() const { return path_ / "replay.html"; }

    /// Throws std::invalid_argument if there is no checkpoint.
    void expect_checkpoint() const;
    /// Writes a checkpoint and keeps the current one as the previous one. There is a complete checkpoint at any moment;
    /// the disk needs room for three. Throws std::runtime_error if it cannot be written; both files are then unchanged.
    void save_checkpoint(const Archive& archive) const;
    /// Reads the checkpoint. Throws DamagedCheckpoint that also says how to restore the previous one, if there is one.
    Archive load_checkpoint() const;
    /// Suffix of the message about a damaged checkpoint: how to restore the previous one; empty if there is none.
    std::string recovery_hint() const;

  private:
    explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// The checkpoint file of a run folder, or the file itself. Throws std::invalid_argument, which begins with the name of
/// the option, if there is none.
std::string find_checkpoint(const std::string& file_or_run, const std::string& option = "checkpoint");

}  // namespace flockstep
