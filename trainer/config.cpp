#include "trainer/config.h"

#include <algorithm>
#include <iterator>

namespace flockstep {

void refuse_in_group(const std::string& group, const std::string& key) {
    throw std::invalid_argument("groups." + group + "." + key + ": " + key +
                                " is a setting of the whole run, want it outside of [groups." + group + "]");
}

bool TrainConfig::is_of_run(std::string_view key) {
    return std::find(std::begin(settings_of_run), std::end(settings_of_run), key) != std::end(settings_of_run);
}

void TrainConfig::set_group(const std::string& name, Settings given) {
    for (const auto& [key, value] : given.values())
        if (is_of_run(key)) refuse_in_group(name, key);
    TrainConfig config = *this;
    try {
        read_config(config, given);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument("groups." + name + "." + error.what());
    }
    std::vector<std::string> known;
    for (const FieldDescription& field : describe_config<TrainConfig>()) known.push_back(field.name);
    given.reject_unknown_keys("groups." + name, known);
    const Settings read = write_config(config);
    for (const auto& [key, value] : given.values()) group_settings[name][key] = read.values().at(key);
}

TrainConfig TrainConfig::of_group(const std::string& name) const {
    TrainConfig config = *this;
    config.group_settings.clear();
    const auto own = group_settings.find(name);
    if (own == group_settings.end()) return config;
    Settings settings;
    for (const auto& [key, value] : own->second) settings.set(key, value);
    read_config(config, settings);
    return config;
}

BatchOptions training_options(const TrainConfig& config, Device device) {
    BatchOptions options;
    options.num_envs = config.num_envs;
    options.device = device;
    options.seed = uint64_t(config.seed);
    options.stagger_episodes = config.stagger_episodes;
    options.final_observation = FinalObservation::truncated;
    return options;
}

}  // namespace flockstep
