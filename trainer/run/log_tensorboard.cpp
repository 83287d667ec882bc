#include "trainer/run/log_tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace flockstep {

namespace {
constexpr std::array<uint32_t, 256> make_crc_table() {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
        table[i] = crc;
    }
    return table;
}

/// The bytes of a number as they lie in memory, which is how files and wire hold it (little endian).
template <class T>
std::string raw(T number) {
    return {reinterpret_cast<const char*>(&number), sizeof number};
}
std::string varint(uint64_t number) {
    std::string text;
    for (; number >= 128; number >>= 7) text += char(number | 128);
    return text + char(number);
}
// Fields of a message: (number << 3 | wire type), then the value.
std::string varint_field(int number, uint64_t value) { return varint(uint64_t(number) << 3 | 0) + varint(value); }
std::string double_field(int number, double value) { return varint(uint64_t(number) << 3 | 1) + raw(value); }
std::string bytes_field(int number, const std::string& value) {
    return varint(uint64_t(number) << 3 | 2) + varint(value.size()) + value;
}
std::string float_field(int number, float value) { return varint(uint64_t(number) << 3 | 5) + raw(value); }

double wall_time() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}
}  // namespace

uint32_t crc32c(const std::string& bytes) {
    static constexpr std::array<uint32_t, 256> table = make_crc_table();
    uint32_t crc = ~0u;
    for (const char byte : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(byte)) & 255];
    return ~crc;
}

uint32_t masked_crc32c(const std::string& bytes) {
    const uint32_t crc = crc32c(bytes);
    return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

namespace {
/// Seconds for the name of the next file: TensorBoard reads files by name, and two processes may start in one second.
int64_t next_time(const std::filesystem::path& folder) {
    const std::string prefix = "events.out.tfevents.";
    auto time = int64_t(wall_time());
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string name = entry.path().filename();
        if (name.rfind(prefix, 0) == 0) time = std::max<int64_t>(time, std::atoll(name.c_str() + prefix.size()) + 1);
    }
    return time;
}
}  // namespace

TensorBoardFile::TensorBoardFile(const std::filesystem::path& folder, int64_t restart_step) {
    constexpr int start = 1;  // SessionLog.status
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    path_ = folder /
            ("events.out.tfevents." + std::to_string(next_time(folder)) + "." + host + "." + std::to_string(getpid()));
    file_ = std::fopen(path_.c_str(), "ab");
    if (!file_) throw std::runtime_error(path_ + ": cannot be opened: " + strerror(errno));
    write(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2"));
    if (restart_step >= 0)
        write(double_field(1, wall_time()) + varint_field(2, uint64_t(restart_step)) +
              bytes_field(7, varint_field(1, start)));
}

TensorBoardFile::~TensorBoardFile() {
    const bool has_failed = std::ferror(file_) != 0;  // which was said
    if (std::fclose(file_) != 0 && !has_failed)
        std::fprintf(stderr, "%s: cannot be written: %s\n", path_.c_str(), strerror(errno));
}

void TensorBoardFile::write(const std::string& event) {
    const std::string length = raw(uint64_t(event.size()));
    const std::string frame = length + raw(masked_crc32c(length)) + event + raw(masked_crc32c(event));
    std::fwrite(frame.data(), 1, frame.size(), file_);
}

void TensorBoardFile::add(const std::string& tag, int64_t step, double value) {
    const std::string summary = bytes_field(1, bytes_field(1, tag) + float_field(2, float(value)));
    write(double_field(1, wall_time()) + varint_field(2, uint64_t(step)) + bytes_field(5, summary));
}

void TensorBoardFile::flush() {
    if (std::fflush(file_) != 0 || std::ferror(file_))
        throw std::runtime_error(path_ + ": cannot be written: " + strerror(errno));
}

}  // namespace flockstep
