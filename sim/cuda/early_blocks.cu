#include "sim/cuda/cuda_check.h"
#include "sim/cuda/early_blocks.h"

namespace flockstep {

namespace {
constexpr int threads = 256;

__device__ bool ends_next(const EarlyBlocks& early, int64_t env, int time_limit) {
    const int64_t tile = env / early.tile_worlds, index = env - tile * early.tile_worlds;
    const char* const elapsed = early.elapsed + tile * early.tile_worlds * early.world_bytes;
    return reinterpret_cast<const int32_t*>(elapsed)[index] + 1 >= time_limit;
}

__global__ void __launch_bounds__(threads) find_early_blocks_kernel(const EarlyBlocks early, const int64_t num_envs,
                                                                    const int64_t blocks, const int time_limit) {
    const int64_t block = int64_t(blockIdx.x) * threads + threadIdx.x;
    if (block >= blocks) return;
    const int64_t first = block * early.worlds, last = first + early.worlds;
    bool is_early = false;
    if (last <= num_envs)
        for (int64_t env = first; env < last; ++env) is_early |= ends_next(early, env, time_limit);
    if (is_early) {
        const int index = atomicAdd(early.count, 1);
        is_early = index < early.capacity;
        if (is_early) early.block[index] = int32_t(block);
    }
    early.is_early[block] = is_early;
}
}  // namespace

void find_early_blocks(const EarlyBlocks& early, int64_t num_envs, int64_t blocks, int time_limit,
                       cudaStream_t stream) {
    find_early_blocks_kernel<<<unsigned((blocks + threads - 1) / threads), threads, 0, stream>>>(early, num_envs,
                                                                                                 blocks, time_limit);
    cuda_check(cudaGetLastError(), "looking for blocks with worlds at their time limit");
}

}  // namespace flockstep
