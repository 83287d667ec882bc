#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/policy/network_layout.h"
#include "trainer/policy/sampling.h"

namespace flockstep {

/// Where to write the gradient of the loss with respect to the network's output; strides as in PolicyOutput.
struct OutputGradient {
    float* logits = nullptr;
    float* value = nullptr;
};

/// One role's actor and critic, a LibTorch network behind plain pointers. Parameters, gradient and Adam's moments are
/// flat float32 arrays of `size` elements on the device, which the optimiser updates in one kernel. With bfloat16 the
/// network computes with a bfloat16 copy of its parameters.
///
/// mlp: all observation parts, concatenated -> hidden layers -> logits and value. cnn: parts of equal height and width,
/// stacked as channels -> 3x3 convolutions without padding -> concatenated with the other parts -> hidden layers ->
/// logits and value. Orthogonal initialisation with gain sqrt(2), 0.01 for logits and 1 for the value, as is usual for
/// PPO (Engstrom et al. 2020, Andrychowicz et al. 2021).
class Policy {
  public:
    /// Throws std::invalid_argument if the settings describe no valid network.
    Policy(const PolicySpec& spec, const TrainConfig& config, Memory& memory);
    ~Policy();
    Policy(Policy&&) noexcept;

    const PolicySpec& spec() const;
    const std::vector<Parameter>& parameters() const;
    int64_t size() const;
    float *parameter() const, *gradient() const, *first_moment() const, *second_moment() const;
    uint16_t* bf16_copy() const;  // null with float32
    /// Random weights, the same on every device. Synchronises.
    void initialize(uint64_t seed);
    /// Updates the bfloat16 copy. Call after writing to parameter().
    void refresh();

    /// Layout of the network's input; data pointers are null.
    InputColumns input(int64_t num_envs, int num_agents) const;
    bool is_bfloat16() const { return bf16_copy() != nullptr; }
    int input_element_bytes() const { return is_bfloat16() ? 2 : 4; }
    /// Scale of each input column, and zeros for the shift; [width].
    std::vector<float> input_scale() const;

    /// input: [rows, width], float32 or bfloat16 (is_bfloat16). Results stay valid until the next call. All of these
    /// enqueue on LibTorch's current stream.
    PolicyOutput forward_no_grad(const void* input, int64_t rows);
    /// Without values (null): half the work if actor and critic are separate networks.
    PolicyOutput forward_actor(const void* input, int64_t rows);
    PolicyOutput forward(const void* input, int64_t rows);
    /// For the last forward(); write it before backward().
    OutputGradient output_gradient();
    /// Writes gradient().
    void backward();

  private:
    struct Network;
    std::unique_ptr<Network> network_;
};

}  // namespace flockstep
