#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace flockstep {

/// Blocks with a world that reaches its time limit in the next step start before the others: a reset takes several
/// times as long as a step, and the GPU would otherwise idle until the last of them is done. The lists are rebuilt
/// before every step; they affect when a block is stepped, never its results.
struct EarlyBlocks {
    const char* elapsed;           // steps since the reset, of tile 0: int32 [tile_worlds]
    int world_bytes, tile_worlds;  // other tiles follow every tile_worlds * world_bytes
    int worlds;                    // of a block
    int capacity;                  // blocks that the list has room for; 0: every block is stepped in its turn
    int32_t* block;                // [capacity], -1 where there is none
    int32_t* count;                // [1], 0 between steps
    uint8_t* is_early;             // [blocks]
};

/// Fills the lists. Blocks beyond `capacity`, and a partial last block, run with the others. Does not wait.
void find_early_blocks(const EarlyBlocks& early, int64_t num_envs, int64_t blocks, int time_limit, cudaStream_t stream);

}  // namespace flockstep
