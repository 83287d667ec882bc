#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace flockstep {

/// Worlds whose episode the time limit ends with the next step, so that blocks of their own begin with them: a reset
/// takes several times as long as a step, and the GPU would else stand still until the last of them is done. The lists
/// are made anew before every step; they decide when a world is stepped, never what happens in it.
struct EarlyWorlds {
    const char* elapsed;  // world 0's steps since its reset, int32; others follow every `world_bytes`
    int world_bytes;
    int most;           // 0: every world is stepped in its turn
    int32_t* world;     // [most], -1 where there is none
    int32_t* count;     // [1], 0 between steps
    uint8_t* is_early;  // [num_envs]
};

/// Fills the lists. Worlds beyond `most` have their turn with the others.
void find_early_worlds(const EarlyWorlds& early, int64_t num_envs, int time_limit, cudaStream_t stream);

}  // namespace flockstep
