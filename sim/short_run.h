#pragma once

#include <cstdint>

#include "sim/hd.h"

namespace flockstep {

/// Up to 16 neighbouring uint16 of an array in device memory, read as whole 16-byte vectors however they are aligned:
/// lanes that look at different rows pay for each vector, not for each number.
struct ShortRun {
    static constexpr int capacity = 16;
    uint32_t pair[8];

    SIM_HD int operator[](int k) const { return int(pair[k / 2] >> (k % 2 * 16) & 65535u); }
};

/// from[begin] to from[end - 1], 0 <= begin, end <= 16, or nothing where begin >= end; others are undefined, and `from`
/// itself may lie outside of the array. The array must begin and end at multiples of 16 bytes of memory that may be
/// read, as bulk fields do.
SIM_HD ShortRun read_run(const uint16_t* from, int begin, int end) {
    ShortRun run;
#ifdef __CUDA_ARCH__
    const uintptr_t address = reinterpret_cast<uintptr_t>(from);
    const uint4* vector = reinterpret_cast<const uint4*>(address & ~uintptr_t{15});
    const int offset = int(address & 15) / 2;
    uint32_t word[12];
    SIM_UNROLL
    for (int v = 0; v < 3; ++v) {
        const bool is_needed = begin < end && 8 * v - offset < end && 8 * v - offset + 8 > begin;
        const uint4 four = is_needed ? vector[v] : uint4{};
        word[4 * v] = four.x, word[4 * v + 1] = four.y, word[4 * v + 2] = four.z, word[4 * v + 3] = four.w;
    }
    SIM_UNROLL
    for (int i = 0; i < 10; ++i) word[i] = offset & 4 ? word[i + 2] : word[i];
    SIM_UNROLL
    for (int i = 0; i < 9; ++i) word[i] = offset & 2 ? word[i + 1] : word[i];
    SIM_UNROLL
    for (int i = 0; i < 8; ++i) run.pair[i] = __funnelshift_r(word[i], word[i + 1], offset % 2 * 16);
#else
    for (int i = 0; i < 8; ++i) run.pair[i] = 0;
    for (int k = begin; k < end; ++k) run.pair[k / 2] |= uint32_t(from[k]) << (k % 2 * 16);
#endif
    return run;
}

}  // namespace flockstep
