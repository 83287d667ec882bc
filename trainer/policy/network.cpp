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
/// The columns of an observation, parts in this order (by index).
InputColumns columns_of(const std::vector<PolicySpec::Part>& parts, const std::vector<int>& order) {
    InputColumns input;
    for (int p : order) {
        const PolicySpec::Part& part = parts[size_t(p)];
        for (int plane = 0; plane < part.planes(); ++plane) {
            InputPart& column = input.parts[input.num_parts++];
            column.dtype = part.dtype, column.elements = part.elements(), column.first_column = input.columns;
            column.source = p, column.flag = part.num_flags ? plane : -1;
            input.columns += part.elements();
        }
    }
    input.width = (input.columns + 7) / 8 * 8;
    return input;
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

Network::Network(const PolicySpec& spec, const TrainConfig& config) : shares_layers_(config.share_layers) {
    const EncoderKind& kind = find_encoder(config.encoder.str());
    if (!(config.init_std > config.min_std))
        throw std::invalid_argument("init_std: got " + to_text(double(config.init_std)) + ", want more than min_std, " +
                                    to_text(double(config.min_std)));
    lay_out_input(spec, kind);
    add_components(spec, config);
    if (shares_layers_) {
        actor_ = make_tower(kind, config, "", linear_outputs_ + 1, 0.01f, linear_outputs_);
    } else {
        actor_ = make_tower(kind, config, "actor.", linear_outputs_, 0.01f, 0);
        critic_ = make_tower(kind, config, "critic.", 1, 1.0f, 0);
    }
    if (num_outputs_ > linear_outputs_)
        deviation_ = parameters_.add({shares_layers_ ? "std" : "actor.std", {num_outputs_ - linear_outputs_}});
}

void Network::lay_out_input(const PolicySpec& spec, const EncoderKind& kind) {
    const std::vector<int> order = kind.order(spec.parts);
    actor_input_ = columns_of(spec.parts, order);
    for (int p : order) encoder_input_.parts.push_back(spec.parts[size_t(p)]);
    encoder_input_.columns = actor_input_.columns, encoder_input_.width = actor_input_.width;
    input_scale_.assign(size_t(actor_input_.width), 1.0f);
    for (int p = 0; p < actor_input_.num_parts; ++p) {
        const InputPart& part = actor_input_.parts[p];
        std::fill_n(input_scale_.begin() + part.first_column, part.elements, spec.parts[size_t(part.source)].scale);
    }
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

Network::Tower Network::make_tower(const EncoderKind& kind, const TrainConfig& config, const std::string& prefix,
                                   int64_t outputs, float gain, int64_t split) {
    Tower tower;
    tower.encoder = kind.make(encoder_input_, config, parameters_, prefix);
    tower.head = Linear(parameters_, prefix + "head", outputs, tower.encoder->num_features(), gain,
                        tower.encoder->used_features(), split);
    return tower;
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
