#include "trainer/policy/network_layout.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace flockstep {

namespace {
constexpr int64_t alignment = 64;  // of parameters, in elements: 256 bytes, 128 of bfloat16
constexpr size_t most_layers = 64;

void check_layers(const char* setting, size_t layers) {
    if (layers > most_layers)
        throw std::invalid_argument(std::string(setting) + ": got " + std::to_string(layers) +
                                    " layers, want at most " + std::to_string(most_layers));
}
}  // namespace

int64_t Parameter::count() const {
    int64_t product = 1;
    for (int64_t n : shape) product *= n;
    return product;
}

NetworkLayout::NetworkLayout(const PolicySpec& spec, const TrainConfig& config) : hidden(config.hidden_sizes) {
    check_layers("hidden_sizes", config.hidden_sizes.size());
    check_layers("channels", config.channels.size());
    order_parts(spec, config);
    columns = input_columns(spec, part_order, 1, spec.first + spec.count);
    if (!config.share_layers) {
        add_tower("actor.", spec.num_actions, 0.01f, 0);
        add_tower("critic.", 1, 1.0f, 0);
    } else {
        add_tower("", spec.num_actions + 1, 0.01f, spec.num_actions);
    }
}

/// Finds the image: the parts with the height and width of the first 2- or 3-dimensional part.
void NetworkLayout::order_parts(const PolicySpec& spec, const TrainConfig& config) {
    std::vector<int> rest;
    for (size_t p = 0; p < spec.parts.size(); ++p) {
        const std::vector<int>& shape = spec.parts[p].shape;
        const bool is_image = config.encoder == Encoder::cnn && (shape.size() == 2 || shape.size() == 3);
        const int h = is_image ? shape[shape.size() - 2] : 0, w = is_image ? shape.back() : 0;
        if (is_image && (channels == 0 || (h == height && w == width))) {
            channels += (shape.size() == 3 ? shape[0] : 1) * spec.parts[p].planes(), height = h, width = w;
            part_order.push_back(int(p));
        } else {
            rest.push_back(int(p));
        }
    }
    part_order.insert(part_order.end(), rest.begin(), rest.end());
    if (config.encoder != Encoder::cnn) return;
    if (channels == 0)
        throw std::invalid_argument("encoder: got cnn, but role " + spec.role +
                                    " has no 2- or 3-dimensional observation part; want mlp");
    convolutions = config.channels;
    if (std::min(height, width) < 2 * int(convolutions.size()) + 1)
        throw std::invalid_argument("channels: got " + std::to_string(convolutions.size()) +
                                    " convolutions, too many for an image of " + std::to_string(height) + "x" +
                                    std::to_string(width) + " cells (each removes 2 rows and 2 columns)");
}

void NetworkLayout::add(const std::string& name, std::vector<int64_t> shape, float gain, int head_split) {
    parameters.push_back({name, std::move(shape), size, gain, head_split});
    size += (parameters.back().count() + alignment - 1) / alignment * alignment;
}

void NetworkLayout::add_layer(const std::string& name, std::vector<int64_t> shape, float gain, int head_split) {
    const int64_t outputs = shape[0];
    add(name + ".weight", std::move(shape), gain, head_split);
    add(name + ".bias", {outputs}, 0.0f);
}

void NetworkLayout::add_tower(const std::string& prefix, int outputs, float gain, int head_split) {
    int64_t wide = columns.width, in = channels;
    for (size_t i = 0; i < convolutions.size(); ++i) {
        add_layer(prefix + "convolution." + std::to_string(i), {convolutions[i], in, 3, 3}, std::sqrt(2.0f));
        in = convolutions[i];
    }
    const int lost = 2 * int(convolutions.size());
    if (channels) wide = in * (height - lost) * (width - lost) + columns.width - channels * height * width;
    for (size_t i = 0; i < hidden.size(); ++i) {
        add_layer(prefix + "hidden." + std::to_string(i), {hidden[i], wide}, std::sqrt(2.0f));
        wide = hidden[i];
    }
    add_layer(prefix + "head", {outputs, wide}, gain, head_split);
}

}  // namespace flockstep
