#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "trainer/learn/engine.h"
#include "trainer/learn/precision_scope.h"

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

class TorchEngine : public Engine {
  public:
    TorchEngine(const Network& network, const Weights& weights, const TrainConfig& config, int64_t rows,
                int64_t minibatch)
        : network_(network),
          weights_(weights),
          precision_(config.precision),
          is_bfloat16_(precision_ == Precision::bfloat16),
          actor_input_(weights.memory(), bytes_of(network.actor_input(), std::max(rows, minibatch)), "network input"),
          critic_input_(
              weights.memory(),
              network.has_own_critic_input() ? bytes_of(network.critic_input(), std::max(rows, minibatch)) : 1,
              "network input") {
        const Device device = weights.memory().device();
        const auto number = options_for(device, at::kFloat), bf16 = options_for(device, at::kBFloat16);
        for (const Parameter& p : weights.list().list()) {
            at::Tensor view = is_bfloat16_ ? at::from_blob(weights.bf16_copy() + p.offset, p.shape, bf16)
                                           : at::from_blob(weights.parameter() + p.offset, p.shape, number);
            views_.push_back(minibatch > 0 ? view.requires_grad_() : view);
            if (minibatch > 0) gradients_.push_back(at::from_blob(weights.gradient() + p.offset, p.shape, number));
        }
    }

    void act(const ExecutionContext& context, const NetworkInputs& input, const Samples& samples,
             SampleActions sample) override {
        const PrecisionScope scope(context.device, precision_);
        const at::NoGradGuard no_gradient;
        sample.policy = forward(context, input, samples, {true, sample.value != nullptr});
        run(context, samples.count, sample);
    }
    void describe(const ExecutionContext& context, const NetworkInputs& input, const Samples& samples,
                  DescribeActions describe) override {
        const PrecisionScope scope(context.device, precision_);
        const at::NoGradGuard no_gradient;
        describe.policy = forward(context, input, samples, {describe.wants_head(), describe.value != nullptr});
        if (!describe.wants_head()) describe.policy.head = nullptr;
        run(context, samples.count, describe);
    }
    void value(const ExecutionContext& context, const NetworkInputs& input, StoreValues store) override {
        const PrecisionScope scope(context.device, precision_);
        const at::NoGradGuard no_gradient;
        store.policy = forward(context, input, store.samples, {false, true});
        run(context, store.samples.count, store);
    }
    void gradient(const ExecutionContext& context, const NetworkInputs& input, PpoLoss loss, double* sums) override {
        const PrecisionScope scope(context.device, precision_);
        {
            const at::AutoGradMode gradient(true);
            loss.policy = forward(context, input, loss.minibatch, {true, true});
        }
        set_output_gradients(loss);
        sum(context, loss.minibatch.count, loss, sums, Store::accumulate);
        backward();
    }

  private:
    struct Wanted {
        bool actor, value;
    };
    size_t bytes_of(const InputColumns& input, int64_t rows) const {
        return size_t(rows * input.width * (is_bfloat16_ ? 2 : 4));
    }
    at::Tensor gather(const ExecutionContext& context, const InputColumns& input, const Samples& samples,
                      const Buffer& buffer) {
        run(context, samples.count * (input.width / 8), GatherInput{input, samples, is_bfloat16_, buffer.data()});
        const auto options = options_for(weights_.memory().device(), is_bfloat16_ ? at::kBFloat16 : at::kFloat);
        return at::from_blob(buffer.data(), {samples.count, input.width}, options);
    }

    PolicyOutput forward(const ExecutionContext& context, const NetworkInputs& inputs, const Samples& samples,
                         Wanted wanted) {
        const ThreadScope threads(samples.count * weights_.size());
        const bool shares = network_.shares_layers(), has_own = network_.has_own_critic_input();
        outputs_.clear();
        PolicyOutput output;
        at::Tensor input;
        if (wanted.actor || !has_own) input = gather(context, inputs.actor, samples, actor_input_);
        if (wanted.actor || shares) {
            const at::Tensor& head = outputs_.emplace_back(network_.actor(views_.data(), input));
            output.head = head.data_ptr<float>(), output.head_stride = head.stride(0);
        }
        if (!wanted.value) return output;
        if (has_own) input = gather(context, inputs.critic, samples, critic_input_);
        const at::Tensor& value = shares ? outputs_[0] : outputs_.emplace_back(network_.critic(views_.data(), input));
        output.value = value.data_ptr<float>() + (shares ? network_.num_outputs() : 0);
        output.value_stride = value.stride(0);
        return output;
    }
    void set_output_gradients(PpoLoss& loss) {
        output_gradients_.clear();
        for (const at::Tensor& output : outputs_) output_gradients_.push_back(at::empty_like(output));
        loss.head_gradient = output_gradients_[0].data_ptr<float>();
        loss.value_gradient = network_.shares_layers() ? loss.head_gradient + network_.num_outputs()
                                                       : output_gradients_[1].data_ptr<float>();
    }
    void backward() {
        const ThreadScope threads(outputs_[0].size(0) * weights_.size());
        const std::vector<at::Tensor> gradients = torch::autograd::grad(outputs_, views_, output_gradients_);
        const at::NoGradGuard no_gradient;
        at::_foreach_copy_(gradients_, gradients);
        outputs_.clear(), output_gradients_.clear();
    }

    const Network& network_;
    const Weights& weights_;
    Precision precision_;
    bool is_bfloat16_;
    Buffer actor_input_, critic_input_;
    std::vector<at::Tensor> views_, gradients_, outputs_, output_gradients_;
};
}  // namespace

std::unique_ptr<Engine> make_torch_engine(const Network& network, const Weights& weights, const TrainConfig& config,
                                          int64_t rows, int64_t minibatch) {
    return std::make_unique<TorchEngine>(network, weights, config, rows, minibatch);
}

}  // namespace flockstep
