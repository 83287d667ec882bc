#include "trainer/run/metrics_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "io/atomic_file.h"
#include "io/read_file.h"

namespace flockstep {

namespace {
[[noreturn]] void fail(const std::filesystem::path& path) {
    throw std::runtime_error(path.string() + ": cannot be written: " + strerror(errno));
}

int64_t integer(const Json& line, const char* key) {
    const auto found = line.find(key);
    return found != line.end() && found->is_number_integer() ? found->get<int64_t>() : -1;
}
bool is_record(const Json& line, const char* kind) {
    const auto found = line.find("record");
    return found != line.end() && *found == kind;
}
}  // namespace

MetricsFile::MetricsFile(const std::filesystem::path& path, int64_t iterations) : path_(path) {
    if (std::filesystem::is_regular_file(path)) cut(iterations);
    file_ = std::fopen(path.c_str(), "ab");
    if (!file_) fail(path);
}
MetricsFile::~MetricsFile() {
    const bool has_failed = std::ferror(file_) != 0;  // which was said
    if (std::fclose(file_) != 0 && !has_failed)
        std::fprintf(stderr, "%s: cannot be written: %s\n", path_.c_str(), strerror(errno));
}

void MetricsFile::cut(int64_t iterations) {
    constexpr int levels = 8;
    const std::string text = read_file(path_);
    size_t kept = 0;
    for (size_t end; (end = text.find('\n', kept)) != std::string::npos; kept = end + 1) {
        const Json line = parse_json(std::string_view(text).substr(kept, end - kept), levels);
        if (!line.is_object() || integer(line, "iterations") > iterations) break;
        if (is_record(line, "training")) last_training_ = integer(line, "iterations");
        if (is_record(line, "evaluation")) last_evaluation_ = integer(line, "iterations");
    }
    if (kept < text.size()) write_file(path_, std::string_view(text).substr(0, kept));
}

void MetricsFile::write(const Json& line) {
    const std::string text = to_line(line) + "\n";
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0) fail(path_);
}

void MetricsFile::sync() {
    if (fsync(fileno(file_)) != 0 && errno != EINVAL && errno != EROFS) fail(path_);
}

}  // namespace flockstep
