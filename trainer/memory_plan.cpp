#include "trainer/memory_plan.h"

namespace flockstep {

namespace {
constexpr double row_bytes =
    5 * 4 + 4 + 3;  // per agent-step of the rollout buffer: five floats, the action, three flags

double bytes_of(const std::vector<Tensor>& tensors) {
    double bytes = 0;
    for (const Tensor& tensor : tensors) bytes += double(tensor.bytes());
    return bytes;
}
}  // namespace

double training_bytes(Batch& world, const TrainConfig& config) {
    const double seen = bytes_of(world.observations()) + bytes_of(world.action_masks());
    double bytes = seen + bytes_of(world.final_observations()) + bytes_of(world.states()) +
                   bytes_of(world.final_states()) + bytes_of(world.outputs()) + bytes_of(world.actions());
    for (const FieldInfo& field : world.fields()) bytes += double(field.elements()) * field.element_bytes;
    return bytes + config.num_steps * (seen + world.num_agents() * row_bytes);
}

}  // namespace flockstep
