#include "sim/engine/registry.h"

#include <cctype>
#include <stdexcept>

namespace flockstep {

std::string default_gymnasium_id(const std::string& name) {
    std::string id;
    bool is_first = true;  // of a word
    for (const char c : name) {
        if (c != '_') id += is_first ? char(std::toupper(static_cast<unsigned char>(c))) : c;
        is_first = c == '_';
    }
    return id + "-v0";
}

void Registry::add(EnvironmentEntry entry) {
    for (const EnvironmentEntry& other : entries_)
        for (const GymnasiumEntry& theirs : other.info.gymnasium_ids)
            for (const GymnasiumEntry& ours : entry.info.gymnasium_ids)
                if (ours.id == theirs.id && entry.name != other.name)
                    throw std::invalid_argument("gymnasium_ids: got " + in_quotes(ours.id) + " of " + other.name +
                                                " and of " + entry.name + ", want an id of one environment");
    entries_.push_back(std::move(entry));
}

const EnvironmentEntry& Registry::find(const std::string& name) const {
    std::string known;
    for (const EnvironmentEntry& entry : entries_) {
        if (entry.name == name) return entry;
        if (!entry.is_test) known += (known.empty() ? "" : ", ") + entry.name;
    }
    throw std::invalid_argument("environment: got " + in_quotes(name) + ", want one of: " + known);
}

Registry& registry() {
    static Registry instance;
    return instance;
}

std::unique_ptr<Batch> make_batch(const std::string& name, const BatchOptions& options, const Settings& settings) {
    const EnvironmentEntry& entry = registry().find(name);
    if (!options.device.is_cuda()) return entry.make_host(options, settings);
    if (const std::string why = cuda_unavailable_reason(options.device.index); !why.empty() || !entry.make_cuda)
        throw std::invalid_argument("device: got \"" + options.device.name() + "\", which cannot be used: " + why);
    return entry.make_cuda(options, settings);
}

std::shared_ptr<const SharedData> load_shared(const std::string& name, const Settings& settings) {
    return registry().find(name).load_shared(settings);
}

}  // namespace flockstep
