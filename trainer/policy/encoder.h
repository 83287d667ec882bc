#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/data/spec.h"
#include "trainer/policy/parameters.h"

namespace at {
class Tensor;
}

namespace flockstep {

/// A network's parameters as tensors, by index in its ParameterList: views into the flat array.
using ParameterViews = const at::Tensor*;

/// A linear layer.
struct Linear {
    int weight = 0, bias = 0;

    Linear() = default;
    /// used_inputs: see Parameter::inputs.
    Linear(ParameterList& parameters, const std::string& name, int64_t outputs, int64_t inputs, float gain,
           int64_t used_inputs, int64_t split = 0);
    at::Tensor operator()(ParameterViews views, const at::Tensor& input) const;
};

/// What an encoder reads: the columns of a network's input and the parts that they come from, in order.
struct EncoderInput {
    std::vector<PolicySpec::Part> parts;
    int columns = 0, width = 0;  // without and with padding
};

/// Turns rows of a network's input, [rows, width], into rows of features. Encoders are registered by name, which is
/// what the setting `encoder` names.
class Encoder {
  public:
    virtual ~Encoder() = default;
    virtual int64_t num_features() const = 0;
    /// Features that can differ from 0: those after them are the input's padding.
    virtual int64_t used_features() const { return num_features(); }
    virtual at::Tensor forward(ParameterViews views, const at::Tensor& input) const = 0;
};

/// An entry of the registry.
struct EncoderKind {
    std::string name;
    /// Order in which it wants the parts (by index) in the input's columns.
    std::vector<int> (*order)(const std::vector<PolicySpec::Part>& parts);
    /// Adds its parameters, with names that start with `prefix`. Throws std::invalid_argument, starting with the
    /// setting's name, if the settings describe no valid encoder for this input.
    std::unique_ptr<Encoder> (*make)(const EncoderInput& input, const TrainConfig& config, ParameterList& parameters,
                                     const std::string& prefix);
};

/// The encoders by name: mlp and cnn, and what was registered.
const std::vector<EncoderKind>& encoders();
/// Before any network is made.
void register_encoder(const EncoderKind& kind);
/// Throws std::invalid_argument for an unknown name.
const EncoderKind& find_encoder(const std::string& name);

}  // namespace flockstep
