#pragma once

/// What lets g++ and nvcc compile the same headers.
///
///   SIM_HD float sum_of_four(const float* value) {
///       float sum = 0.0f;
///       SIM_UNROLL
///       for (int k = 0; k < 4; ++k) sum += value[k];
///       return sum;
///   }
#if defined(__CUDACC__)
/// In front of a function for both backends: host code for g++, host and device code for nvcc. Always inlined, so that
/// accessors cost nothing and the compiler sees which memory a pointer belongs to.
#define SIM_HD __host__ __device__ __forceinline__
/// In front of a loop that must be unrolled, so that small arrays stay in registers; by g++ 16 times at most.
#define SIM_UNROLL _Pragma("unroll")
/// In front of a loop that rarely runs twice on the GPU, where instructions have to be fetched too; nothing to g++.
#define SIM_NO_UNROLL _Pragma("unroll 1")
/// The opposite of SIM_HD: a large function on a rare path, which is worth a call.
#define SIM_NOINLINE __host__ __device__ __noinline__
#else
#define SIM_HD inline __attribute__((always_inline))
#define SIM_UNROLL _Pragma("GCC unroll 16")
#define SIM_NO_UNROLL
#define SIM_NOINLINE __attribute__((noinline))
#endif

namespace flockstep {

/// Sets a flag that all worlds share, in device memory, to `value` if it is still 0, atomically and without an order to
/// other memory. True for the one caller that set it.
SIM_HD bool compare_exchange_zero(int& flag, int value) {
#ifdef __CUDA_ARCH__
    return atomicCAS(&flag, 0, value) == 0;
#else
    int expected = 0;
    return __atomic_compare_exchange_n(&flag, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
#endif
}

/// Brings what lies at an address of device memory to the L2 cache, for a read that comes later; waits for nothing.
/// Does nothing on a CPU.
SIM_HD void prefetch([[maybe_unused]] const void* address) {
#ifdef __CUDA_ARCH__
    asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
#endif
}

}  // namespace flockstep
