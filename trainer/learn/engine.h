#pragma once

#include <memory>
#include <vector>

#include "trainer/data/input.h"
#include "trainer/device/launch.h"
#include "trainer/learn/loss.h"
#include "trainer/policy/describe_actions.h"
#include "trainer/policy/network.h"
#include "trainer/policy/weights.h"

namespace flockstep {

/// What a policy's networks see. The critic's own input counts only if the network has one.
struct NetworkInputs {
    InputColumns actor, critic;
};

/// Computes with one policy's network. All functions enqueue on the context's stream, and none waits. The items that
/// they take are complete but for the network's outputs: an engine may run them as kernels of their own or as parts of
/// its own.
class Engine {
  public:
    virtual ~Engine() = default;
    /// Chooses actions for samples of one step; `sample.value` null: without the critic.
    virtual void act(const ExecutionContext& context, const NetworkInputs& input, const Samples& samples,
                     SampleActions sample) = 0;
    /// Describes the distributions of samples of one step, and values, as far as `describe` wants them.
    virtual void describe(const ExecutionContext& context, const NetworkInputs& input, const Samples& samples,
                          DescribeActions describe) = 0;
    /// Stores the values of store.samples.
    virtual void value(const ExecutionContext& context, const NetworkInputs& input, StoreValues store) = 0;
    /// The gradient of a loss over loss.minibatch, into the weights' gradient; the loss adds its terms to `sums`.
    virtual void gradient(const ExecutionContext& context, const NetworkInputs& input, PpoLoss loss, double* sums) = 0;
};

/// LibTorch's operators and autograd: any network. rows, minibatch: the largest numbers of samples to act on and to
/// learn from; the latter is 0 if it never learns.
std::unique_ptr<Engine> make_torch_engine(const Network& network, const Weights& weights, const TrainConfig& config,
                                          int64_t rows, int64_t minibatch);

}  // namespace flockstep
