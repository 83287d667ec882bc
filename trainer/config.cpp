#include "trainer/config.h"

namespace flockstep {

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
