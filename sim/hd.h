#pragma once

/// SIM_HD marks a function that both backends compile: host code for g++, host and device code for nvcc. Always
/// inlined, so that accessors cost nothing and the compiler sees which memory a pointer belongs to. SIM_CALLED marks
/// the opposite: a function that is rare and large, and worth a call. SIM_UNROLL stands in front of a loop that must be
/// unrolled so that small arrays stay in registers, SIM_ROLLED in front of one that seldom runs twice on the GPU, where
/// code has to be fetched too.
#if defined(__CUDACC__)
#define SIM_HD __host__ __device__ __forceinline__
#define SIM_UNROLL _Pragma("unroll")
#define SIM_ROLLED _Pragma("unroll 1")
#define SIM_CALLED __host__ __device__ __noinline__
#else
#define SIM_HD inline __attribute__((always_inline))
#define SIM_UNROLL _Pragma("GCC unroll 16")
#define SIM_ROLLED
#define SIM_CALLED __attribute__((noinline))
#endif

namespace flockstep {

/// Sets a flag that all worlds share to `value` if it is still 0; true for the one who did.
SIM_HD bool claim(int& flag, int value) {
#ifdef __CUDA_ARCH__
    return atomicCAS(&flag, 0, value) == 0;
#else
    int expected = 0;
    return __atomic_compare_exchange_n(&flag, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
}

}  // namespace flockstep
