#pragma once

#include <cstdint>
#include <cstring>

#include "sim/hd.h"

namespace flockstep {

/// Brings what lies at an address of device memory nearer, for a read that comes later. A CPU does so by itself.
SIM_HD void prefetch([[maybe_unused]] const void* address) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
#endif
}

/// Smaller and larger halves of two words of two uint16 each.
SIM_HD uint32_t min_halves(uint32_t a, uint32_t b) {
#ifdef __CUDA_ARCH__
    return __vminu2(a, b);
#else
    const uint32_t low_a = a & 65535u, low_b = b & 65535u, high_a = a >> 16, high_b = b >> 16;
    return (low_a < low_b ? low_a : low_b) | (high_a < high_b ? high_a : high_b) << 16;
#endif
}
SIM_HD uint32_t max_halves(uint32_t a, uint32_t b) {
#ifdef __CUDA_ARCH__
    return __vmaxu2(a, b);
#else
    return ~min_halves(~a, ~b);
#endif
}
/// The same uint16 in both halves.
SIM_HD uint32_t both_halves(uint32_t half) { return half * 65537u; }
/// The low bytes of four halves.
SIM_HD uint32_t low_bytes(uint32_t first, uint32_t second) {
#ifdef __CUDA_ARCH__
    return __byte_perm(first, second, 0x6420);
#else
    return (first & 255u) | (first >> 8 & 0xFF00u) | (second & 255u) << 16 | (second << 8 & 0xFF000000u);
#endif
}

/// 65535 in the low half where bit 7 is set, in the high half where bit 23 is.
SIM_HD uint32_t halves_of_signs(uint32_t bits) {
#ifdef __CUDA_ARCH__
    return __byte_perm(bits, 0, 0xAA88);
#else
    return (bits >> 7 & 1u) * 65535u | (bits >> 23 & 1u) * 0xFFFF0000u;
#endif
}

/// 12 neighbouring uint16 of an array in device memory, two to a word, read as whole 8-byte vectors however they are
/// aligned: lanes that look at different rows pay for each vector, not for each number.
struct ShortRun {
    static constexpr int capacity = 12;
    uint32_t pair[6];
};

/// from[begin] to from[end - 1], 0 <= begin, end <= 12, or nothing where begin >= end; others are undefined, and `from`
/// itself may lie outside of the array. The array must begin and end at multiples of 8 bytes of memory that may be
/// read, as bulk fields do.
SIM_HD ShortRun read_run(const uint16_t* from, int begin, int end) {
    ShortRun run;
#ifdef __CUDA_ARCH__
    const uintptr_t address = reinterpret_cast<uintptr_t>(from);
    const uint2* vector = reinterpret_cast<const uint2*>(address & ~uintptr_t{7});
    const int offset = int(address & 7) / 2;
    uint32_t word[8];
    SIM_UNROLL
    for (int v = 0; v < 4; ++v) {
        const bool is_needed = begin < end && 4 * v - offset < end && 4 * v - offset + 4 > begin;
        const uint2 two = is_needed ? vector[v] : uint2{};
        word[2 * v] = two.x, word[2 * v + 1] = two.y;
    }
    SIM_UNROLL
    for (int i = 0; i < 7; ++i) word[i] = offset & 2 ? word[i + 1] : word[i];
    SIM_UNROLL
    for (int k = 0; k < 6; ++k) run.pair[k] = __funnelshift_r(word[k], word[k + 1], offset % 2 * 16);
#else
    memset(run.pair, 0, sizeof run.pair);
    if (begin < end) memcpy(reinterpret_cast<uint16_t*>(run.pair) + begin, from + begin, size_t(end - begin) * 2);
#endif
    return run;
}

/// 65535 for every number of a run but those in [begin, end), 0 <= begin, end <= 12: for all of them where begin >=
/// end.
SIM_HD ShortRun outside_of(int begin, int end) {
    // even numbers in byte 0, odd ones in byte 2, pair k in bit 7 - k of the byte
    const auto beyond = [](int first, int last) { return (0xFF00u >> first & 0xFFu) | 0xFFu >> last; };
    const uint32_t bits = beyond((begin + 1) / 2, (end + 1) / 2) | beyond(begin / 2, end / 2) << 16;
    ShortRun run;
    SIM_UNROLL
    for (int k = 0; k < 6; ++k) run.pair[k] = halves_of_signs(bits << k);
    return run;
}

}  // namespace flockstep
