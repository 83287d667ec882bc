#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>

/// Readers of text and files under arbitrary bytes. `make fuzz` runs each function below by libFuzzer; flockstep_tests
/// replays the inputs that it found worth keeping, tests/fuzz/corpus/NAME/*. A target throws nothing but Finding.
namespace flockstep::fuzz {

/// What a reader must not do, in words.
struct Finding : std::logic_error {
    using std::logic_error::logic_error;
};

void map(std::string_view bytes);         // MovingAI's form, POGEMA's string form and its list form
void scenario(std::string_view bytes);    // MovingAI's scenarios, on a fixed map
void yaml(std::string_view bytes);        // POGEMA's files of maps
void toml(std::string_view bytes);        // recipes, and what is read is written and read again
void settings(std::string_view bytes);    // lines `key=value`: pathfinding's settings and the data they ask for; PPO's
void checkpoint(std::string_view bytes);  // safetensors, with JSON in its metadata
void xodr(std::string_view bytes);        // OpenDRIVE, and the lines and graph of what is read
void scene(std::string_view bytes);       // driving scenes in JSON; what is read is packed, and written and read again
void scene_pool(std::string_view bytes);  // caches of scenes: as they are, and with hashes that fit

struct Target {
    const char* name;
    void (*run)(std::string_view bytes);
};
inline constexpr Target targets[] = {{"map", map},   {"scenario", scenario}, {"yaml", yaml},
                                     {"toml", toml}, {"settings", settings}, {"checkpoint", checkpoint},
                                     {"xodr", xodr}, {"scene", scene},       {"scene_pool", scene_pool}};

/// Runs a reader. It may refuse the input by std::invalid_argument, in one printable sentence; anything else that it
/// throws is a Finding. Returns whether it took the input.
bool accepts(const std::function<void()>& reader);
/// Throws a Finding unless `holds`.
void expect(bool holds, const char* what);

/// A file in memory alone, with a path as long as this lives.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes);
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile();
    std::string path() const;

  private:
    int descriptor_;
};

}  // namespace flockstep::fuzz
