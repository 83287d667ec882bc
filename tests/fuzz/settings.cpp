#include "envs/pathfinding/settings.h"

#include <algorithm>

#include "envs/pathfinding/map.h"
#include "io/toml.h"
#include "sim/contract/loader.h"
#include "tests/fuzz/targets.h"
#include "trainer/config.h"

namespace flockstep::fuzz {

namespace {
/// The last value of each key. Other tables' keys do not matter here.
std::map<std::string, TomlValue> values_of(const std::vector<TomlEntry>& entries) {
    std::map<std::string, TomlValue> values;
    for (const TomlEntry& entry : entries) values[entry.key] = entry.value;
    return values;
}
/// Whether to_toml can write a key as it is.
bool is_bare(const std::string& key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return c < 128 && (std::isalnum(c) || c == '_' || c == '-');
    });
}
bool has_nan(const TomlValue& value) {
    const auto* list = std::get_if<std::vector<TomlScalar>>(&value);
    const auto is_nan = [](const auto& any) {
        const auto* real = std::get_if<double>(&any);
        return real && *real != *real;
    };
    return is_nan(value) || (list && std::any_of(list->begin(), list->end(), is_nan));
}

Settings settings_of(std::string_view lines) {
    Settings settings;
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        const size_t equals = std::min(line.find('='), line.size());
        const std::string key(line.substr(0, equals));
        settings.set(key, equals < line.size() ? Value(std::string(line.substr(equals + 1))) : Value(true));
        lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    }
    return settings;
}

/// Whether `load` reads no file and makes little work.
bool is_small(const PathfindingConfig& c) {
    const int longest = std::max({c.size, c.height, c.width, c.obs_radius, c.num_maps});
    const int warehouse = std::max(
        {c.shelf_rows, c.shelf_columns, c.shelf_length, c.shelf_height, c.aisle, c.station_columns, c.station_width});
    const bool reads_file = !map_file(c.map.str()).empty() || is_scenario(c.agents_xy.str());
    return !reads_file && longest <= 64 && warehouse <= 16;
}

void load(const PathfindingConfig& config) {
    Loader loader;
    const PathfindingShared shared = load_pathfinding(config, loader);
    expect(shared.num_agents >= 1 && shared.height >= 1 && shared.width >= 1, "a world without agents or cells");
    for (int i = 0; i < int(shared.start.size()); ++i)
        expect(shared.start[i].row < shared.height && shared.start[i].column < shared.width, "an agent off the map");
}
}  // namespace

void toml(std::string_view bytes) {
    const MemoryFile file(bytes);
    std::map<std::string, TomlValue> values;
    if (!accepts([&] { values = values_of(read_toml(file.path())); })) return;
    std::erase_if(values, [](const auto& entry) { return !is_bare(entry.first) || has_nan(entry.second); });
    const MemoryFile again(to_toml(values));
    expect(accepts([&] {
               expect(values_of(read_toml(again.path())) == values, "settings that are others when read again");
           }),
           "settings that cannot be read again");
}

void settings(std::string_view bytes) {
    PathfindingConfig config;
    const bool is_read = accepts([&] {
        Settings given = settings_of(bytes);
        read_whole_config(config, given, "pathfinding");
        write_config(config);
    });
    if (is_read && is_small(config)) accepts([&] { load(config); });
    accepts([&] {
        Settings given = settings_of(bytes);
        TrainConfig training;
        read_config(training, given);
        write_config(training);
    });
}

}  // namespace flockstep::fuzz
