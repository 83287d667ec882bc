#include "sim/engine/batch_config.h"

#include <algorithm>
#include <stdexcept>

namespace flockstep {

namespace {
std::map<std::string, DType> read_dtypes(const StringList& words) {
    std::map<std::string, DType> dtypes;
    for (const std::string& word : words) {
        const size_t equals = word.find('=');
        dtypes[equals == std::string::npos ? "*" : word.substr(0, equals)] =
            observation_dtype(word.substr(equals == std::string::npos ? 0 : equals + 1));
    }
    return dtypes;
}

std::map<std::string, std::string> read_scripted(const StringList& words) {
    std::map<std::string, std::string> scripted;
    for (const std::string& word : words) {
        const size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0 || equals + 1 == word.size())
            throw std::invalid_argument("scripted: got " + in_quotes(word) + ", want ROLE=POLICY or ROLE=none");
        scripted[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return scripted;
}
}  // namespace

BatchOptions to_options(const BatchConfig& config) {
    BatchOptions options;
    options.num_envs = config.num_envs;
    options.device = find_device(config.device.str());
    options.seed = uint64_t(config.seed);
    options.autoreset_mode = config.autoreset_mode;
    options.stagger_episodes = config.stagger_episodes;
    options.statistics = config.statistics;
    options.outputs = {config.outputs.begin(), config.outputs.end()};
    options.dtypes = read_dtypes(config.dtype);
    options.plan = config.plan.str();
    options.illegal_actions = config.illegal_actions;
    options.scripted = read_scripted(config.scripted);
    return options;
}

}  // namespace flockstep
