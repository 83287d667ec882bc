#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <exception>

#include "sim/host/host_threads.h"
#include "trainer/learn/engine.h"
#include "trainer/learn/precision_scope.h"

namespace flockstep {

namespace {
at::TensorOptions options_for(Device device, at::ScalarType dtype) {
    const at::Device context =
        device.is_cuda() ? at::Device(at::kCUDA, c10::DeviceIndex(device.index)) : at::Device(at::kCPU);
    return at::TensorOptions().dtype(dtype).device(context);
}

/// Runs LibTorch's operators on one thread while it lives.
class OneThread {
  public:
    OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
    ~OneThread() { at::set_num_threads(before_); }
    OneThread(const OneThread&) = delete;

  private:
    int before_;
};

/// The rows that a pass computes with at a time: all of them, or slices that threads take one by one.
struct Slices {
    int64_t count, rows;
    int64_t number() const { return std::max<int64_t>((count + rows - 1) / rows, 1); }
    int64_t size(int64_t slice) const { return std::min(rows, count - slice * rows); }
    at::Tensor of(const at::Tensor& tensor, int64_t slice) const {
        return number() == 1 ? tensor : tensor.narrow(0, slice * rows, size(slice));
    }
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
        sample.policy = forward(context, input, samples, {true, sample.value != nullptr});
        run(context, samples.count, sample);
    }
    void describe(const ExecutionContext& context, const NetworkInputs& input, const Samples& samples,
                  DescribeActions describe) override {
        const PrecisionScope scope(context.device, precision_);
        describe.policy = forward(context, input, samples, {describe.wants_head(), describe.value != nullptr});
        if (!describe.wants_head()) describe.policy.head = nullptr;
        run(context, samples.count, describe);
    }
    void value(const ExecutionContext& context, const NetworkInputs& input, StoreValues store) override {
        const PrecisionScope scope(context.device, precision_);
        store.policy = forward(context, input, store.samples, {false, true});
        run(context, store.samples.count, store);
    }
    void gradient(const ExecutionContext& context, const NetworkInputs& input, PpoLoss loss, double* sums) override {
        const PrecisionScope scope(context.device, precision_);
        loss.policy = forward(context, input, loss.minibatch, {true, true}, true);
        set_output_gradients(loss);
        sum(context, loss.minibatch.count, loss, sums, Store::accumulate);
        backward(loss.minibatch.count);
    }

  private:
    static constexpr int64_t enough_products = 30'000'000;  // multiplications of a slice
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

    /// Operators on one thread each, slices on all of them: threads that wait for each other after every operator lose
    /// much on a busy machine. Slices depend on sizes alone, so that results are the same on any number of threads. A
    /// GPU takes all rows at once.
    Slices slices_of(int64_t count) const {
        constexpr int64_t least_rows = 32, most_slices = 32;
        if (weights_.memory().device().is_cuda()) return {count, std::max<int64_t>(count, 1)};
        const int64_t wanted = (products_of(count) + enough_products / 2) / enough_products;
        const int64_t number = std::clamp<int64_t>(std::min(wanted, count / least_rows), 1, most_slices);
        return {count, std::max<int64_t>((count + number - 1) / number, 1)};
    }
    int64_t products_of(int64_t rows) const { return rows * weights_.size(); }
    /// Calls work(slice) for every slice, with `gradient` mode.
    template <class Work>
    void for_each_slice(const Slices& slices, bool gradient, const Work& work) const {
        std::vector<std::exception_ptr> errors(size_t(slices.number()));
        const int threads = at::get_num_threads();
        const OneThread one_thread;
        for_each_chunk(slices.number(), 1, threads, [&](int64_t first, int64_t last, int) {
            const at::AutoGradMode mode(gradient);
            if (at::get_num_threads() != 1) at::set_num_threads(1);  // of this thread
            for (int64_t slice = first; slice < last; ++slice) try {
                    work(slice);
                } catch (...) {
                    errors[size_t(slice)] = std::current_exception();
                }
        });
        for (const std::exception_ptr& error : errors)
            if (error) std::rethrow_exception(error);
    }

