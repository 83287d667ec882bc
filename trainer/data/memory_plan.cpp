#include "trainer/data/memory_plan.h"

#include "sim/engine/batch_memory.h"

namespace flockstep {

namespace {
constexpr double row_bytes =
    5 * 4 + 4 + 3;  // per agent-step of the rollout buffer: five floats, the action, three flags
}  // namespace

double training_bytes(const Batch& world, const TrainConfig& config) {
    double seen = 0;
    for (const auto* tensors : {&world.observations(), &world.action_masks()})
        for (const Tensor& tensor : *tensors) seen += double(tensor.bytes());
    return batch_bytes(world) + config.num_steps * (seen + world.num_agents() * row_bytes);
}

}  // namespace flockstep
