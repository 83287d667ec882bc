#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/gymnasium_id.h"
#include "sim/contract/tool.h"
#include "sim/engine/batch.h"

namespace flockstep {

class SharedData;

struct Replay;

/// Draws the current state of world `env`, from Batch::get_field and outputs: appends one frame to `replay` and, if it
/// is the first one, fills in the scene and the entities. The caller adds the frame's reward and captions. Waits.
using DrawWorld = void (*)(Batch& batch, int64_t env, Replay& replay);

/// An id of an environment in Gymnasium's registry, without the namespace, and its preset settings.
struct GymnasiumEntry {
    std::string id;     // Name-v0
    Settings settings;  // preset values, with the types of their fields
};

/// What lists and help texts show about an environment, how replays draw it, and its ids and tools.
struct EnvironmentInfo {
    std::string summary;
    std::vector<FieldDescription> fields;
    DrawWorld draw = nullptr;  // null if the environment has no drawing
    std::vector<GymnasiumEntry> gymnasium_ids = {};
    std::vector<Tool> (*tools)() = nullptr;  // null if the environment has no commands
    Settings bench_settings = {};            // what `flockstep bench` measures; all others have their defaults
};

/// The default id of an environment: mpe_spread -> MpeSpread-v0.
std::string default_gymnasium_id(const std::string& name);

/// Preset settings, with the types of `Config`'s fields; `owner` starts the error message. Throws std::invalid_argument
/// for unknown or invalid settings.
template <class Config>
Settings read_preset_settings(std::span<const PresetSetting> presets, const std::string& owner) {
    Settings settings;
    for (const PresetSetting& setting : presets)
        if (setting.name) settings.set(setting.name, std::string(setting.value));
    Settings typed = settings;
    Config config;
    read_whole_config(config, settings, owner);
    const Settings whole = write_config(config);
    for (const auto& [name, text] : settings.values()) typed.set(name, whole.values().at(name));
    return typed;
}

/// Parses an id's preset settings for `Config`. Throws std::invalid_argument for unknown or invalid settings.
template <class Config>
GymnasiumEntry read_gymnasium_id(const GymnasiumId& given) {
    return {given.id, read_preset_settings<Config>(given.settings, given.id)};
}

/// One registered environment: its description, its settings, and how to make batches of it.
struct EnvironmentEntry {
    using Make = std::unique_ptr<Batch> (*)(const BatchOptions&, const Settings&);
    using LoadShared = std::shared_ptr<const SharedData> (*)(const Settings&);
    std::string name;
    EnvironmentInfo info;
    Make make_host, make_cuda;  // make_cuda is null in a build without CUDA
    LoadShared load_shared;
    bool is_test = false;  // not part of the product: omitted from lists
};

class Registry {
  public:
    /// Throws std::invalid_argument for a Gymnasium id that another environment already uses.
    void add(EnvironmentEntry entry);
    const std::vector<EnvironmentEntry>& entries() const { return entries_; }
    /// Throws std::invalid_argument that lists the known environments.
    const EnvironmentEntry& find(const std::string& name) const;

  private:
    std::vector<EnvironmentEntry> entries_;
};

/// The environments of the product; tests add their own.
Registry& registry();
/// Defined by the generated list of envs/CMakeLists.txt.
void register_product_environments(Registry& registry);

/// Makes a batch of a registered environment on options.device. Throws std::invalid_argument for an invalid name,
/// option or setting, std::runtime_error for problems of the machine (memory, device).
std::unique_ptr<Batch> make_batch(const std::string& name, const BatchOptions& options, const Settings& settings);

/// Preloads an environment's shared data, on any thread: while the returned pointer is alive, make_batch and
/// Batch::replace_shared with the same settings reuse the data without waiting. Throws like make_batch.
std::shared_ptr<const SharedData> load_shared(const std::string& name, const Settings& settings);

}  // namespace flockstep
