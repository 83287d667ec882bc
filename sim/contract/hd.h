#pragma once

/// Macros and primitives that let g++ and nvcc compile the same headers.
///
///   SIM_HD float sum_of_four(const float* value) {
///       float sum = 0.0f;
///       SIM_UNROLL
///       for (int k = 0; k < 4; ++k) sum += value[k];
///       return sum;
///   }
#if defined(__CUDACC__)
/// Marks a function for both backends: host code for g++, host and device code for nvcc. Always inlined, so that
/// accessors are free and the compiler can infer the address space of pointers.
#define SIM_HD __host__ __device__ __forceinline__
/// Unrolls the next loop, so that small arrays stay in registers; g++ unrolls at most 16 times.
#define SIM_UNROLL _Pragma("unroll")
/// Keeps nvcc from unrolling the next loop, which rarely runs more than once: saves instruction cache. No effect on
/// g++.
#define SIM_NO_UNROLL _Pragma("unroll 1")
/// The opposite of SIM_HD: a large function on a rare path, compiled as a call.
#define SIM_NOINLINE __host__ __device__ __noinline__
#else
#define SIM_HD inline __attribute__((always_inline))
#define SIM_UNROLL _Pragma("GCC unroll 16")
#define SIM_NO_UNROLL
#define SIM_NOINLINE __attribute__((noinline))
#endif

namespace flockstep {

/// Atomically sets a flag in device memory, shared by all worlds, to `value` if it is still 0 (relaxed ordering).
/// Returns true to the one caller that set it.
SIM_HD bool compare_exchange_zero(int& flag, int value) {
#ifdef __CUDA_ARCH__
    return atomicCAS(&flag, 0, value) == 0;
#else
    int expected = 0;
    return __atomic_compare_exchange_n(&flag, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
}

/// Prefetches an address of device memory into the L2 cache for a later read; does not wait. No-op on the CPU.
SIM_HD void prefetch([[maybe_unused]] const void* address) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
#endif
}

}  // namespace flockstep
