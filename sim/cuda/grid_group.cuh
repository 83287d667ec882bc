#pragma once

#include <cooperative_groups.h>

#include "sim/cuda/group_cuda.cuh"

/// A separate header, because cooperative_groups.h takes as long to compile as a small environment's rules.
namespace flockstep {

/// The whole grid of a cooperative launch on one world, for worlds with very many agents. The Exchange is in global
/// memory, a team is a warp.
class GridGroup : public ExchangingGroup<GridGroup>, public CudaAtomics {
  public:
    static constexpr int tile_worlds = 1;
    using ExchangingGroup::ExchangingGroup;
    __device__ int lane() const { return int(blockIdx.x * blockDim.x + threadIdx.x); }
    __device__ int lanes() const { return int(gridDim.x * blockDim.x); }
    template <class F>
    __device__ void for_each(int n, F&& f) {
        SIM_NO_UNROLL
        for (int64_t i = lane(); i < n; i += lanes()) f(int(i));
    }
    __device__ void sync() { cooperative_groups::this_grid().sync(); }
    static __device__ WarpGroup team() { return WarpGroup(int(threadIdx.x), 32); }
};

}  // namespace flockstep
