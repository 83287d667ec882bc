#include "trainer/policy/network.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace flockstep {

namespace {
using CriticPart = PolicySpec::CriticPart;

/// The columns of an input, parts in this order (by index), then identities.
InputColumns columns_of(const std::vector<CriticPart>& parts, const std::vector<int>& order, int num_identities) {
    InputColumns input;
    const auto add = [&](InputPart part) {
        part.first_column = input.columns, input.columns += part.elements;
        input.shows_world |= part.of != InputPart::Of::agent;
        input.parts[input.num_parts++] = part;
    };
    for (int p : order) {
        const CriticPart& from = parts[size_t(p)];
        for (int plane = 0; plane < from.part.planes(); ++plane) {
            InputPart part;
            part.dtype = from.part.dtype, part.elements = from.part.elements(), part.source = p;
            part.flag = from.part.num_flags ? plane : -1;
            part.of = from.of_world ? InputPart::Of::world : InputPart::Of::agent;
            if (from.num_agents)
                part.first_agent = from.first_agent, part.agent_elements = part.elements / from.num_agents;
            add(part);
        }
    }
    InputPart identity;
    identity.elements = num_identities, identity.of = InputPart::Of::identity;
    identity.dtype = DType::uint8;  // so that it is not normalised
    if (num_identities) add(identity);
    input.width = (input.columns + 7) / 8 * 8;
    return input;
}

/// What the actor sees, in the same form.
std::vector<CriticPart> actor_parts(const PolicySpec& spec) {
    std::vector<CriticPart> parts;
    for (const PolicySpec::Part& part : spec.parts) parts.push_back({part, false, 0, 0});
    return parts;
}

Component choice(int part, int element, int output, int n, int mask) {
    Component c{};
    c.kind = Component::Kind::categorical, c.part = part, c.element = element;
    c.output = output, c.n = n, c.mask = mask;
    return c;
}

/// log(exp(y) - 1), where exp(y) may overflow.
double inverse_softplus(double y) { return y + std::log(-std::expm1(-y)); }

/// Bounded on both sides, the number -1 .. 1 is the whole range; otherwise it is the action itself.
Component number(int part, int element, int output, float low, float high, const TrainConfig& config) {
    Component c{};
    c.kind = config.squash_output ? Component::Kind::squashed : Component::Kind::gaussian;
    c.part = part, c.element = element, c.output = output, c.min_std = config.min_std;
    c.raw_offset = float(inverse_softplus(double(config.init_std) - double(config.min_std)));
    c.low = low, c.high = high, c.middle = 0.0f, c.half_range = 1.0f;
    if (std::isfinite(low) && std::isfinite(high))
        c.middle = 0.5f * (low + high), c.half_range = 0.5f * (high - low);
    else if (config.squash_output)
        throw std::invalid_argument("squash_output: got true, but an action has no bounds to squash it to; want false");
    return c;
}
}  // namespace

Network::Network(const PolicySpec& spec, const TrainConfig& config)
    : shares_layers_(config.share_layers), has_own_critic_input_(!spec.critic_parts.empty()) {
    if (shares_layers_ && has_own_critic_input_)
        throw std::invalid_argument(
            "share_layers: got true, but with critic_input the critic sees something else than the actor; want false");
    if (!(config.init_std > config.min_std))
        throw std::invalid_argument("init_std: got " + to_text(double(config.init_std)) + ", want more than min_std, " +
                                    to_text(double(config.min_std)));
    add_components(spec, config);
    const std::vector<CriticPart> seen = actor_parts(spec);
    if (shares_layers_) {
        actor_ = make_tower(seen, 0, config, "", linear_outputs_ + 1, 0.01f, linear_outputs_);
    } else {
        actor_ = make_tower(seen, 0, config, "actor.", linear_outputs_, 0.01f, 0);
        critic_ = make_tower(has_own_critic_input_ ? spec.critic_parts : seen, spec.num_identities, config, "critic.",
                             1, 1.0f, 0);
    }
    if (num_outputs_ > linear_outputs_)
        deviation_ = parameters_.add({shares_layers_ ? "std" : "actor.std", {num_outputs_ - linear_outputs_}});
}

