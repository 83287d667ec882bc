#include "trainer/graph.h"

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

struct Lane::Impl {
    std::optional<c10::cuda::CUDAStream> stream;
};
Lane::Lane(Device device) : device_(device), impl_(std::make_unique<Impl>()) {
    if (!device.is_cuda()) return;
    impl_->stream = c10::cuda::getStreamFromPool(false, c10::DeviceIndex(device.index));
    // of two algorithms for a convolution the one that gives the same bits every time
    at::globalContext().setDeterministicCuDNN(true);
    at::globalContext().setBenchmarkCuDNN(false);
    // LibTorch computes gradients in a thread of its own. A first kernel gives that thread its context; a first matrix
    // product would warn on the terminal that there is none.
    const at::Tensor one = at::ones({1}, at::TensorOptions(at::Device(at::kCUDA, c10::DeviceIndex(device.index))));
    one.requires_grad_(true);
    torch::autograd::grad({one * 2.0}, {one});
}
Stream Lane::stream() const { return {impl_->stream ? static_cast<void*>(impl_->stream->stream()) : nullptr}; }

struct Lane::Scope::Guard {
    explicit Guard(c10::cuda::CUDAStream stream) : guard(stream) {}
    c10::cuda::CUDAStreamGuard guard;
};
Lane::Scope::Scope(const Lane& lane) {
    if (lane.impl_->stream) guard_ = std::make_unique<Guard>(*lane.impl_->stream);
}

struct Graph::Impl {
    std::optional<at::cuda::CUDAGraph> graph;
};
void Graph::run(const Lane& lane, const std::function<void()>& work) {
    if (!captures_ || !lane.device().is_cuda()) return work();
    if (!impl_->graph) {
        impl_->graph.emplace();
        impl_->graph->capture_begin();
        work();
        impl_->graph->capture_end();
    }
    impl_->graph->replay();
}

#else

struct Lane::Impl {};
Lane::Lane(Device device) : device_(device) {
    if (device.is_cuda())
        throw std::invalid_argument("device: got " + device.name() + ", but this LibTorch is built for the CPU alone");
}
Stream Lane::stream() const { return {}; }
struct Lane::Scope::Guard {};
Lane::Scope::Scope(const Lane&) {}
struct Graph::Impl {};
void Graph::run(const Lane&, const std::function<void()>& work) { work(); }

#endif

Lane::~Lane() = default;
Lane::Scope::~Scope() = default;
Graph::Graph(bool captures) : captures_(captures), impl_(std::make_unique<Impl>()) {}
Graph::~Graph() = default;

}  // namespace flockstep
