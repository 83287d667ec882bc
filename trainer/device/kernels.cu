#include <thrust/iterator/counting_iterator.h>

#include <algorithm>
#include <cub/device/device_select.cuh>

#include "sim/cuda/cuda_check.h"
#include "trainer/algorithm/find_offender.h"
#include "trainer/data/gae.h"
#include "trainer/data/minibatch.h"
#include "trainer/data/normalise.h"
#include "trainer/device/items.h"
#include "trainer/device/launch.h"
#include "trainer/device/selection.h"
#include "trainer/learn/loss.h"
#include "trainer/learn/optimiser.h"
#include "trainer/policy/describe_actions.h"

/// The CUDA side of launch.h: one kernel for items, two for sums, instantiated for each kind of item.
namespace flockstep {

namespace {
constexpr int threads = 256;

template <class Item>
__global__ void __launch_bounds__(threads) run_kernel(const __grid_constant__ Item item, const int64_t n) {
    const int64_t stride = int64_t(gridDim.x) * threads;
    SIM_NO_UNROLL  // it hardly ever comes round
        for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) item(i);
}

/// Reduces the threads' sums of one block in a fixed order; the result is in thread 0's `local`.
template <int num_sums>
__device__ void add_threads(double* local) {
    __shared__ double lane_sums[threads / 32][num_sums];
    for (int k = 0; k < num_sums; ++k)
        for (int offset = 16; offset > 0; offset /= 2) local[k] += __shfl_down_sync(~0u, local[k], offset);
    if (threadIdx.x % 32 == 0)
        for (int k = 0; k < num_sums; ++k) lane_sums[threadIdx.x / 32][k] = local[k];
    __syncthreads();
    if (threadIdx.x == 0)
        for (int warp = 1; warp < threads / 32; ++warp)
            for (int k = 0; k < num_sums; ++k) local[k] += lane_sums[warp][k];
}

/// One chunk per block: items blockIdx + blocks * i, so that the order depends on n alone. Two blocks per SM are most
/// of what there is: with 128 registers a thread, the sums stay in them.
template <class Item>
__global__ void __launch_bounds__(threads, 2)
    sum_kernel(const __grid_constant__ Item item, const int64_t n, double* partials) {
    double local[Item::num_sums] = {};
    const int64_t stride = int64_t(gridDim.x) * threads;
    for (int64_t i = int64_t(blockIdx.x) * threads + threadIdx.x; i < n; i += stride) item(i, local);
    add_threads<Item::num_sums>(local);
    if (threadIdx.x == 0)
        for (int k = 0; k < Item::num_sums; ++k) partials[blockIdx.x * max_sums + k] = local[k];
}

template <int num_sums>
__global__ void __launch_bounds__(threads)
    fold_kernel(const double* partials, const int chunks, double* sums, const bool adds) {
    double local[num_sums] = {};
    for (int k = 0; k < num_sums && int(threadIdx.x) < chunks; ++k) local[k] = partials[threadIdx.x * max_sums + k];
    add_threads<num_sums>(local);
    if (threadIdx.x == 0)
        for (int k = 0; k < num_sums; ++k) sums[k] = (adds ? sums[k] : 0.0) + local[k];
}
static_assert(max_sum_chunks <= threads, "fold_kernel reads one chunk per thread");

int64_t blocks_for(int64_t n, int64_t max) { return std::clamp<int64_t>((n + threads - 1) / threads, 1, max); }

}  // namespace

template <class Item>
void run_on_cuda(const ExecutionContext& context, int64_t n, const Item& item) {
    const int64_t max_blocks = 1 << 20;
    run_kernel<Item>
        <<<unsigned(blocks_for(n, max_blocks)), threads, 0, static_cast<cudaStream_t>(context.stream.handle)>>>(item,
                                                                                                                n);
    cuda_check(cudaGetLastError(), "launching a kernel of the trainer");
}

template <class Item>
void sum_on_cuda(const ExecutionContext& context, int64_t n, const Item& item, double* sums, Store store) {
    const auto stream = static_cast<cudaStream_t>(context.stream.handle);
    const int64_t chunks = blocks_for(n, max_sum_chunks);
    sum_kernel<Item><<<unsigned(chunks), threads, 0, stream>>>(item, n, context.partials);
    fold_kernel<Item::num_sums>
        <<<1, threads, 0, stream>>>(context.partials, int(chunks), sums, store == Store::accumulate);
    cuda_check(cudaGetLastError(), "launching a sum of the trainer");
}

size_t select_on_cuda(const ExecutionContext& context, void* storage, size_t bytes, int64_t n, const uint8_t* flags,
                      int64_t* list, int64_t* count) {
    const DeviceScope scope(context.device.index);
    cuda_check(cub::DeviceSelect::Flagged(storage, bytes, thrust::counting_iterator<int64_t>(0), flags, list, count, n,
                                          static_cast<cudaStream_t>(context.stream.handle)),
               "selecting samples");
    return bytes;
}

template void run_on_cuda(const ExecutionContext&, int64_t, const SampleActions&);
template void run_on_cuda(const ExecutionContext&, int64_t, const StoreValues&);
template void run_on_cuda(const ExecutionContext&, int64_t, const DescribeActions&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MinibatchIndices&);
template void run_on_cuda(const ExecutionContext&, int64_t, const ComputeAdvantage&);
template void run_on_cuda(const ExecutionContext&, int64_t, const GatherInput&);
template void run_on_cuda(const ExecutionContext&, int64_t, const PrepareLoss&);
template void run_on_cuda(const ExecutionContext&, int64_t, const PrepareAdam&);
template void run_on_cuda(const ExecutionContext&, int64_t, const AdamStep&);
template void run_on_cuda(const ExecutionContext&, int64_t, const IncrementCounter&);
template void run_on_cuda(const ExecutionContext&, int64_t, const AccumulateScalar&);
template void run_on_cuda(const ExecutionContext&, int64_t, const SetCounter&);
template void run_on_cuda(const ExecutionContext&, int64_t, const SetSchedule&);
template void run_on_cuda(const ExecutionContext&, int64_t, const CopyVector&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MarkLive&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MarkLiveUnits&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MarkTruncated&);
template void run_on_cuda(const ExecutionContext&, int64_t, const CopyChunk&);
template void run_on_cuda(const ExecutionContext&, int64_t, const CopyFlags&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MergeValues&);
template void run_on_cuda(const ExecutionContext&, int64_t, const RescaleValues&);
template void run_on_cuda(const ExecutionContext&, int64_t, const SumColumns&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MergeColumns&);
template void run_on_cuda(const ExecutionContext&, int64_t, const MergeReturns&);
template void run_on_cuda(const ExecutionContext&, int64_t, const FindOffence&);
template void sum_on_cuda(const ExecutionContext&, int64_t, const SumRollout&, double*, Store);
template void sum_on_cuda(const ExecutionContext&, int64_t, const PpoLoss&, double*, Store);
template void sum_on_cuda(const ExecutionContext&, int64_t, const SumSquares&, double*, Store);
template void sum_on_cuda(const ExecutionContext&, int64_t, const SumReturns&, double*, Store);

}  // namespace flockstep
