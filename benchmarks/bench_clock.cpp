#include "benchmarks/bench_clock.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#ifdef FLOCKSTEP_WITH_CUDA
#include "sim/cuda/cuda_check.h"
#endif

namespace flockstep {

#ifdef FLOCKSTEP_WITH_CUDA
namespace {
cudaStream_t cuda(Stream stream) { return static_cast<cudaStream_t>(stream.handle); }
cudaEvent_t event(void* handle) { return static_cast<cudaEvent_t>(handle); }
}  // namespace

BenchClock::BenchClock(Device device) : device_(device) {
    if (!device.is_cuda()) return;
    const DeviceScope scope(device.index);
    cudaStream_t stream;
    cudaEvent_t begin, end;
    cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
    cuda_check(cudaEventCreate(&begin), "creating an event");
    cuda_check(cudaEventCreate(&end), "creating an event");
    stream_.handle = stream, begin_ = begin, end_ = end;
}

BenchClock::~BenchClock() {
    if (!device_.is_cuda()) return;
    if (graph_) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph_));
    for (void* each : events_) cudaEventDestroy(event(each));
    cudaEventDestroy(event(begin_));
    cudaEventDestroy(event(end_));
    cudaStreamDestroy(cuda(stream_));
}

bool BenchClock::capture(const std::function<void()>& work) {
    if (!device_.is_cuda()) return false;
    const DeviceScope scope(device_.index);
    cudaGraph_t graph;
    cudaGraphExec_t executable;
    cuda_check(cudaStreamBeginCapture(cuda(stream_), cudaStreamCaptureModeThreadLocal), "beginning a capture");
    work();
    cuda_check(cudaStreamEndCapture(cuda(stream_), &graph), "ending a capture");
    const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    cuda_check(error, "instantiating a graph");
    graph_ = executable;
    return true;
}

void BenchClock::replay() {
    cuda_check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph_), cuda(stream_)), "launching a graph");
}

static double device_seconds(Device device, Stream stream, void* begin, void* end, const std::function<void()>& work) {
    const DeviceScope scope(device.index);
    float milliseconds = 0;
    cuda_check(cudaStreamSynchronize(cuda(stream)), "waiting");
    cuda_check(cudaEventRecord(event(begin), cuda(stream)), "recording an event");
    work();
    cuda_check(cudaEventRecord(event(end), cuda(stream)), "recording an event");
    cuda_check(cudaEventSynchronize(event(end)), "waiting");
    cuda_check(cudaEventElapsedTime(&milliseconds, event(begin), event(end)), "reading events");
    return double(milliseconds) * 1e-3;
}

/// Records an event before and after each piece; several pieces are in flight before the host waits for them.
static double device_seconds(Device device, Stream stream, std::vector<void*>& events, int64_t pieces,
                             const std::function<void()>& before, const std::function<void()>& work) {
    constexpr int64_t under_way = 256;
    const DeviceScope scope(device.index);
    while (int64_t(events.size()) < 2 * std::min(pieces, under_way)) {
        cudaEvent_t created;
        cuda_check(cudaEventCreate(&created), "creating an event");
        events.push_back(created);
    }
    double milliseconds = 0;
    for (int64_t done = 0; done < pieces; done += under_way) {
        const int64_t count = std::min(under_way, pieces - done);
        for (int64_t i = 0; i < count; ++i) {
            before();
            cuda_check(cudaEventRecord(event(events[size_t(2 * i)]), cuda(stream)), "recording an event");
            work();
            cuda_check(cudaEventRecord(event(events[size_t(2 * i + 1)]), cuda(stream)), "recording an event");
        }
        cuda_check(cudaStreamSynchronize(cuda(stream)), "waiting");
        for (int64_t i = 0; i < count; ++i) {
            float taken = 0;
            cuda_check(cudaEventElapsedTime(&taken, event(events[size_t(2 * i)]), event(events[size_t(2 * i + 1)])),
                       "reading events");
            milliseconds += double(taken);
        }
    }
    return milliseconds * 1e-3;
}

static void copy_on_device(void* to, const void* from, size_t bytes, Stream stream) {
    cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda(stream)), "copying");
}
#else
BenchClock::BenchClock(Device device) : device_(device) {}
BenchClock::~BenchClock() = default;
bool BenchClock::capture(const std::function<void()>&) { return false; }
void BenchClock::replay() {}
static double device_seconds(Device, Stream, void*, void*, const std::function<void()>&) { return 0; }
static double device_seconds(Device, Stream, std::vector<void*>&, int64_t, const std::function<void()>&,
                             const std::function<void()>&) {
    return 0;
}
static void copy_on_device(void*, const void*, size_t, Stream) {}
#endif

double BenchClock::seconds(const std::function<void()>& work) {
    if (device_.is_cuda()) return device_seconds(device_, stream_, begin_, end_, work);
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double BenchClock::seconds(int64_t pieces, const std::function<void()>& before, const std::function<void()>& work) {
    if (device_.is_cuda()) return device_seconds(device_, stream_, events_, pieces, before, work);
    double total = 0;
    for (int64_t i = 0; i < pieces; ++i) {
        before();
        total += seconds(work);
    }
    return total;
}

/// Each thread copies its part.
static void copy_on_host(char* to, const char* from, size_t bytes) {
#pragma omp parallel
    {
        const size_t threads = size_t(omp_get_num_threads()), thread = size_t(omp_get_thread_num());
        const size_t begin = bytes / threads * thread,
                     end = thread + 1 == threads ? bytes : bytes / threads * (thread + 1);
        memcpy(to + begin, from + begin, end - begin);
    }
}

double measure_copy_bandwidth(Device device) {
    const size_t bytes = device.is_cuda() ? size_t{1} << 30 : size_t{1} << 27;
    const std::unique_ptr<Memory> memory = make_memory(device);
    const Buffer from(*memory, bytes, "measuring the copy bandwidth"),
        to(*memory, bytes, "measuring the copy bandwidth");
    BenchClock clock(device);
    const int copies = device.is_cuda() ? 10 : 2;
    const auto copy = [&] {
        for (int i = 0; i < copies; ++i)
            if (device.is_cuda())
                copy_on_device(to.data(), from.data(), bytes, clock.stream());
            else
                copy_on_host(static_cast<char*>(to.data()), static_cast<const char*>(from.data()), bytes);
    };
    copy();
    std::vector<double> rates;
    for (int repeat = 0; repeat < 5; ++repeat) rates.push_back(2.0 * double(bytes) * copies / clock.seconds(copy));
    std::sort(rates.begin(), rates.end());
    return rates[rates.size() / 2];
}

}  // namespace flockstep
