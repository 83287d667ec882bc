#include "trainer/algorithm/check_batch.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace flockstep {

std::unique_ptr<Batch> check_batch(std::unique_ptr<Batch> batch, const TrainConfig& config) {
    const BatchOptions& options = batch->options();
    if (options.num_envs != config.num_envs)
        throw std::invalid_argument("num_envs: the batch has " + std::to_string(options.num_envs) + " worlds, want " +
                                    std::to_string(config.num_envs));
    if (options.autoreset_mode != AutoresetMode::same_step || options.final_observation == FinalObservation::none)
        throw std::invalid_argument(
            "training needs a batch that resets in the same step and keeps final observations: see training_options()");
    for (const char* output : {"reward", "terminated", "truncated", "active"}) batch->output(output);
    return batch;
}

int segment_steps(const Batch& batch, const TrainConfig& config) {
    const auto found = batch.settings().values().find("max_episode_steps");
    if (found == batch.settings().values().end()) return config.num_steps;
    return int(std::min<int64_t>(config.num_steps, std::stoll(to_text(found->second))));
}

}  // namespace flockstep
