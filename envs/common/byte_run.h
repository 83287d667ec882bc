#pragma once

#include <cstdint>
#include <cstring>

#include "sim/contract/hd.h"

/// Loads and compares several bytes of device memory at a time. By one lane; functions only wait for their own loads.
///
///   const ByteRun above(cost + (row - 1) * width + column, 0, 11), below(cost + (row + 1) * width + column, 0, 11);
///   ...  // other work, while both loads are in flight
///   for (int k = 0; k < 3; ++k)  // the smaller of two bytes, four times
///       nearest[k] = low_bytes(min_halves(low_halves(above.word(k)), low_halves(below.word(k))),
///                              min_halves(high_halves(above.word(k)), high_halves(below.word(k))));
namespace flockstep {

/// The smaller halves of two words of two uint16 each: one instruction on the GPU.
SIM_HD uint32_t min_halves(uint32_t a, uint32_t b) {
#ifdef __CUDA_ARCH__
    return __vminu2(a, b);
#else
    const uint32_t low_a = a & 65535u, low_b = b & 65535u, high_a = a >> 16, high_b = b >> 16;
    return (low_a < low_b ? low_a : low_b) | (high_a < high_b ? high_a : high_b) << 16;
#endif
}
/// The larger halves.
SIM_HD uint32_t max_halves(uint32_t a, uint32_t b) {
#ifdef __CUDA_ARCH__
    return __vmaxu2(a, b);
#else
    return ~min_halves(~a, ~b);
#endif
}
/// The same uint16 in both halves.
SIM_HD uint32_t both_halves(uint32_t half) { return half * 65537u; }
/// Bytes 0 and 1 of a word as two halves.
SIM_HD uint32_t low_halves(uint32_t bytes) {
#ifdef __CUDA_ARCH__
    return __byte_perm(bytes, 0, 0x4140);
#else
    return (bytes & 255u) | (bytes & 0xFF00u) << 8;
#endif
}
/// Bytes 2 and 3 of a word as two halves.
SIM_HD uint32_t high_halves(uint32_t bytes) {
#ifdef __CUDA_ARCH__
    return __byte_perm(bytes, 0, 0x4342);
#else
    return low_halves(bytes >> 16);
#endif
}
/// The low bytes of four halves: low_bytes(low_halves(w), high_halves(w)) == w.
SIM_HD uint32_t low_bytes(uint32_t first, uint32_t second) {
#ifdef __CUDA_ARCH__
    return __byte_perm(first, second, 0x6420);
#else
    return (first & 255u) | (first >> 8 & 0xFF00u) | (second & 255u) << 16 | (second << 8 & 0xFF000000u);
#endif
}

/// An in-flight load of 12 adjacent bytes of an array in device memory: the constructor starts it, and only word()
/// waits for it. The bytes are loaded as whole 8-byte vectors whatever their alignment: lanes that access different
/// rows pay per vector, not per byte.
class ByteRun {
  public:
    static constexpr int capacity = 12;  /// bytes

    /// Loads from[begin] to from[end - 1], 0 <= begin, end <= 12, or nothing if begin >= end; all other bytes are 255.
    /// `from` itself may be outside the array, which must start and end at multiples of 8 bytes of readable memory, as
    /// bulk fields do.
    SIM_HD ByteRun(const uint8_t* from, int begin, int end)
        : outside_(begin < end ? ~((1u << end) - (1u << begin)) : ~0u) {
#ifdef __CUDA_ARCH__
        offset_ = int(reinterpret_cast<uintptr_t>(from) & 7);
        const uint2* vector =
            reinterpret_cast<const uint2*>(from - offset_);  // an integer would lose the address space
        SIM_UNROLL
        for (int v = 0; v < 3; ++v) {
            const bool is_needed = begin < end && 8 * v - offset_ < end && 8 * v - offset_ + 8 > begin;
            const uint2 two = is_needed ? vector[v] : uint2{};
            word_[2 * v] = two.x, word_[2 * v + 1] = two.y;
        }
#else
        memset(word_, 0, sizeof word_);
        if (begin < end) memcpy(reinterpret_cast<uint8_t*>(word_) + begin, from + begin, size_t(end - begin));
#endif
    }
    /// Bytes 4 k to 4 k + 3, 0 <= k < 3, the first in the lowest bits. Waits for the load.
    SIM_HD uint32_t word(int k) const {
        // spread four bits to the lowest bit of each byte, then to the whole byte
        const uint32_t outside = ((outside_ >> 4 * k & 15u) * 0x204081u & 0x01010101u) * 255u;
#ifdef __CUDA_ARCH__
        const bool skips_word = offset_ & 4;
        const uint32_t low = skips_word ? word_[k + 1] : word_[k], high = skips_word ? word_[k + 2] : word_[k + 1];
        return __funnelshift_r(low, high, offset_ % 4 * 8) | outside;
#else
        return word_[k] | outside;
#endif
    }

  private:
    uint32_t outside_;  // bits
#ifdef __CUDA_ARCH__
    int offset_;
    uint32_t word_[6];
#else
    uint32_t word_[3];
#endif
};

}  // namespace flockstep
