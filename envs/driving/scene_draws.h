#pragma once

#include <cstdint>

#include "envs/common/split_mix.h"

namespace flockstep::driving::scene_making {

/// The draws of a scene's seed. Each use has its own stream.
class SceneDraws : public SplitMix {
  public:
    enum Stream : uint64_t {
        kind = 1,
        layout = 2,
        agents = 3,
        placement = 4,
        order = 5,
        windows = 6,
        ids = 7,
        name = 8
    };
    SceneDraws(uint64_t seed, Stream stream) : SplitMix(seed, stream) {}

    /// In [low, high).
    double between(double low, double high) { return low + (high - low) * uniform(); }
    /// In low..high.
    int whole(int low, int high) { return low + below(high - low + 1); }
    bool chance(double probability) { return uniform() < probability; }
};

}  // namespace flockstep::driving::scene_making
