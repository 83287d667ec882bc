#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flockstep {

/// One weight or bias in a network's flat parameter array.
struct Parameter {
    std::string name;  // such as "actor.hidden.0.weight"
    std::vector<int64_t> shape;
    int64_t offset = 0;  // in elements; padding between parameters stays 0
    float gain = 0.0f;   // of the orthogonal initialisation; 0: starts at 0
    int64_t inputs = 0;  // of a matrix: columns that have weights; those after them are padding and stay 0
    int64_t split = 0;   // > 0: rows from here on are the critic's, initialised apart with gain 1
    int64_t count() const {
        int64_t product = 1;
        for (int64_t n : shape) product *= n;
        return product;
    }
};

/// The parameters of a network: names, shapes, and where they lie. Modules add theirs and keep the index.
class ParameterList {
  public:
    int add(Parameter parameter) {
        constexpr int64_t alignment = 64;  // in elements: 256 bytes, 128 of bfloat16
        parameter.offset = size_;
        size_ += (parameter.count() + alignment - 1) / alignment * alignment;
        list_.push_back(std::move(parameter));
        return int(list_.size()) - 1;
    }
    const std::vector<Parameter>& list() const { return list_; }
    /// Of all parameters with padding, in elements.
    int64_t size() const { return size_; }

  private:
    std::vector<Parameter> list_;
    int64_t size_ = 0;
};

}  // namespace flockstep
