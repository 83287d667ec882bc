#include <stdexcept>

#include "sim/cuda/cuda_check.h"
#include "sim/cuda/grid_group.cuh"
#include "tests/test_sim_group.h"

namespace flockstep {
namespace {

__global__ void trace_lanes_kernel(const int* sizes, int count, GroupTrace* traces) {
    const int world = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (world >= count) return;
    LaneGroup group;
    GroupTracer(group, sizes[world], traces[world]).run();
}
__global__ void trace_warps_kernel(const int* sizes, int count, GroupTrace* traces, int lanes) {
    const int world = int(blockIdx.x * blockDim.x + threadIdx.x) / lanes;
    if (world >= count) return;
    WarpGroup group(int(threadIdx.x), lanes);
    GroupTracer(group, sizes[world], traces[world]).run();
}
__global__ void trace_blocks_kernel(const int* sizes, GroupTrace* traces) {
    __shared__ BlockGroup::Exchange exchange;
    BlockGroup group(exchange);
    GroupTracer(group, sizes[blockIdx.x], traces[blockIdx.x]).run();
}
__global__ void trace_grid_kernel(const int* sizes, int count, GroupTrace* traces, GridGroup::Exchange* exchange) {
    GridGroup group(*exchange);
    for (int world = 0; world < count; ++world) {
        GroupTracer(group, sizes[world], traces[world]).run();
        group.sync();
    }
}

void trace_groups(int lanes, const int* sizes, int count, GroupTrace* traces, GridGroup::Exchange* exchange) {
    constexpr int threads = 64;
    if (lanes == grid_trace_lanes) {
        void* arguments[] = {&sizes, &count, &traces, &exchange};
        cuda_check(cudaLaunchCooperativeKernel(trace_grid_kernel, 6, 128, arguments), "tracing a grid");
    } else if (lanes > 32) {
        trace_blocks_kernel<<<count, lanes>>>(sizes, traces);
    } else if (lanes > 1) {
        trace_warps_kernel<<<(count * lanes + threads - 1) / threads, threads>>>(sizes, count, traces, lanes);
    } else {
        trace_lanes_kernel<<<(count + threads - 1) / threads, threads>>>(sizes, count, traces);
    }
    cuda_check(cudaGetLastError(), "tracing groups");
}

/// Device memory that holds a copy of some host memory.
template <class T>
struct DeviceCopy {
    T* data = nullptr;
    size_t bytes;
    DeviceCopy(const T* host, size_t count) : bytes(count * sizeof(T)) {
        cuda_check(cudaMalloc(&data, bytes), "memory of a test");
        cuda_check(cudaMemcpy(data, host, bytes, cudaMemcpyHostToDevice), "copying a test's input");
    }
    ~DeviceCopy() { cudaFree(data); }
    DeviceCopy(const DeviceCopy&) = delete;
    DeviceCopy& operator=(const DeviceCopy&) = delete;
};
}  // namespace

std::vector<GroupTrace> trace_on_gpu(int lanes, const std::vector<int>& sizes) {
    std::vector<GroupTrace> traces(sizes.size());
    const GridGroup::Exchange zeroed{};
    DeviceCopy device_sizes(sizes.data(), sizes.size());
    DeviceCopy device_traces(traces.data(), traces.size());
    DeviceCopy exchange(&zeroed, 1);
    trace_groups(lanes, device_sizes.data, int(sizes.size()), device_traces.data, exchange.data);
    cuda_check(cudaMemcpy(traces.data(), device_traces.data, device_traces.bytes, cudaMemcpyDeviceToHost),
               "reading what groups gave");
    return traces;
}

}  // namespace flockstep
