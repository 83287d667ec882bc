#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Bit operations for rules that keep sets of up to 32 items in a word. Do not use the functions of <bit> instead: nvcc
/// 13.0 silently compiles std::countr_zero to the constant 32 in device code.
///
///   for (uint32_t rest = seen; rest; rest = without_lowest_bit(rest)) visit(lowest_bit(rest));
namespace flockstep {

/// Index of the lowest bit that is set; `word` must not be 0. One or two instructions.
SIM_HD int lowest_bit(uint32_t word) {
#ifdef __CUDA_ARCH__
    return __ffs(int(word)) - 1;
#else
    return __builtin_ctz(word);
#endif
}
/// `word` without that bit; 0 for 0.
SIM_HD uint32_t without_lowest_bit(uint32_t word) { return word & (word - 1); }
/// Number of set bits.
SIM_HD int count_bits(uint32_t word) {
#ifdef __CUDA_ARCH__
    return __popc(word);
#else
    return __builtin_popcount(word);
#endif
}

}  // namespace flockstep
