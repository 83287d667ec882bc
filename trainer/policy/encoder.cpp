#include "trainer/policy/encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "io/quote.h"

namespace flockstep {

namespace {
constexpr size_t most_layers = 64;

void check_layers(const char* setting, size_t layers) {
    if (layers > most_layers)
        throw std::invalid_argument(std::string(setting) + ": got " + std::to_string(layers) +
                                    " layers, want at most " + std::to_string(most_layers));
}

at::Tensor activated(at::Tensor x, Activation activation) {
    return activation == Activation::tanh ? x.tanh_() : x.relu_();
}

/// Hidden layers.
class Mlp : public Encoder {
  public:
    Mlp(int64_t width, int64_t used, const TrainConfig& config, ParameterList& parameters, const std::string& prefix)
        : activation_(config.activation), num_features_(width), used_features_(used) {
        check_layers("hidden_sizes", config.hidden_sizes.size());
        for (size_t i = 0; i < config.hidden_sizes.size(); ++i) {
            layers_.emplace_back(parameters, prefix + "hidden." + std::to_string(i), config.hidden_sizes[i],
                                 num_features_, std::sqrt(2.0f), used_features_);
            num_features_ = used_features_ = config.hidden_sizes[i];
        }
    }
    int64_t num_features() const override { return num_features_; }
    int64_t used_features() const override { return used_features_; }
    at::Tensor forward(ParameterViews views, const at::Tensor& input) const override {
        at::Tensor x = input;
        for (const Linear& layer : layers_) x = activated(layer(views, x), activation_);
        return x;
    }

  private:
    Activation activation_;
    int64_t num_features_, used_features_;
    std::vector<Linear> layers_;
};

bool is_image(const PolicySpec::Part& part) { return part.shape.size() == 2 || part.shape.size() == 3; }
int height_of(const PolicySpec::Part& part) { return part.shape[part.shape.size() - 2]; }
int width_of(const PolicySpec::Part& part) { return part.shape.back(); }
int channels_of(const PolicySpec::Part& part) { return (part.shape.size() == 3 ? part.shape[0] : 1) * part.planes(); }

/// 3x3 convolutions without padding over the image at the front of the input, joined with the other columns, then
/// hidden layers.
class Cnn : public Encoder {
  public:
    Cnn(const EncoderInput& input, const TrainConfig& config, ParameterList& parameters, const std::string& prefix)
        : activation_(config.activation), stride_(input.width) {
        find_image(input);
        check_layers("channels", config.channels.size());
        const int64_t lost = 2 * int64_t(config.channels.size());
        if (std::min(height_, width_) < lost + 1)
            throw std::invalid_argument("channels: got " + std::to_string(config.channels.size()) +
                                        " convolutions, too many for an image of " + std::to_string(height_) + "x" +
                                        std::to_string(width_) + " cells (each removes 2 rows and 2 columns)");
        int64_t in = channels_;
        for (size_t i = 0; i < config.channels.size(); ++i) {
            const std::string name = prefix + "convolution." + std::to_string(i);
            Linear& layer = convolutions_.emplace_back();
            layer.weight = parameters.add({name + ".weight", {config.channels[i], in, 3, 3}, 0, std::sqrt(2.0f)});
            layer.bias = parameters.add({name + ".bias", {config.channels[i]}});
            in = config.channels[i];
        }
        const int64_t features = in * (height_ - lost) * (width_ - lost) + stride_ - image_size();
        mlp_ = std::make_unique<Mlp>(features, features, config, parameters, prefix);
    }
    int64_t num_features() const override { return mlp_->num_features(); }
    at::Tensor forward(ParameterViews views, const at::Tensor& input) const override {
        at::Tensor x =
            input.as_strided({input.size(0), channels_, height_, width_}, {stride_, height_ * width_, width_, 1});
        for (const Linear& layer : convolutions_)
            x = activated(at::conv2d(x, views[layer.weight], views[layer.bias]), activation_);
        x = x.flatten(1);
        const int64_t rest = stride_ - image_size();
        if (rest > 0) x = at::cat({x, input.narrow(1, image_size(), rest)}, 1);
        return mlp_->forward(views, x);
    }

  private:
    int64_t image_size() const { return channels_ * height_ * width_; }
    void find_image(const EncoderInput& input) {
        for (const PolicySpec::Part& part : input.parts) {
            if (!is_image(part) || (channels_ && (height_of(part) != height_ || width_of(part) != width_))) break;
            channels_ += channels_of(part), height_ = height_of(part), width_ = width_of(part);
        }
    }
    Activation activation_;
    int64_t stride_, channels_ = 0, height_ = 0, width_ = 0;
    std::vector<Linear> convolutions_;
    std::unique_ptr<Mlp> mlp_;
};

std::vector<int> as_declared(const std::vector<PolicySpec::Part>& parts) {
    std::vector<int> order(parts.size());
    std::iota(order.begin(), order.end(), 0);
    return order;
}
/// Images of the height and width of the first one come first.
std::vector<int> images_first(const std::vector<PolicySpec::Part>& parts) {
    std::vector<int> order = as_declared(parts);
    const auto first = std::find_if(parts.begin(), parts.end(), is_image);
    if (first == parts.end())
        throw std::invalid_argument("encoder: got cnn, but there is no 2- or 3-dimensional observation part; want mlp");
    std::stable_partition(order.begin(), order.end(), [&](int p) {
        const PolicySpec::Part& part = parts[size_t(p)];
        return is_image(part) && height_of(part) == height_of(*first) && width_of(part) == width_of(*first);
    });
    return order;
}

std::vector<EncoderKind>& registered() {
    static std::vector<EncoderKind> list{
        {"mlp", as_declared,
         [](const EncoderInput& input, const TrainConfig& config, ParameterList& parameters,
            const std::string& prefix) -> std::unique_ptr<Encoder> {
             return std::make_unique<Mlp>(input.width, input.columns, config, parameters, prefix);
         }},
        {"cnn", images_first,
         [](const EncoderInput& input, const TrainConfig& config, ParameterList& parameters, const std::string& prefix)
             -> std::unique_ptr<Encoder> { return std::make_unique<Cnn>(input, config, parameters, prefix); }},
    };
    return list;
}
}  // namespace

Linear::Linear(ParameterList& parameters, const std::string& name, int64_t outputs, int64_t inputs, float gain,
               int64_t used_inputs, int64_t split)
    : weight(parameters.add({name + ".weight", {outputs, inputs}, 0, gain, used_inputs, split})),
      bias(parameters.add({name + ".bias", {outputs}})) {}
at::Tensor Linear::operator()(ParameterViews views, const at::Tensor& input) const {
    return at::linear(input, views[weight], views[bias]);
}

const std::vector<EncoderKind>& encoders() { return registered(); }
void register_encoder(const EncoderKind& kind) { registered().push_back(kind); }
const EncoderKind& find_encoder(const std::string& name) {
    std::string known;
    for (const EncoderKind& kind : encoders()) {
        if (kind.name == name) return kind;
        known += (known.empty() ? "" : ", ") + kind.name;
    }
    throw std::invalid_argument("encoder: got " + in_quotes(name) + ", want one of: " + known);
}

}  // namespace flockstep