    PolicyOutput forward(const ExecutionContext& context, const NetworkInputs& inputs, const Samples& samples,
                         Wanted wanted, bool gradient = false) {
        const bool shares = network_.shares_layers(), has_own = network_.has_own_critic_input();
        const bool runs_actor = wanted.actor || shares, runs_critic = wanted.value && !shares;
        at::Tensor input, critic_input;
        if (runs_actor || !has_own) input = gather(context, inputs.actor, samples, actor_input_);
        if (runs_critic) critic_input = has_own ? gather(context, inputs.critic, samples, critic_input_) : input;
        const Slices slices = slices_of(samples.count);
        outputs_.assign(size_t(slices.number()), {});
        for_each_slice(slices, gradient, [&](int64_t slice) {
            std::vector<at::Tensor>& outputs = outputs_[size_t(slice)];
            if (runs_actor) outputs.push_back(network_.actor(views_.data(), slices.of(input, slice)));
            if (runs_critic) outputs.push_back(network_.critic(views_.data(), slices.of(critic_input, slice)));
        });
        join_outputs();
        PolicyOutput output;
        if (runs_actor) output.head = joined_[0].data_ptr<float>(), output.head_stride = joined_[0].stride(0);
        if (!wanted.value) return output;
        const at::Tensor& value = joined_.back();
        output.value = value.data_ptr<float>() + (shares ? network_.num_outputs() : 0);
        output.value_stride = value.stride(0);
        return output;
    }
    /// Outputs of all rows, one tensor each.
    void join_outputs() {
        const at::NoGradGuard no_gradient;
        joined_ = outputs_[0];
        for (size_t i = 0; i < joined_.size() && outputs_.size() > 1; ++i) {
            std::vector<at::Tensor> parts;
            for (const std::vector<at::Tensor>& outputs : outputs_) parts.push_back(outputs[i]);
            joined_[i] = at::cat(parts);
        }
    }
    void set_output_gradients(PpoLoss& loss) {
        output_gradients_.clear();
        for (const at::Tensor& output : joined_) output_gradients_.push_back(at::empty_like(output));
        loss.head_gradient = output_gradients_[0].data_ptr<float>();
        loss.value_gradient = network_.shares_layers() ? loss.head_gradient + network_.num_outputs()
                                                       : output_gradients_[1].data_ptr<float>();
    }
    /// The gradient is the sum over the slices, from the first on.
    void backward(int64_t count) {
        const Slices slices = slices_of(count);
        std::vector<std::vector<at::Tensor>> gradients(size_t(slices.number()));
        for_each_slice(slices, false, [&](int64_t slice) {
            std::vector<at::Tensor> own;
            for (const at::Tensor& whole : output_gradients_) own.push_back(slices.of(whole, slice));
            gradients[size_t(slice)] = torch::autograd::grad(outputs_[size_t(slice)], views_, own);
        });
        const at::NoGradGuard no_gradient;
        at::_foreach_copy_(gradients_, gradients[0]);
        for (size_t slice = 1; slice < gradients.size(); ++slice) at::_foreach_add_(gradients_, gradients[slice]);
        outputs_.clear(), joined_.clear(), output_gradients_.clear();
    }

    const Network& network_;
    const Weights& weights_;
    Precision precision_;
    bool is_bfloat16_;
    Buffer actor_input_, critic_input_;
    std::vector<at::Tensor> views_, gradients_, joined_, output_gradients_;
    std::vector<std::vector<at::Tensor>> outputs_;  // of each slice: the actor's, the critic's
};
}  // namespace

std::unique_ptr<Engine> make_torch_engine(const Network& network, const Weights& weights, const TrainConfig& config,
                                          int64_t rows, int64_t minibatch) {
    return std::make_unique<TorchEngine>(network, weights, config, rows, minibatch);
}

}  // namespace flockstep
