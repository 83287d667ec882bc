#include "trainer/policy/policy.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <stdexcept>

#include "sim/contract/random.h"

namespace flockstep {

namespace {
at::TensorOptions options_for(Device device, at::ScalarType dtype) {
    const at::Device context =
        device.is_cuda() ? at::Device(at::kCUDA, c10::DeviceIndex(device.index)) : at::Device(at::kCPU);
    return at::TensorOptions().dtype(dtype).device(context);
}

/// Runs small matrix multiplications on one thread: threads that wait for each other gain little, and lose much on a
/// busy machine. `products`: multiplications per pass.
class ThreadScope {
  public:
    explicit ThreadScope(int64_t products) : before_(at::get_num_threads()) {
        if (products < 20'000'000) at::set_num_threads(1);
    }
    ~ThreadScope() { at::set_num_threads(before_); }
    ThreadScope(const ThreadScope&) = delete;

  private:
    int before_;
};

/// A matrix with orthonormal rows or columns, whichever are fewer, times `gain`: the Q of a matrix of normal numbers,
/// with the signs that make it uniformly distributed (Saxe et al. 2014). Drawn from our own streams: equal on all
/// machines with the same LAPACK.
at::Tensor orthogonal(int64_t rows, int64_t columns, float gain, const Rng& rng) {
    const int64_t tall = std::max(rows, columns), wide = std::min(rows, columns);
    at::Tensor normal = at::empty({tall, wide}, at::kDouble);
    double* numbers = normal.data_ptr<double>();
    for (int64_t i = 0; i < tall * wide; ++i) {
        const Words words = rng.bits4(uint32_t(i & 0xFFFFF), uint32_t(i >> 20));
        const double radius = std::sqrt(-2.0 * std::log((words.word[0] + 1.0) * 0x1p-32));
        numbers[i] = radius * std::cos(6.283185307179586 * words.word[1] * 0x1p-32);
    }
    auto [q, r] = at::linalg_qr(normal);
    q = q * r.diagonal().sign();
    return ((rows < columns ? q.t() : q) * gain).to(at::kFloat).contiguous();
}
}  // namespace

struct Policy::Network : NetworkLayout {
    PolicySpec spec;
    TrainConfig config;
    Memory& memory;
    std::vector<Buffer> buffers;  // parameter, gradient, first and second moment, bfloat16 copy
    std::vector<at::Tensor> leaves, gradient_views;
    size_t next_leaf = 0;
    at::Tensor logits, value;  // of the last call, float32; value [rows, 1]
    std::vector<at::Tensor> outputs, output_gradients;

    Network(const PolicySpec& spec, const TrainConfig& config, Memory& memory)
        : NetworkLayout(spec, config), spec(spec), config(config), memory(memory) {
        allocate();
    }
    bool is_bfloat16() const { return config.precision == Precision::bfloat16; }

    void allocate() {
        for (const char* what : {"parameters", "gradients", "first moments", "second moments"})
            buffers.emplace_back(memory, size_t(size) * 4, std::string("the policy's ") + what);
        if (is_bfloat16()) buffers.emplace_back(memory, size_t(size) * 2, "the policy's bfloat16 parameters");
        const auto number = options_for(memory.device(), at::kFloat),
                   bf16 = options_for(memory.device(), at::kBFloat16);
        for (const Parameter& p : parameters) {
            at::Tensor leaf = is_bfloat16()
                                  ? at::from_blob(static_cast<uint16_t*>(buffers[4].data()) + p.offset, p.shape, bf16)
                                  : at::from_blob(numbers(0) + p.offset, p.shape, number);
            leaves.push_back(leaf.requires_grad_());
            gradient_views.push_back(at::from_blob(numbers(1) + p.offset, p.shape, number));
        }
    }
    float* numbers(int buffer) const { return static_cast<float*>(buffers[size_t(buffer)].data()); }

    const at::Tensor& leaf() { return leaves[next_leaf++]; }
    at::Tensor activated(at::Tensor x) const { return config.activation == Activation::tanh ? x.tanh_() : x.relu_(); }

    /// One tower, head included. Consumes leaves in the order in which add_tower created them.
    at::Tensor tower(const at::Tensor& input) {
        at::Tensor x = input;
        if (channels) {
            const int64_t image = int64_t(channels) * height * width, stride = columns.width;
            x = input.as_strided({input.size(0), channels, height, width}, {stride, int64_t(height) * width, width, 1});
            for (size_t i = 0; i < convolutions.size(); ++i) {
                const at::Tensor &weight = leaf(), &bias = leaf();
                x = activated(at::conv2d(x, weight, bias));
            }
            x = x.flatten(1);
            if (stride > image) x = at::cat({x, input.narrow(1, image, stride - image)}, 1);
        }
        for (size_t i = 0; i < hidden.size(); ++i) {
            const at::Tensor &weight = leaf(), &bias = leaf();
            x = activated(at::linear(x, weight, bias));
        }
        const at::Tensor &weight = leaf(), &bias = leaf();
        return at::linear(x, weight, bias).to(at::kFloat);
    }

