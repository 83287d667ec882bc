#pragma once

#include <memory>
#include <vector>

#include "sim/world.h"

namespace flockstep {

/// Collects what `load` builds on the host: arrays that live as long as the batch and are uploaded once.
class Loader {
  public:
    /// Keeps the values and gives a view of them.
    template <class T>
    View<T> keep(std::vector<T> values) {
        auto kept = std::make_shared<std::vector<T>>(std::move(values));
        arrays_.push_back(kept);
        return {kept->data(), int64_t(kept->size())};
    }

  private:
    std::vector<std::shared_ptr<void>> arrays_;
};

}  // namespace flockstep
