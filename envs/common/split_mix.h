#pragma once

#include <cstdint>

/// Random numbers for generators that run on the host; rules draw theirs from RandomStreams.
///
///   SplitMix draws(seed, 3);
///   const int side = 17 + draws.below(5);
namespace flockstep {

/// SplitMix64 (Steele, Lea, Flood 2014): draw i is a function of seed, stream and i, the same on every machine. Each
/// use of a seed has a stream of its own.
class SplitMix {
  public:
    /// stream: any number; other streams of the same seed give other draws.
    SplitMix(uint64_t seed, uint64_t stream) : key_(mix(seed + mix(stream))) {}

    /// The next 64 bits.
    uint64_t bits() { return mix(key_ + ++count_ * 0x9e3779b97f4a7c15ull); }
    /// In [0, 1).
    double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
    /// In 0..count - 1, count >= 1.
    int below(int count) { return static_cast<int>(((bits() >> 32) * static_cast<uint64_t>(count)) >> 32); }

  private:
    static uint64_t mix(uint64_t z) {
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }

    uint64_t key_, count_ = 0;
};

}  // namespace flockstep
