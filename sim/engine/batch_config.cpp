#include "sim/engine/batch_config.h"

#include <algorithm>
#include <stdexcept>

namespace flockstep {

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> words;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t comma = std::min(text.find(',', begin), text.size());
        const size_t first = text.find_first_not_of(" \t", begin),
                     last = text.find_last_not_of(" \t", comma == 0 ? 0 : comma - 1);
        if (first < comma) words.push_back(text.substr(first, last + 1 - first));
        begin = comma + 1;
    }
    return words;
}

namespace {
std::map<std::string, DType> read_dtypes(const std::string& text) {
    std::map<std::string, DType> dtypes;
    for (const std::string& word : split_list(text)) {
        const size_t equals = word.find('=');
        dtypes[equals == std::string::npos ? "*" : word.substr(0, equals)] =
            observation_dtype(word.substr(equals == std::string::npos ? 0 : equals + 1));
    }
    return dtypes;
}

std::map<std::string, std::string> read_scripted(const std::string& text) {
    std::map<std::string, std::string> scripted;
    for (const std::string& word : split_list(text)) {
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
    options.spread_phases = config.spread_phases;
    options.statistics = config.statistics;
    options.outputs = split_list(config.outputs.str());
    options.dtypes = read_dtypes(config.dtype.str());
    options.plan = config.plan.str();
    options.illegal_actions = config.illegal_actions;
    options.scripted = read_scripted(config.scripted.str());
    return options;
}

}  // namespace flockstep
