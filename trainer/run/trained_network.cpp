#include "trainer/run/trained_network.h"

#include <stdexcept>
#include <string_view>

#include "trainer/data/normalise.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

namespace {
constexpr char weights_infix[] = ".parameter.", scale_suffix[] = ".input.shift_and_scale",
               norm_suffix[] = ".value.norm";

bool ends_with(const std::string& text, std::string_view suffix) {
    return text.size() > suffix.size() && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

/// Compares what the settings describe with the stored parameters, before memory is allocated for them.
Network make_network(const TrainConfig& config, const Archive& archive, const PolicySpec& spec) {
    try {
        Network network(spec, config);
        for (const Parameter& p : network.parameters().list())
            archive.expect(spec.name + weights_infix + p.name, DType::float32, p.shape);
        return network;
    } catch (const DamagedCheckpoint&) {
        throw;
    } catch (const std::invalid_argument& error) {
        const std::string what = error.what();
        if (what.rfind(archive.place(), 0) == 0) throw;
        throw DamagedCheckpoint(archive.place() + "training_settings." + what);
    }
}
}  // namespace

bool is_needed_to_act(const std::string& array) {
    return array.find(weights_infix) != std::string::npos || ends_with(array, scale_suffix) ||
           ends_with(array, norm_suffix);
}

TrainedNetwork::TrainedNetwork(const CheckpointInfo& info, const Archive& archive, size_t policy, Memory& memory)
    : spec_(info.policies[policy]),
      config_(info.config.of_group(spec_.name)),
      memory_(memory),
      network_(make_network(config_, archive, spec_)),
      weights_(network_.parameters(), config_.precision == Precision::bfloat16, Weights::Use::act, memory),
      input_(network_.actor_input()) {
    StateReader reader(archive, memory);
    visit_parameters(reader, spec_.name + weights_infix, weights_.list(), weights_.parameter());
    weights_.refresh();
    float* const shift =
        static_cast<float*>(buffers_.emplace_back(memory, size_t(input_.width) * 8, "input scale").data());
    reader.visit(spec_.name + scale_suffix, DType::float32, {2, input_.width}, shift, {});
    input_.shift = shift, input_.scale = shift + input_.width;
    input_.limit = config_.norm_obs ? observation_limit : 0.0f;
    if (config_.norm_value) {
        value_norm_ = static_cast<ValueNorm*>(buffers_.emplace_back(memory, sizeof(ValueNorm), "value norm").data());
        reader.visit(spec_.name + norm_suffix, DType::float32, {4}, value_norm_, {});
    }

    const std::vector<Component>& components = network_.components();
    void* const list = buffers_.emplace_back(memory, components.size() * sizeof(Component), "actions").data();
    memory.from_host(list, components.data(), components.size() * sizeof(Component));
    head_ = Head(components, static_cast<const Component*>(list), network_.num_outputs());
    for (size_t a = 0; a < spec_.actions.size(); ++a)
        head_.actions[a].size = spec_.actions[a].size(), head_.actions[a].choices = spec_.actions[a].choices();
}

}  // namespace flockstep
