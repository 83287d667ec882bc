#include <pybind11/pybind11.h>

#include <cstdio>

#include "bindings/stream.h"

#ifdef FLOCKSTEP_WITH_CUDA
#include "sim/cuda/cuda_check.h"
#endif

namespace py = pybind11;

namespace flockstep {

namespace {
/// A module that is already imported, or None.
py::object imported(const char* name) {
    const py::dict modules = py::module_::import("sys").attr("modules");
    return modules.contains(name) ? py::object(modules[name]) : py::none();
}
}  // namespace

Stream current_stream(Device device) {
    if (!device.is_cuda()) return {};
    if (const py::object torch = imported("torch");
        !torch.is_none() && torch.attr("cuda").attr("is_initialized")().cast<bool>())
        return {reinterpret_cast<void*>(
            torch.attr("cuda").attr("current_stream")(device.index).attr("cuda_stream").cast<uintptr_t>())};
    if (const py::object cupy = imported("cupy"); !cupy.is_none())
        return {reinterpret_cast<void*>(cupy.attr("cuda").attr("get_current_stream")().attr("ptr").cast<uintptr_t>())};
    return {};
}

#ifdef FLOCKSTEP_WITH_CUDA

namespace {
cudaStream_t handle_of(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }
bool is_capturing(Stream stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cuda_check(cudaStreamIsCapturing(handle_of(stream), &status), "asking whether a stream is being captured");
    return status != cudaStreamCaptureStatusNone;
}
}  // namespace

StreamOrder::~StreamOrder() {
    if (!event_) return;
    const cudaError_t error = cudaEventDestroy(static_cast<cudaEvent_t>(event_));
    if (error != cudaSuccess && error != cudaErrorCudartUnloading)  // the program may be at its end
        std::fprintf(stderr, "flockstep: destroying an event: %s\n", cudaGetErrorString(error));
}

void StreamOrder::join(Stream stream) {
    if (!device_.is_cuda() || !is_marked_ || stream.handle == last_) return;
    const DeviceScope scope(device_.index);
    if (is_capturing(stream)) return;
    cuda_check(cudaStreamWaitEvent(handle_of(stream), static_cast<cudaEvent_t>(event_), 0), "ordering two streams");
}

void StreamOrder::mark(Stream stream) {
    if (!device_.is_cuda()) return;
    const DeviceScope scope(device_.index);
    if (is_capturing(stream)) return;  // nothing runs yet, and a captured event could not be waited for
    if (!event_) {
        cudaEvent_t event = nullptr;
        cuda_check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
        event_ = event;
    }
    cuda_check(cudaEventRecord(static_cast<cudaEvent_t>(event_), handle_of(stream)), "recording an event");
    last_ = stream.handle;
    is_marked_ = true;
}

#else

StreamOrder::~StreamOrder() = default;
void StreamOrder::join(Stream) {}
void StreamOrder::mark(Stream) {}

#endif

}  // namespace flockstep
