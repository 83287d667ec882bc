#pragma once

#include <string>
#include <vector>

#include "trainer/config.h"
#include "trainer/rollout.h"

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

/// The sizes of a role's network: what its input looks like and which parameters it has. Allocates nothing on a device.
struct NetworkLayout {
    /// Throws std::invalid_argument, beginning with the setting's name, where the settings fit no network.
    NetworkLayout(const PolicySpec& spec, const TrainConfig& config);

    std::vector<int> part_order;              // parts as they lie in the input
    int channels = 0, height = 0, width = 0;  // of the image at the front of the input; 0: there is none
    IntegerList hidden, convolutions;
    InputColumns columns;
    std::vector<Parameter> parameters;
    int64_t size = 0;  // of all parameters with the padding between them, in numbers

  private:
    void order_parts(const PolicySpec& spec, const TrainConfig& config);
    void add(const std::string& name, std::vector<int64_t> shape, float gain, int first_rows = 0);
    void add_layer(const std::string& name, std::vector<int64_t> shape, float gain, int first_rows = 0);
    void add_tower(const std::string& prefix, int outputs, float gain, int first_rows);
};

}  // namespace flockstep
