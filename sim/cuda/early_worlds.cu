#include "sim/cuda/cuda_check.h"
#include "sim/cuda/early_worlds.h"

namespace flockstep {

namespace {
constexpr int threads = 256;

__global__ void __launch_bounds__(threads)
    find_early_worlds_kernel(const EarlyWorlds early, const int64_t num_envs, const int time_limit) {
    const int64_t env = int64_t(blockIdx.x) * threads + threadIdx.x;
    if (env >= num_envs) return;
    bool is_early = *reinterpret_cast<const int32_t*>(early.elapsed + env * early.world_bytes) + 1 >= time_limit;
    if (is_early) {
        const int place = atomicAdd(early.count, 1);
        is_early = place < early.most;
        if (is_early) early.world[place] = int32_t(env);
    }
    early.is_early[env] = is_early;
}
}  // namespace

void find_early_worlds(const EarlyWorlds& early, int64_t num_envs, int time_limit, cudaStream_t stream) {
    find_early_worlds_kernel<<<unsigned((num_envs + threads - 1) / threads), threads, 0, stream>>>(early, num_envs,
                                                                                                   time_limit);
    cuda_check(cudaGetLastError(), "looking for worlds at their time limit");
}

}  // namespace flockstep
