#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/rollout.h"
#include "trainer/sampling.h"

namespace flockstep {

/// One weight or bias within a policy's flat arrays of parameters.
struct Parameter {
    std::string name;  // such as "actor.hidden.0.weight"
    std::vector<int64_t> shape;
    int64_t offset = 0;  // in numbers; between parameters there is padding, which stays 0
    float gain = 1.0f;   // of the orthogonal initialisation; biases begin at 0
    int first_rows = 0;  // > 0: the rows from there on (of the critic's head) are initialised apart, with gain 1
    int64_t count() const;
};

/// Where the gradient of the loss by the network's output goes; strides as in PolicyOutput.
struct OutputGradient {
    float* logits = nullptr;
    float* value = nullptr;
};

/// The actor and the critic of one role: a network on LibTorch behind pointers. Parameters, their gradient and Adam's
/// moments are flat float32 arrays of `size` numbers on the device, so that the optimiser takes them in one go. With
/// bfloat16 the network computes with a rounded copy of its parameters.
///
/// mlp: all observation parts side by side -> hidden layers -> logits and value. cnn: parts of equal height and width
/// are stacked as channels -> 3x3 convolutions without padding -> joined by the other parts -> hidden layers -> the
/// same. Orthogonal initialisation with gain sqrt(2), 0.01 for logits and 1 for the value, as is usual for PPO
/// (Engstrom et al. 2020, Andrychowicz et al. 2021).
class Policy {
  public:
    /// Throws std::invalid_argument where the settings fit no network.
    Policy(const PolicySpec& spec, const TrainConfig& config, Memory& memory);
    ~Policy();
    Policy(Policy&&) noexcept;

    const PolicySpec& spec() const;
    const std::vector<Parameter>& parameters() const;
    int64_t size() const;
    float *parameter() const, *gradient() const, *first_moment() const, *second_moment() const;
    uint16_t* rounded() const;  // null with float32
    /// Random weights, the same on every device. Waits.
    void initialize(uint64_t seed);
    /// To be called when parameters were written from outside.
    void refresh();

    /// Layout of the network's input; data pointers are null.
    InputColumns input(int64_t num_envs, int num_agents) const;
    bool is_bfloat16() const { return rounded() != nullptr; }
    int input_number_bytes() const { return is_bfloat16() ? 2 : 4; }
    /// Scale of each input column, and zeros for the shift; [width].
    std::vector<float> input_scale() const;

    /// input: [rows, width], float32 or bfloat16 (is_bfloat16). Results are valid until the next call.
    /// All enqueue on LibTorch's current stream.
    PolicyOutput evaluate(const void* input, int64_t rows);
    /// evaluate() for those who only act: without values, which saves half the work where layers are separate.
    PolicyOutput choose(const void* input, int64_t rows);
    PolicyOutput forward(const void* input, int64_t rows);
    /// Of the last forward; to be written before backward().
    OutputGradient output_gradient();
    /// Writes gradient().
    void backward();

  private:
    struct Network;
    std::unique_ptr<Network> network_;
};

}  // namespace flockstep
