#pragma once

#include <cstdint>

namespace flockstep::driving::scene_making {

/// SplitMix64 (Steele, Lea, Flood 2014): draw i is a function of seed and i. Each use has its own stream.
class SceneDraws {
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
    SceneDraws(uint64_t seed, Stream stream) : key_(mix(seed + mix(stream))) {}

    uint64_t bits() { return mix(key_ + ++count_ * 0x9e3779b97f4a7c15ull); }
    /// In [0, 1).
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
    /// In [low, high).
    double between(double low, double high) { return low + (high - low) * uniform(); }
    /// In 0..count - 1.
    int below(int count) { return static_cast<int>(((bits() >> 32) * static_cast<uint64_t>(count)) >> 32); }
    /// In low..high.
    int whole(int low, int high) { return low + below(high - low + 1); }
    bool chance(double probability) { return uniform() < probability; }

  private:
    static uint64_t mix(uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }

    uint64_t key_, count_ = 0;
};

}  // namespace flockstep::driving::scene_making
