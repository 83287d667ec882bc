#pragma once

#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/data/rollout.h"

namespace flockstep {

/// One weight or bias in a policy's flat parameter array.
struct Parameter {
    std::string name;  // such as "actor.hidden.0.weight"
    std::vector<int64_t> shape;
    int64_t offset = 0;  // in elements; padding between parameters stays 0
    float gain = 1.0f;   // of the orthogonal initialisation; biases start at 0
    int head_split = 0;  // > 0: rows from here on are the critic's head, initialised with gain 1
    int64_t count() const;
};

/// The shapes of a role's network: its input and its parameters. Allocates nothing on the device.
struct NetworkLayout {
    /// Throws std::invalid_argument, starting with the setting's name, if the settings describe no valid network.
    NetworkLayout(const PolicySpec& spec, const TrainConfig& config);

    std::vector<int> part_order;              // order of the parts in the input
    int channels = 0, height = 0, width = 0;  // of the image at the front of the input; 0: no image
    IntegerList hidden, convolutions;
    InputColumns columns;
    std::vector<Parameter> parameters;
    int64_t size = 0;  // of all parameters with padding, in elements

  private:
    void order_parts(const PolicySpec& spec, const TrainConfig& config);
    void add(const std::string& name, std::vector<int64_t> shape, float gain, int head_split = 0);
    void add_layer(const std::string& name, std::vector<int64_t> shape, float gain, int head_split = 0);
    void add_tower(const std::string& prefix, int outputs, float gain, int head_split);
};

}  // namespace flockstep
