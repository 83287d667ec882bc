#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace flockstep {

/// Blocks with a world whose episode the time limit ends with the next step begin before the others: a reset takes
/// several times as long as a step, and the GPU would else stand still until the last of them is done. The lists are
/// made anew before every step; they decide when a block is stepped, never what happens in it.
struct EarlyBlocks {
    const char* elapsed;           // of tile 0: steps since the reset, int32 [tile_worlds]
    int world_bytes, tile_worlds;  // other tiles follow every tile_worlds * world_bytes
    int worlds;                    // of a block
    int most;                      // blocks that the list has room for; 0: every block is stepped in its turn
    int32_t* block;                // [most], -1 where there is none
    int32_t* count;                // [1], 0 between steps
    uint8_t* is_early;             // [blocks]
};

/// Fills the lists. Blocks beyond `most`, and one that is not full, have their turn with the others. Does not wait.
void find_early_blocks(const EarlyBlocks& early, int64_t num_envs, int64_t blocks, int time_limit, cudaStream_t stream);

}  // namespace flockstep