void Network::add_components(const PolicySpec& spec, const TrainConfig& config) {
    if (spec.actions.size() > size_t(max_policy_actions))
        throw std::invalid_argument(spec.name + ": got " + std::to_string(spec.actions.size()) +
                                    " action parts, want at most " + std::to_string(max_policy_actions));
    for (size_t part = 0; part < spec.actions.size(); ++part) {
        const PolicySpec::Action& action = spec.actions[part];
        for (int element = 0, mask = 0; element < action.size(); ++element) {
            const size_t e = size_t(element);
            if (action.is_box()) {
                components_.push_back(
                    number(int(part), element, linear_outputs_, action.low[e], action.high[e], config));
                ++linear_outputs_;
            } else {
                components_.push_back(choice(int(part), element, linear_outputs_, action.n[e], mask));
                mask += action.n[e], linear_outputs_ += action.n[e];
            }
        }
    }
    num_outputs_ = linear_outputs_;
    for (Component& c : components_)
        if (c.kind != Component::Kind::categorical) c.deviation = num_outputs_++;
    if (config.state_dependent_std) linear_outputs_ = num_outputs_;
}

Network::Tower Network::make_tower(const std::vector<CriticPart>& parts, int num_identities, const TrainConfig& config,
                                   const std::string& prefix, int64_t outputs, float gain, int64_t split) {
    std::vector<PolicySpec::Part> seen;
    for (const CriticPart& part : parts) seen.push_back(part.part);
    // Joined observations and most states are no images.
    const bool is_flat = std::none_of(seen.begin(), seen.end(), [](const auto& part) { return part.shape.size() > 1; });
    const bool is_own = has_own_critic_input_ && prefix == "critic.";
    const std::string encoder = is_own && is_flat ? "mlp" : config.encoder.str();
    const EncoderKind& kind = find_encoder(encoder);
    const std::vector<int> order = kind.order(seen);
    Tower tower;
    tower.columns = columns_of(parts, order, num_identities);
    tower.scale.assign(size_t(tower.columns.width), 1.0f);
    for (int p = 0; p < tower.columns.num_parts; ++p) {
        const InputPart& part = tower.columns.parts[p];
        if (part.of == InputPart::Of::identity) continue;
        std::fill_n(tower.scale.begin() + part.first_column, part.elements, seen[size_t(part.source)].scale);
    }
    EncoderInput input{{}, tower.columns.columns, tower.columns.width};
    for (int p : order) input.parts.push_back(seen[size_t(p)]);
    tower.encoder = kind.make(input, config, parameters_, prefix);
    tower.head = Linear(parameters_, prefix + "head", outputs, tower.encoder->num_features(), gain,
                        tower.encoder->used_features(), split);
    return tower;
}

Network::ValueHead Network::value_head() const {
    const Linear& head = shares_layers_ ? actor_.head : critic_.head;
    const Parameter &weight = parameters_.list()[size_t(head.weight)], &bias = parameters_.list()[size_t(head.bias)];
    const int64_t inputs = weight.shape[1], row = weight.shape[0] - 1;
    return {weight.offset + row * inputs, bias.offset + row, inputs};
}

at::Tensor Network::Tower::operator()(ParameterViews views, const at::Tensor& input) const {
    return head(views, encoder->forward(views, input)).to(at::kFloat);
}

at::Tensor Network::actor(ParameterViews views, const at::Tensor& input) const {
    at::Tensor outputs = actor_(views, input);
    if (deviation_ < 0) return outputs;
    const at::Tensor deviation =
        views[deviation_].to(at::kFloat).expand({input.size(0), num_outputs_ - linear_outputs_});
    if (!shares_layers_) return at::cat({outputs, deviation}, 1);
    return at::cat({outputs.narrow(1, 0, linear_outputs_), deviation, outputs.narrow(1, linear_outputs_, 1)}, 1);
}
at::Tensor Network::critic(ParameterViews views, const at::Tensor& input) const { return critic_(views, input); }

}  // namespace flockstep
