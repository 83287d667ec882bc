#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

namespace flockstep {

/// Writes scalars to a TensorBoard event file: TFRecord frames (length, masked CRC-32C of the length, data, masked
/// CRC-32C of the data) that each hold one Event message, in protocol buffers' wire format. Sources:
/// tensorboard/compat/proto/event.proto and summary.proto; tensorflow/core/lib/io/record_writer.
class TensorBoardFile {
  public:
    /// Creates `folder/events.out.tfevents.TIME.HOST.PROCESS`, behind the files that are there in the order in which
    /// TensorBoard reads them. `restart_step`: if >= 0, the first event is a SessionLog START at that step: TensorBoard
    /// drops the points of earlier files from there on. Throws std::runtime_error if the file cannot be written.
    explicit TensorBoardFile(const std::filesystem::path& folder, int64_t restart_step = -1);
    ~TensorBoardFile();
    TensorBoardFile(const TensorBoardFile&) = delete;
    TensorBoardFile& operator=(const TensorBoardFile&) = delete;

    /// Adds a point to a curve. tag: such as "train/entropy"; step: position on the x axis.
    void add(const std::string& tag, int64_t step, double value);
    /// Flushes to the operating system. Throws std::runtime_error if the disk is full.
    void flush();

  private:
    void write(const std::string& event);
    std::string path_;
    std::FILE* file_;
};

/// CRC-32C (Castagnoli) of some bytes, and the rotated form that TFRecord stores.
uint32_t crc32c(const std::string& bytes);
uint32_t masked_crc32c(const std::string& bytes);

}  // namespace flockstep
