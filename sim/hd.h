#pragma once

/// SIM_HD marks a function that both backends compile: host code for g++, host and device code for nvcc. Always inlined,
/// so that accessors cost nothing and the compiler sees which memory a pointer belongs to.
/// SIM_UNROLL stands in front of a loop that must be unrolled so that small arrays stay in registers.
#if defined(__CUDACC__)
#define SIM_HD __host__ __device__ __forceinline__
#define SIM_UNROLL _Pragma("unroll")
#else
#define SIM_HD inline __attribute__((always_inline))
#define SIM_UNROLL _Pragma("GCC unroll 16")
#endif
