#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trainer/data/input.h"
#include "trainer/policy/encoder.h"
#include "trainer/policy/head.h"

namespace flockstep {

/// One policy's actor and critic as modules: their input, their parameters, and how the outputs follow. It owns no
/// memory of a device: see Weights for the numbers.
///
/// Each has an encoder and a linear layer after it; share_layers: one encoder and one layer for both. The actor's
/// outputs are logits and means, then, with state_dependent_std, the raw deviations; otherwise those are parameters.
/// Orthogonal initialisation with gain sqrt(2), 0.01 for the actor's last layer and 1 for the value, as is usual for
/// PPO (Engstrom et al. 2020, Andrychowicz et al. 2021).
class Network {
  public:
    /// Throws std::invalid_argument, starting with the setting's name, if the settings describe no valid network.
    Network(const PolicySpec& spec, const TrainConfig& config);

    const ParameterList& parameters() const { return parameters_; }
    /// Columns of the input: data pointers and rows are not set.
    const InputColumns& actor_input() const { return actor_.columns; }
    const InputColumns& critic_input() const { return has_own_critic_input_ ? critic_.columns : actor_.columns; }
    /// Whether the critic sees something else than the actor.
    bool has_own_critic_input() const { return has_own_critic_input_; }
    /// Scale of each input column, [width].
    const std::vector<float>& actor_scale() const { return actor_.scale; }
    const std::vector<float>& critic_scale() const { return critic_.scale; }
    /// What the actor's outputs mean.
    const std::vector<Component>& components() const { return components_; }
    int num_outputs() const { return num_outputs_; }
    bool shares_layers() const { return shares_layers_; }
    /// The weights and the bias that give the value: offsets in the flat array.
    struct ValueHead {
        int64_t weight, bias, inputs;
    };
    ValueHead value_head() const;

    /// The actor's outputs, [rows, num_outputs], and the values, [rows, 1], float32. With shared layers they are
    /// columns of one tensor, which `actor` gives with the values as its last column.
    at::Tensor actor(ParameterViews views, const at::Tensor& input) const;
    at::Tensor critic(ParameterViews views, const at::Tensor& input) const;

  private:
    struct Tower {
        InputColumns columns;
        std::vector<float> scale;
        std::unique_ptr<Encoder> encoder;
        Linear head;
        at::Tensor operator()(ParameterViews views, const at::Tensor& input) const;
    };
    void add_components(const PolicySpec& spec, const TrainConfig& config);
    Tower make_tower(const std::vector<PolicySpec::CriticPart>& parts, int num_identities, const TrainConfig& config,
                     const std::string& prefix, int64_t outputs, float gain, int64_t split);

    ParameterList parameters_;
    std::vector<Component> components_;
    int num_outputs_ = 0;     // of the actor, in the network's rows
    int linear_outputs_ = 0;  // of its last layer
    int deviation_ = -1;      // parameter: the raw deviations, if they do not depend on the state
    bool shares_layers_, has_own_critic_input_;
    Tower actor_, critic_;
};

}  // namespace flockstep
