#pragma once

#include "sim/cuda/grid_group.cuh"
#include "sim/cuda/step_kernels.cuh"

/// The kernel of kind grid.
namespace flockstep {

/// Steps one world at a time with the whole grid; state is accessed in global memory.
template <class Env>
__global__ void __launch_bounds__(256)
    grid_kernel(const __grid_constant__ EngineView<Env> e, const __grid_constant__ StagingPlan plan, const Work work) {
    static_assert(sizeof(GridGroup::Exchange) <= grid_exchange_bytes);
    auto& exchange = *reinterpret_cast<GridGroup::Exchange*>(plan.global + plan.bytes);
    for (int64_t env = 0; env < e.num_envs; ++env) {
        if (work.mask && !work.mask[env]) continue;
        GridGroup group(exchange);
        EnvMemory<Env> memory = block_memory<1>(e, plan, plan.global, env, 0, false);
        memory.tile = e.tiles + env * e.world_bytes;
        WorldEngine<Env, GridGroup> world(group, e, e.config, env, memory);
        if (work.operation == Operation::step) {
            WorldEngine<Env, GridGroup>::fetch_actions(group, e, env, memory);
            group.sync();
            world.step();
        } else {
            world.run(work);
        }
        group.sync();
    }
}

template <class Env>
const void* grid_kernel_of() {
    return reinterpret_cast<const void*>(grid_kernel<Env>);
}

}  // namespace flockstep
