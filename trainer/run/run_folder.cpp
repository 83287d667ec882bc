#include "trainer/run/run_folder.h"

#include <cstdio>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace flockstep {

namespace fs = std::filesystem;

namespace {
std::string time_stamp() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char text[32];
    std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
    return text;
}

[[noreturn]] void fail(const fs::path& path, const std::string& what, int error) {
    throw std::runtime_error(path.string() + ": " + what + ": " + strerror(error));
}
}  // namespace

RunFolder RunFolder::create(const fs::path& parent, const std::string& name) {
    std::error_code error;
    fs::create_directories(parent, error);
    if (error) fail(parent, "cannot be made", error.value());
    const std::string wanted = name + "-" + time_stamp();
    for (int number = 1;; ++number) {
        const fs::path path = parent / (number == 1 ? wanted : wanted + "-" + std::to_string(number));
        if (fs::create_directory(path, error)) return RunFolder(path);
        if (error) fail(path, "cannot be made", error.value());
    }
}

namespace {
void expect_file(const fs::path& folder, const fs::path& file, const std::string& advice) {
    if (!fs::is_regular_file(file))
        throw std::invalid_argument("resume: got \"" + folder.string() + "\", want a run folder; there is no " +
                                    file.string() + advice);
}
}  // namespace

RunFolder RunFolder::open(const fs::path& path) {
    RunFolder run(path.has_filename() ? path : path.parent_path());
    expect_file(path, run.config(), "");
    return run;
}

fs::path RunFolder::numbered_checkpoint(int64_t agent_steps) const {
    char name[64];
    std::snprintf(name, sizeof name, "checkpoint-%012lld.safetensors", static_cast<long long>(agent_steps));
    return path_ / name;
}

void RunFolder::expect_checkpoint() const { expect_file(path_, checkpoint(), recovery_hint()); }

void RunFolder::save_checkpoint(const Archive& archive) const {
    write_archive(checkpoint(), archive, previous_checkpoint());
}

Archive RunFolder::load_checkpoint() const {
    try {
        return read_archive(checkpoint());
    } catch (const DamagedCheckpoint& error) {
        throw DamagedCheckpoint(error.what() + recovery_hint());
    }
}

std::string RunFolder::recovery_hint() const {
    if (!fs::is_regular_file(previous_checkpoint())) return "";
    return "; to restore the previous checkpoint: mv " + previous_checkpoint().string() + " " + checkpoint().string();
}

std::string find_checkpoint(const std::string& file_or_run, const std::string& option) {
    const fs::path path = file_or_run, file = fs::is_directory(path) ? path / "checkpoint.safetensors" : path;
    if (!fs::is_regular_file(file))
        throw std::invalid_argument(option + ": got \"" + file_or_run +
                                    "\", want a checkpoint.safetensors or a run folder; there is no " + file.string());
    return file.string();
}

}  // namespace flockstep
