#include "trainer/device/host_copy.h"

#include <cstring>
#include <vector>

#ifdef FLOCKSTEP_WITH_CUDA
#include "sim/cuda/cuda_check.h"
#endif

namespace flockstep {

struct HostCopy::Impl {
    Device device;
    const void* data;
    size_t bytes;
    std::vector<char> host;  // on the CPU
#ifdef FLOCKSTEP_WITH_CUDA
    void* pinned = nullptr;  // for a GPU
    cudaEvent_t done = nullptr;
#endif
};

HostCopy::HostCopy(Memory& memory, const void* data, size_t bytes)
    : impl_(new Impl{memory.device(), data, bytes, std::vector<char>(bytes)}) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (!impl_->device.is_cuda()) return;
    const DeviceScope scope(impl_->device.index);
    cuda_check(cudaMallocHost(&impl_->pinned, bytes), "allocating page-locked memory");
    cuda_check(cudaEventCreateWithFlags(&impl_->done, cudaEventDisableTiming), "creating an event");
#endif
}

HostCopy::~HostCopy() {
#ifdef FLOCKSTEP_WITH_CUDA
    if (impl_->done) cudaEventDestroy(impl_->done);
    if (impl_->pinned) cudaFreeHost(impl_->pinned);
#endif
}

void HostCopy::start([[maybe_unused]] Stream stream) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (impl_->device.is_cuda()) {
        const auto handle = static_cast<cudaStream_t>(stream.handle);
        cuda_check(cudaMemcpyAsync(impl_->pinned, impl_->data, impl_->bytes, cudaMemcpyDeviceToHost, handle),
                   "copying to the host");
        cuda_check(cudaEventRecord(impl_->done, handle), "recording an event");
        return;
    }
#endif
    memcpy(impl_->host.data(), impl_->data, impl_->bytes);
}

const void* HostCopy::wait() {
#ifdef FLOCKSTEP_WITH_CUDA
    if (impl_->device.is_cuda()) {
        cuda_check(cudaEventSynchronize(impl_->done), "waiting for the device");
        return impl_->pinned;
    }
#endif
    return impl_->host.data();
}

}  // namespace flockstep
