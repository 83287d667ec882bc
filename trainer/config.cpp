#include "trainer/config.h"

#include <charconv>
#include <stdexcept>

namespace flockstep {

BatchOptions training_options(const TrainConfig& config, Device device) {
    BatchOptions options;
    options.num_envs = config.num_envs;
    options.device = device;
    options.seed = uint64_t(config.seed);
    options.spread_phases = config.spread_phases;
    options.final_observation = FinalObservation::truncated;
    return options;
}

std::vector<int> layer_widths(const char* field, const std::string& text) {
    std::vector<int> widths;
    const char *at = text.data(), *end = at + text.size();
    while (at < end) {
        int width = 0;
        const auto [next, error] = std::from_chars(at, end, width);
        if (error != std::errc() || width < 1 || width > 65536 || (next < end && *next != ',')) break;
        widths.push_back(width);
        if (next == end) return widths;
        at = next + 1;
        while (at < end && *at == ' ') ++at;
    }
    throw std::invalid_argument(std::string(field) + ": got " + in_quotes(text) +
                                ", want widths from 1 to 65536 with commas between, such as 64,64");
}

}  // namespace flockstep
