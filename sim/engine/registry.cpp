#include "sim/engine/registry.h"

#include <stdexcept>

namespace flockstep {

void Registry::add(EnvironmentEntry entry) { entries_.push_back(std::move(entry)); }

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
    if (const std::string why = why_no_gpu(options.device.index); !why.empty() || !entry.make_cuda)
        throw std::invalid_argument("device: got \"" + options.device.name() + "\", which cannot be used: " + why);
    return entry.make_cuda(options, settings);
}

std::shared_ptr<const SharedData> load_shared(const std::string& name, const Settings& settings) {
    return registry().find(name).load_shared(settings);
}

}  // namespace flockstep
