#include "trainer/device/graph.h"

#include <optional>
#include <stdexcept>

#ifdef FLOCKSTEP_TORCH_WITH_CUDA
#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/ones.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/autograd/autograd.h>
#endif

namespace flockstep {

#ifdef FLOCKSTEP_TORCH_WITH_CUDA

struct TrainerStream::Impl {
    std::optional<c10::cuda::CUDAStream> stream;
};
TrainerStream::TrainerStream(Device device) : device_(device), impl_(std::make_unique<Impl>()) {
    if (!device.is_cuda()) return;
    impl_->stream = c10::cuda::getStreamFromPool(false, c10::DeviceIndex(device.index));
    // convolution algorithms that give the same bits every time
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
    // LibTorch runs the backward pass in a thread of its own. This first kernel creates the thread's CUDA context;
    // cuBLAS would print a warning if it came first.
    const at::Tensor one = at::ones({1}, at::TensorOptions(at::Device(at::kCUDA, c10::DeviceIndex(device.index))));
    one.requires_grad_(true);
    torch::autograd::grad({one * 2.0}, {one});
}
Stream TrainerStream::handle() const { return {impl_->stream ? static_cast<void*>(impl_->stream->stream()) : nullptr}; }

void TrainerStream::synchronize() const {
    if (impl_->stream) impl_->stream->synchronize();
}

struct TrainerStream::Scope::Guard {
    explicit Guard(c10::cuda::CUDAStream stream) : guard(stream) {}
    c10::cuda::CUDAStreamGuard guard;
};
TrainerStream::Scope::Scope(const TrainerStream& stream) {
    if (stream.impl_->stream) guard_ = std::make_unique<Guard>(*stream.impl_->stream);
}

struct Graph::Impl {
    bool has_run = false;
    std::optional<at::cuda::CUDAGraph> graph;
};
void Graph::run(const TrainerStream& stream, const std::function<void()>& work) {
    if (!captures_ || !stream.device().is_cuda() || !impl_->has_run) {
        impl_->has_run = true;
        return work();
    }
    if (!impl_->graph) {
        impl_->graph.emplace();
        impl_->graph->capture_begin();
        work();
        impl_->graph->capture_end();
    }
    impl_->graph->replay();
}

#else

struct TrainerStream::Impl {};
TrainerStream::TrainerStream(Device device) : device_(device) {
    if (device.is_cuda())
        throw std::invalid_argument("device: got " + device.name() + ", but this LibTorch is built without CUDA");
}
Stream TrainerStream::handle() const { return {}; }
void TrainerStream::synchronize() const {}
struct TrainerStream::Scope::Guard {};
TrainerStream::Scope::Scope(const TrainerStream&) {}
struct Graph::Impl {};
void Graph::run(const TrainerStream&, const std::function<void()>& work) { work(); }

#endif

TrainerStream::~TrainerStream() = default;
TrainerStream::Scope::~Scope() = default;
Graph::Graph(bool captures) : captures_(captures), impl_(std::make_unique<Impl>()) {}
Graph::Graph(Graph&&) noexcept = default;
Graph::~Graph() = default;

}  // namespace flockstep
