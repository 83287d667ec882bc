#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>

#include "io/json.h"

namespace flockstep {

/// metrics.jsonl: a JSON object per line, appended. A line reaches the operating system before write() returns.
class MetricsFile {
  public:
    /// Opens the log for a process that begins after `iterations` iterations. Lines of later iterations, which a
    /// process wrote that was killed before its next checkpoint, are removed, and so is a last line that was torn; the
    /// file is replaced atomically. Throws std::runtime_error if it cannot be written.
    MetricsFile(const std::filesystem::path& path, int64_t iterations);
    ~MetricsFile();
    MetricsFile(const MetricsFile&) = delete;
    MetricsFile& operator=(const MetricsFile&) = delete;

    void write(const Json& line);
    /// Waits until all lines are on the disk. Call it before a checkpoint is written, which must not be ahead of its
    /// log.
    void sync();
    /// Iterations of the last training record and of the last evaluation that were kept; -1: none.
    int64_t last_training() const { return last_training_; }
    int64_t last_evaluation() const { return last_evaluation_; }

  private:
    void cut(int64_t iterations);
    std::filesystem::path path_;
    std::FILE* file_ = nullptr;
    int64_t last_training_ = -1, last_evaluation_ = -1;
};

}  // namespace flockstep
