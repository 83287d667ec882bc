#pragma once

#include <cuda_runtime_api.h>

#include "sim/cuda/cuda_check.h"

namespace flockstep {

/// A high-priority stream next to the caller's: work launched on it after fork() follows earlier work of the caller's
/// stream, and the caller's stream waits for it after join(). Both can be captured in a graph.
class SideStream {
  public:
    SideStream() {
        int least = 0, greatest = 0;
        cuda_check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "reading the stream priorities");
        cuda_check(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, greatest), "creating a stream");
        cuda_check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event");
    }
    SideStream(const SideStream&) = delete;
    ~SideStream() {
        cudaEventDestroy(event_);
        cudaStreamDestroy(stream_);
    }
    cudaStream_t stream() const { return stream_; }
    void fork(cudaStream_t from) { follow(from, stream_); }
    void join(cudaStream_t into) { follow(stream_, into); }

  private:
    void follow(cudaStream_t first, cudaStream_t second) {
        cuda_check(cudaEventRecord(event_, first), "recording an event");
        cuda_check(cudaStreamWaitEvent(second, event_, 0), "waiting for an event");
    }
    cudaStream_t stream_ = nullptr;
    cudaEvent_t event_ = nullptr;
};

}  // namespace flockstep
