#include "sim/engine/batch_memory.h"

#include <algorithm>

namespace flockstep {

double batch_bytes(const Batch& batch) {
    double bytes = 0;
    for (const auto* tensors : {&batch.observations(), &batch.action_masks(), &batch.final_observations(),
                                &batch.states(), &batch.final_states(), &batch.outputs(), &batch.actions()})
        for (const Tensor& tensor : *tensors) bytes += double(tensor.bytes());
    for (const FieldInfo& field : batch.fields()) bytes += double(field.elements()) * field.element_bytes;
    return bytes;
}

void check_batch_memory(double bytes_per_env, int64_t num_envs, const std::string& what) {
    check_free_host_memory(size_t(std::min(bytes_per_env * double(num_envs), 9e18)),
                           what + " with num_envs = " + std::to_string(num_envs));
}

}  // namespace flockstep
