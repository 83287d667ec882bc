#pragma once

#include <cstdint>
#include <cstring>

#include "sim/contract/hd.h"

namespace flockstep {

/// Bytes `begin` to `end` - 1 of the eight at `from`, in their places (byte k is bits 8k and up); the others are
/// anything. 0 <= begin < end <= 8. On the GPU it reads the whole words that they are in, which device memory has: it
/// is allocated in multiples of 16 bytes.
SIM_HD uint64_t load_bytes(const char* from, int begin, int end) {
    uint64_t bytes = 0;
#ifdef __CUDA_ARCH__
    const int skipped = int(reinterpret_cast<uintptr_t>(from + begin) & 3), last = skipped + end - begin - 1;
    const uint32_t* const word = reinterpret_cast<const uint32_t*>(from + begin - skipped);
    const uint32_t first = word[0], second = last >= 4 ? word[1] : 0, third = last >= 8 ? word[2] : 0;
    bytes = uint64_t{__funnelshift_r(second, third, 8 * skipped)} << 32 | __funnelshift_r(first, second, 8 * skipped);
    bytes <<= 8 * begin;
#else
    if (begin == 0 && end == 8)
        memcpy(&bytes, from, 8);
    else
        memcpy(reinterpret_cast<char*>(&bytes) + begin, from + begin, size_t(end - begin));
#endif
    return bytes;
}

}  // namespace flockstep
