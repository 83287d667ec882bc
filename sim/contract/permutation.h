#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/random.h"

/// Random permutations that need no memory.
///
///   const Permutation order(uint64_t(num_cells), rng.bits4(0, 0));
///   group.for_each(num_agents, [&](int agent) { state.cell[agent] = int(order(uint64_t(agent))); });  // all different
namespace flockstep {

/// A permutation of [0, size) as a function, without memory or synchronization. Six Feistel rounds on the next larger
/// power of four, with cycle walking until the result is in range (Black, Rogaway 2002, "Ciphers with arbitrary finite
/// domains"): up to four iterations per call on average. 1 <= size < 2^40, 0 <= i < size.
class Permutation {
  public:
    /// `key` selects the permutation.
    SIM_HD Permutation(uint64_t size, const Words& key) : size_(size), key_(key) {
        while ((uint64_t{1} << (2 * half_bits_)) < size) ++half_bits_;
    }
    SIM_HD uint64_t operator()(uint64_t i) const {
        do i = encrypt(i);
        while (i >= size_);
        return i;
    }

  private:
    SIM_HD uint64_t encrypt(uint64_t i) const {
        const uint32_t mask = (uint32_t{1} << half_bits_) - 1;
        uint32_t left = uint32_t(i >> half_bits_), right = uint32_t(i) & mask;
        for (uint32_t round = 0; round < 6; ++round) {
            const uint32_t next = left ^ (mix(right + key_.word[round & 3] + round * 0x9E3779B9u) & mask);
            left = right;
            right = next;
        }
        return uint64_t{left} << half_bits_ | right;
    }
    /// The finalizer of MurmurHash3: every input bit affects every output bit.
    SIM_HD static uint32_t mix(uint32_t x) {
        x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
        x = (x ^ (x >> 13)) * 0xC2B2AE35u;
        return x ^ (x >> 16);
    }
    uint64_t size_;
    Words key_;
    int half_bits_ = 1;
};

}  // namespace flockstep
