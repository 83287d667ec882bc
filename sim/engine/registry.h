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

/// Draws world `env` as it is now, from Batch::get_field and outputs: appends one frame to `replay` and, where that has
/// none yet, fills in the scene and the entities first. Reward and captions of the frame are the caller's. Waits.
using DrawWorld = void (*)(Batch& batch, int64_t env, Replay& replay);

/// An id of an environment in Gymnasium's registry, without the namespace, and the settings that it stands for.
struct GymnasiumEntry {
    std::string id;     // Name-v0
    Settings settings;  // those that it gives, by the types of their fields
};

/// What lists and help texts say of an environment, how replays draw it, and what it offers beside its rules.
struct EnvironmentInfo {
    std::string summary;
    std::vector<FieldDescription> fields;
    DrawWorld draw = nullptr;  // null where the environment has no drawing
    std::vector<GymnasiumEntry> gymnasium_ids = {};
    std::vector<Tool> (*tools)() = nullptr;  // null where the environment has no commands
    Settings bench_settings = {};            // what `flockstep bench` measures it with; others are the defaults
};

/// The id that an environment has where it declares none: mpe_spread -> MpeSpread-v0.
std::string default_gymnasium_id(const std::string& name);

/// Settings of `Config` by the types of their fields; `owner` stands in front of a refusal. Throws
/// std::invalid_argument for settings that do not exist.
template <class Config>
Settings read_given_settings(std::span<const GivenSetting> given, const std::string& owner) {
    Settings settings;
    for (const GivenSetting& setting : given)
        if (setting.name) settings.set(setting.name, std::string(setting.value));
    Settings typed = settings;
    Config config;
    read_whole_config(config, settings, owner);
    const Settings whole = write_config(config);
    for (const auto& [name, text] : settings.values()) typed.set(name, whole.values().at(name));
    return typed;
}

/// An id with its settings of `Config`. Throws std::invalid_argument for settings that there are not.
template <class Config>
GymnasiumEntry read_gymnasium_id(const GymnasiumId& given) {
    return {given.id, read_given_settings<Config>(given.settings, given.id)};
}

/// One environment, by name: what it is, its settings, and how to make batches of it.
struct EnvironmentEntry {
    using Make = std::unique_ptr<Batch> (*)(const BatchOptions&, const Settings&);
    using LoadShared = std::shared_ptr<const SharedData> (*)(const Settings&);
    std::string name;
    EnvironmentInfo info;
    Make make_host, make_cuda;  // make_cuda is null in a build without CUDA
    LoadShared load_shared;
    bool is_test = false;  // not part of the product: left out of lists
};

class Registry {
  public:
    /// Throws std::invalid_argument for a Gymnasium id that another environment has.
    void add(EnvironmentEntry entry);
    const std::vector<EnvironmentEntry>& entries() const { return entries_; }
    /// Throws std::invalid_argument that names the known ones.
    const EnvironmentEntry& find(const std::string& name) const;

  private:
    std::vector<EnvironmentEntry> entries_;
};

/// The product's environments; tests add theirs.
Registry& registry();
/// Defined by the generated list of envs/CMakeLists.txt.
void register_product_environments(Registry& registry);

/// Makes a batch of a registered environment on options.device. Throws std::invalid_argument for what is wrong with the
/// name, options or settings, std::runtime_error for what is wrong with the machine (memory, device).
std::unique_ptr<Batch> make_batch(const std::string& name, const BatchOptions& options, const Settings& settings);

/// Loads an environment's shared data ahead, on any thread: make_batch and Batch::replace_shared under the same
/// settings find them there while somebody holds them, and need not wait. Throws like make_batch.
std::shared_ptr<const SharedData> load_shared(const std::string& name, const Settings& settings);

}  // namespace flockstep
