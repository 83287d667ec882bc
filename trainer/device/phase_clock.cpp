#include "trainer/device/phase_clock.h"

#include <chrono>

#ifdef FLOCKSTEP_WITH_CUDA
#include "sim/cuda/cuda_check.h"
#endif

namespace flockstep {

struct PhaseClock::Impl {
    Device device;
    std::vector<std::chrono::steady_clock::time_point> points;
#ifdef FLOCKSTEP_WITH_CUDA
    std::vector<cudaEvent_t> events;
#endif
};

PhaseClock::PhaseClock(Device device, int num_marks) : impl_(std::make_unique<Impl>()) {
    impl_->device = device;
    impl_->points.resize(size_t(num_marks));
#ifdef FLOCKSTEP_WITH_CUDA
    if (!device.is_cuda()) return;
    const DeviceScope scope(device.index);
    for (int i = 0; i < num_marks; ++i) cuda_check(cudaEventCreate(&impl_->events.emplace_back()), "creating an event");
#endif
}

PhaseClock::~PhaseClock() {
#ifdef FLOCKSTEP_WITH_CUDA
    for (cudaEvent_t event : impl_->events) cudaEventDestroy(event);
#endif
}

void PhaseClock::mark(int mark, [[maybe_unused]] Stream stream) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (impl_->device.is_cuda()) {
        const auto handle = static_cast<cudaStream_t>(stream.handle);
        cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
        cuda_check(cudaStreamIsCapturing(handle, &status), "asking whether a stream is captured");
        const bool captures = status == cudaStreamCaptureStatusActive;  // then the event becomes a node of the graph
        cuda_check(cudaEventRecordWithFlags(impl_->events[size_t(mark)], handle,
                                            captures ? cudaEventRecordExternal : cudaEventRecordDefault),
                   "recording an event");
        return;
    }
#endif
    impl_->points[size_t(mark)] = std::chrono::steady_clock::now();
}

double PhaseClock::seconds(int from, int to) const {
#ifdef FLOCKSTEP_WITH_CUDA
    if (impl_->device.is_cuda()) {
        float milliseconds = 0;
        cuda_check(cudaEventElapsedTime(&milliseconds, impl_->events[size_t(from)], impl_->events[size_t(to)]),
                   "reading events");
        return milliseconds * 1e-3;
    }
#endif
    return std::chrono::duration<double>(impl_->points[size_t(to)] - impl_->points[size_t(from)]).count();
}

}  // namespace flockstep