    PolicyOutput run(const void* data, int64_t rows, bool wants_value = true) {
        const ThreadScope threads(rows * size);
        outputs.clear(), output_gradients.clear(), next_leaf = 0;
        const auto options = options_for(memory.device(), is_bfloat16() ? at::kBFloat16 : at::kFloat);
        const at::Tensor input = at::from_blob(const_cast<void*>(data), {rows, columns.width}, options);
        if (!config.share_layers) {
            logits = tower(input);
            if (!wants_value) return {logits.data_ptr<float>(), logits.stride(0), nullptr, 0};
            value = tower(input);
            outputs = {logits, value};
        } else {
            outputs = {tower(input)};
            logits = outputs[0].detach().narrow(1, 0, spec.num_actions);
            value = outputs[0].detach().narrow(1, spec.num_actions, 1);
        }
        return {logits.data_ptr<float>(), logits.stride(0), value.data_ptr<float>(), value.stride(0)};
    }
};

Policy::Policy(const PolicySpec& spec, const TrainConfig& config, Memory& memory)
    : network_(std::make_unique<Network>(spec, config, memory)) {}
Policy::~Policy() = default;
Policy::Policy(Policy&&) noexcept = default;

const PolicySpec& Policy::spec() const { return network_->spec; }
const std::vector<Parameter>& Policy::parameters() const { return network_->parameters; }
int64_t Policy::size() const { return network_->size; }
float* Policy::parameter() const { return network_->numbers(0); }
float* Policy::gradient() const { return network_->numbers(1); }
float* Policy::first_moment() const { return network_->numbers(2); }
float* Policy::second_moment() const { return network_->numbers(3); }
uint16_t* Policy::bf16_copy() const {
    return network_->is_bfloat16() ? static_cast<uint16_t*>(network_->buffers[4].data()) : nullptr;
}

void Policy::initialize(uint64_t seed) {
    Network& network = *network_;
    std::vector<float> numbers(size_t(network.size), 0.0f);
    for (size_t i = 0; i < network.parameters.size(); ++i) {
        const Parameter& p = network.parameters[i];
        if (p.shape.size() < 2) continue;
        const int64_t outputs = p.shape[0], stride = p.count() / outputs;
        // no weights for the input's padding
        const int64_t inputs =
            network.channels == 0 && stride == network.columns.width ? network.columns.columns : stride;
        const int64_t apart = p.head_split ? p.head_split : outputs;
        for (int64_t first = 0; first < outputs; first += apart) {
            const Rng rng{seed, uint32_t(network.spec.first), uint32_t(i), uint32_t(first), Purpose::initialize};
            const int64_t rows = std::min(apart, outputs - first);
            const at::Tensor matrix = orthogonal(rows, inputs, first ? 1.0f : p.gain, rng);
            for (int64_t row = 0; row < rows; ++row)
                memcpy(numbers.data() + p.offset + (first + row) * stride, matrix.data_ptr<float>() + row * inputs,
                       size_t(inputs) * 4);
        }
    }
    network.memory.from_host(parameter(), numbers.data(), numbers.size() * 4);
    refresh();
}

void Policy::refresh() {
    if (!is_bfloat16()) return;
    const Device device = network_->memory.device();
    const at::NoGradGuard no_gradient;
    network_->memory.synchronize();
    at::from_blob(bf16_copy(), {size()}, options_for(device, at::kBFloat16))
        .copy_(at::from_blob(parameter(), {size()}, options_for(device, at::kFloat)));
    network_->memory.synchronize();
}

InputColumns Policy::input(int64_t num_envs, int num_agents) const {
    return input_columns(network_->spec, network_->part_order, num_envs, num_agents);
}

std::vector<float> Policy::input_scale() const {
    std::vector<float> scale(size_t(network_->columns.width), 1.0f);
    const InputColumns& input = network_->columns;
    for (int p = 0; p < input.num_parts; ++p) {
        const auto first = scale.begin() + input.parts[p].first_column;
        std::fill_n(first, input.parts[p].elements, network_->spec.parts[size_t(input.parts[p].source)].scale);
    }
    return scale;
}

PolicyOutput Policy::forward_no_grad(const void* input, int64_t rows) {
    const at::NoGradGuard no_gradient;
    return network_->run(input, rows);
}
PolicyOutput Policy::forward_actor(const void* input, int64_t rows) {
    const at::NoGradGuard no_gradient;
    return network_->run(input, rows, false);
}
PolicyOutput Policy::forward(const void* input, int64_t rows) {
    const at::AutoGradMode gradient(true);
    return network_->run(input, rows);
}

OutputGradient Policy::output_gradient() {
    Network& network = *network_;
    if (network.output_gradients.empty())
        for (const at::Tensor& output : network.outputs) network.output_gradients.push_back(at::empty_like(output));
    float* logits = network.output_gradients[0].data_ptr<float>();
    return {logits, !network.config.share_layers ? network.output_gradients[1].data_ptr<float>()
                                                 : logits + network.spec.num_actions};
}

void Policy::backward() {
    Network& network = *network_;
    const ThreadScope threads(network.logits.size(0) * network.size);
    const std::vector<at::Tensor> gradients =
        torch::autograd::grad(network.outputs, network.leaves, network.output_gradients);
    const at::NoGradGuard no_gradient;
    at::_foreach_copy_(network.gradient_views, gradients);
    network.outputs.clear(), network.output_gradients.clear();
}

}  // namespace flockstep
