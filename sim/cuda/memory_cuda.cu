#include <cstdio>

#include "sim/cuda/cuda_check.h"
#include "sim/cuda/memory_cuda.h"

namespace flockstep {

namespace {
/// One block per column, one thread per leaf: see Memory::sum_columns.
__global__ void __launch_bounds__(Memory::sum_leaves)
    sum_columns_kernel(const double* data, int64_t rows, int columns, double* sums) {
    __shared__ double leaves[Memory::sum_leaves];
    double total = 0;
    for (int64_t row = threadIdx.x; row < rows; row += Memory::sum_leaves) total += data[row * columns + blockIdx.x];
    leaves[threadIdx.x] = total;
    for (int width = Memory::sum_leaves / 2; width >= 1; width /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < width) leaves[threadIdx.x] += leaves[threadIdx.x + width];
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = leaves[0];
}

class CudaMemory final : public Memory {
  public:
    explicit CudaMemory(int index) : index_(index) {}
    Device device() const override { return {index_}; }
    void* allocate(size_t bytes, const std::string& what) override {
        const DeviceScope scope(index_);
        bytes = (bytes + 15) / 16 * 16;
        void* data = nullptr;
        const cudaError_t error = cudaMalloc(&data, bytes);
        if (error == cudaErrorMemoryAllocation) {
            cudaGetLastError();
            size_t free = 0, total = 0;
            cudaMemGetInfo(&free, &total);
            throw std::runtime_error("memory: " + what + " needs " + std::to_string(bytes >> 20) + " MiB, free are " +
                                     std::to_string(free >> 20) + " MiB");
        }
        cuda_check(error, ("allocating " + what).c_str());
        zero(data, bytes);
        return data;
    }
    void release(void* data) override {
        if (const cudaError_t error = cudaFree(data); error != cudaSuccess)
            std::fprintf(stderr, "flockstep: freeing device memory: %s\n", cudaGetErrorString(error));
    }
    void to_host(void* host, const void* data, size_t bytes) override {
        const DeviceScope scope(index_);
        synchronize();
        cuda_check(cudaMemcpy(host, data, bytes, cudaMemcpyDeviceToHost), "copying to the host");
    }
    void from_host(void* data, const void* host, size_t bytes) override {
        const DeviceScope scope(index_);
        synchronize();
        cuda_check(cudaMemcpy(data, host, bytes, cudaMemcpyHostToDevice), "copying to the device");
    }
    void zero(void* data, size_t bytes) override {
        const DeviceScope scope(index_);
        cuda_check(cudaMemset(data, 0, bytes), "clearing memory");
        synchronize();
    }
    void synchronize() override {
        const DeviceScope scope(index_);
        cuda_check(cudaDeviceSynchronize(), "waiting for the device");
    }

    void sum_columns(const double* data, int64_t rows, int columns, double* host) override {
        const DeviceScope scope(index_);
        if (columns > most_columns_) {
            if (sums_) release(sums_);
            sums_ = static_cast<double*>(allocate(size_t(columns) * sizeof(double), "sums"));
            most_columns_ = columns;
        }
        synchronize();
        sum_columns_kernel<<<unsigned(columns), sum_leaves>>>(data, rows, columns, sums_);
        cuda_check(cudaGetLastError(), "summing columns");
        to_host(host, sums_, size_t(columns) * sizeof(double));
    }
    ~CudaMemory() override {
        if (sums_) release(sums_);
    }

  private:
    int index_;
    double* sums_ = nullptr;  // of sum_columns, on the device
    int most_columns_ = 0;
};

/// Used to check whether this build contains code for the device.
__global__ void probe_kernel() {}
}  // namespace

std::string cuda_unavailable_reason(int index) {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error != cudaSuccess) {
        cudaGetLastError();
        if (error == cudaErrorInsufficientDriver) {
            int driver = 0;
            cudaDriverGetVersion(&driver);
            if (driver == 0) return "there is no NVIDIA driver on this machine";
            return "the NVIDIA driver supports CUDA " + std::to_string(driver / 1000) + "." +
                   std::to_string(driver % 1000 / 10) + ", this build needs " + std::to_string(CUDART_VERSION / 1000) +
                   ".0 or newer";
        }
        return cudaGetErrorString(error);
    }
    if (index >= count) return "this machine has " + std::to_string(count) + " usable GPU(s), numbered from 0";
    const DeviceScope scope(index);
    cudaFuncAttributes attributes;
    if (cudaFuncGetAttributes(&attributes, probe_kernel) != cudaSuccess) {
        cudaGetLastError();
        cudaDeviceProp properties;
        cudaGetDeviceProperties(&properties, index);
        return std::string(properties.name) + " is sm_" + std::to_string(properties.major) +
               std::to_string(properties.minor) + ", which this build has no code for";
    }
    return "";
}

std::string describe_cuda_device(int index) {
    cudaDeviceProp properties;
    cuda_check(cudaGetDeviceProperties(&properties, index), "reading the device's properties");
    int driver = 0;
    cudaDriverGetVersion(&driver);
    return std::string(properties.name) + " (sm_" + std::to_string(properties.major) +
           std::to_string(properties.minor) + ", CUDA driver " + std::to_string(driver / 1000) + "." +
           std::to_string(driver % 1000 / 10) + ")";
}

std::unique_ptr<Memory> make_cuda_memory(int index) { return std::make_unique<CudaMemory>(index); }

}  // namespace flockstep
