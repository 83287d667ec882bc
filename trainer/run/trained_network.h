#pragma once

#include <string>
#include <vector>

#include "trainer/policy/head.h"
#include "trainer/policy/network.h"
#include "trainer/policy/weights.h"
#include "trainer/run/checkpoint_info.h"

namespace flockstep {

/// Whether a policy needs an array of a checkpoint in order to act: weights and the scales of input and value, but
/// neither the optimiser's moments nor the worlds' state. For read_archive().
bool is_needed_to_act(const std::string& array);

/// One trained policy of a checkpoint on the device: its network, its weights, and how its input is scaled. Any number
/// of PolicyActors use it; the archive is not needed any longer.
class TrainedNetwork {
  public:
    /// policy: index into info.policies. Throws DamagedCheckpoint if the stored parameters do not fit the settings.
    /// Waits.
    TrainedNetwork(const CheckpointInfo& info, const Archive& archive, size_t policy, Memory& memory);
    TrainedNetwork(const TrainedNetwork&) = delete;

    const PolicySpec& spec() const { return spec_; }
    /// The settings of its group.
    const TrainConfig& config() const { return config_; }
    const Network& network() const { return network_; }
    const Weights& weights() const { return weights_; }
    Memory& memory() const { return memory_; }
    /// Rows and the addresses of observations are not set.
    const InputColumns& input() const { return input_; }
    /// The addresses of actions and masks are not set.
    const Head& head() const { return head_; }
    /// What the critic's outputs stand for, on the device; null: values.
    const ValueNorm* value_norm() const { return value_norm_; }

  private:
    PolicySpec spec_;
    TrainConfig config_;
    Memory& memory_;
    Network network_;
    Weights weights_;
    std::vector<Buffer> buffers_;
    InputColumns input_;
    Head head_;
    ValueNorm* value_norm_ = nullptr;
};

}  // namespace flockstep
