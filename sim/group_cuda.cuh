#pragma once

#include <cooperative_groups.h>

#include <cstdint>
#include <type_traits>

#include "sim/group.h"

/// The groups of the CUDA backend; see group.h for what each function promises.
namespace flockstep {

// Loops over items are not unrolled: most run once or twice. In min() that is a must: unrolled by four, nvcc 13.0
// computes a wrong minimum for sm_90.

/// Adds and sets without waiting for what was there.
struct CudaAccumulate {
    static __device__ void set_if_zero(double& slot, double value) {
        atomicCAS(reinterpret_cast<unsigned long long*>(&slot), 0ull,
                  static_cast<unsigned long long>(__double_as_longlong(value)));
    }
    static __device__ void accumulate(double& slot, double value) { atomicAdd(&slot, value); }
};

/// Between lanes of any CUDA group.
struct CudaAtomics : CudaAccumulate {
    static __device__ void atomic_or(uint32_t& word, uint32_t bits) { atomicOr(&word, bits); }
    static __device__ void atomic_min(int& slot, int value) { atomicMin(&slot, value); }
    static __device__ int atomic_add(int& slot, int value) { return atomicAdd(&slot, value); }
    static __device__ int atomic_exchange_if(int& slot, int expected, int value) {
        return atomicCAS(&slot, expected, value);
    }
};

/// One lane per world: tiny states.
struct LaneGroup : CudaAccumulate {
    static constexpr int tile_worlds = 32;
    static constexpr bool has_shuffle = false;
    static constexpr bool stages_all = true;        // no observation part is written in place
    static constexpr bool keeps_rows = true;        // of environments that allow it; see keeps_row
    static constexpr bool prefers_inlining = true;  // a function call per lane costs more than its code
    __device__ int lane() const { return 0; }
    __device__ int lanes() const { return 1; }
    template <class F>
    __device__ void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(i);
    }
    template <class F>
    __device__ void single(F&& f) {
        f();
    }
    __device__ void sync() {}
    template <class F>
    __device__ bool any(int n, F&& f) {
        bool found = false;
        for (int i = 0; i < n; ++i) found |= bool(f(i));
        return found;
    }
    template <class F>
    __device__ bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    __device__ int count(int n, F&& f) {
        int total = 0;
        for (int i = 0; i < n; ++i) total += f(i);
        return total;
    }
    template <class F>
    __device__ int min(int n, F&& f) {
        int smallest = INT32_MAX;
        SIM_NO_UNROLL
        for (int i = 0; i < n; ++i) smallest = ::min(smallest, int(f(i)));
        return smallest;
    }
    template <class F>
    __device__ float sum(int n, F&& f) {
        if (n == 1) return sum_leaf(0, n, f);
        TreeSum tree;
        for (int leaf = 0, leaves = leaves_for(n); leaf < leaves; ++leaf) tree.push(sum_leaf(leaf, n, f));
        return tree.total();
    }
    template <class F>
    __device__ void for_each_team(int n, int, F&& f) {
        for (int i = 0; i < n; ++i) f(*this, 0, i);
    }
    static __device__ void set_if_zero(double& slot, double value) {  // the read is cheaper than atomics of many lanes
        if (__double_as_longlong(slot) == 0) slot = value;
    }
    static __device__ void atomic_or(uint32_t& word, uint32_t bits) { word |= bits; }
    static __device__ void atomic_min(int& slot, int value) { slot = ::min(slot, value); }
    static __device__ int atomic_add(int& slot, int value) {
        const int old = slot;
        slot += value;
        return old;
    }
    static __device__ int atomic_exchange_if(int& slot, int expected, int value) {
        const int old = slot;
        if (old == expected) slot = value;
        return old;
    }
};

/// 2 to 32 neighbouring lanes of a warp, a power of two.
struct WarpGroup : CudaAtomics {
    static constexpr int tile_worlds = 0;  // 32 / lanes
    static constexpr bool stages_all = true;
    static constexpr bool has_shuffle = true;
    int lane_, lanes_;
    uint32_t mask;  // the group's lanes in the warp

    __device__ WarpGroup(int thread, int lanes)
        : lane_(thread & (lanes - 1)),
          lanes_(lanes),
          mask((lanes == 32 ? ~0u : (1u << lanes) - 1) << (thread & 31 & ~(lanes - 1))) {}
    __device__ int lane() const { return lane_; }
    __device__ int lanes() const { return lanes_; }
    template <class F>
    __device__ void for_each(int n, F&& f) {
        SIM_NO_UNROLL
        for (int i = lane_; i < n; i += lanes_) f(i);
    }
    template <class F>
    __device__ void single(F&& f) {
        if (lane_ == 0) f();
    }
    /// The fence makes results of atomics on global memory visible, which __syncwarp alone does not.
    __device__ void sync() {
        __threadfence_block();
        __syncwarp(mask);
    }
    template <class F>
    __device__ bool any(int n, F&& f) {
        bool found = false;
        SIM_NO_UNROLL
        for (int i = lane_; i < n; i += lanes_) found |= bool(f(i));
        sync();  // a vote itself orders no memory
        return __any_sync(mask, found);
    }
    template <class F>
    __device__ bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    __device__ int count(int n, F&& f) {
        int total = 0;
        if constexpr (std::is_same_v<decltype(f(0)), bool>) {
            for (int first = 0; first < n; first += lanes_) {
                const int i = first + lane_;
                total += __popc(__ballot_sync(mask, i < n && f(i)));
            }
            return total;
        } else {
            SIM_NO_UNROLL
            for (int i = lane_; i < n; i += lanes_) total += f(i);
            for (int distance = 1; distance < lanes_; distance *= 2) total += __shfl_xor_sync(mask, total, distance);
            return total;
        }
    }
    template <class F>
    __device__ int min(int n, F&& f) {
        int smallest = INT32_MAX;
        SIM_NO_UNROLL
        for (int i = lane_; i < n; i += lanes_) smallest = ::min(smallest, int(f(i)));
        for (int distance = 1; distance < lanes_; distance *= 2)
            smallest = ::min(smallest, __shfl_xor_sync(mask, smallest, distance));
        return smallest;
    }
    template <class F>
    __device__ float sum(int n, F&& f) {
        TreeSum tree;
        for (int base = 0, leaves = max(leaves_for(n), lanes_); base < leaves; base += lanes_) {
            float value = sum_leaf(base + lane_, n, f);
            for (int distance = 1; distance < lanes_; distance *= 2) value += __shfl_xor_sync(mask, value, distance);
            tree.push(value);
        }
        return tree.total();
    }
    template <class F>
    __device__ void for_each_team(int n, int, F&& f) {
        for (int i = 0; i < n; ++i) {
            f(*this, 0, i);
            sync();
        }
    }
    __device__ uint32_t shfl_up(uint32_t value) const {
        const uint32_t other = __shfl_up_sync(mask, value, 1, lanes_);
        return lane_ == 0 ? 0 : other;
    }
    __device__ uint32_t shfl_down(uint32_t value) const {
        const uint32_t other = __shfl_down_sync(mask, value, 1, lanes_);
        return lane_ == lanes_ - 1 ? 0 : other;
    }
    __device__ bool any_sync(bool value) const { return __any_sync(mask, value); }
};

/// A whole block; its size is a multiple of 32.
struct BlockGroup : CudaAtomics {
    static constexpr int tile_worlds = 1;
    static constexpr bool stages_all = true;
    /// Shared memory that the lanes exchange results through.
    struct Exchange {
        float value[32];
        int integer[32];
    };
    Exchange& exchange;

    explicit __device__ BlockGroup(Exchange& exchange) : exchange(exchange) {}
    __device__ int lane() const { return int(threadIdx.x); }
    __device__ int lanes() const { return int(blockDim.x); }
    template <class F>
    __device__ void for_each(int n, F&& f) {
        SIM_NO_UNROLL
        for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) f(i);
    }
    template <class F>
    __device__ void single(F&& f) {
        if (threadIdx.x == 0) f();
    }
    __device__ void sync() { __syncthreads(); }
    template <class F>
    __device__ bool any(int n, F&& f) {
        bool found = false;
        SIM_NO_UNROLL
        for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) found |= bool(f(i));
        return __syncthreads_or(found);
    }
    template <class F>
    __device__ bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    __device__ int count(int n, F&& f) {
        int total = 0;
        if constexpr (std::is_same_v<decltype(f(0)), bool>) {
            for (int first = 0; first < n; first += int(blockDim.x)) {
                const int i = first + int(threadIdx.x);
                total += __syncthreads_count(i < n && f(i));
            }
            return total;
        } else {
            SIM_NO_UNROLL
            for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) total += f(i);
            return combine(int(__reduce_add_sync(~0u, total)), [](int a, int b) { return a + b; });
        }
    }
    template <class F>
    __device__ int min(int n, F&& f) {
        int smallest = INT32_MAX;
        SIM_NO_UNROLL
        for (int i = int(threadIdx.x); i < n; i += int(blockDim.x)) smallest = ::min(smallest, int(f(i)));
        return combine(__reduce_min_sync(~0u, smallest), [](int a, int b) { return ::min(a, b); });
    }
    /// Chunks of 32 leaves by one warp each, then the 32 chunk sums: the low and the high half of the same tree.
    template <class F>
    __device__ float sum(int n, F&& f) {
        const int lane = int(threadIdx.x) & 31, chunks = leaves_for(n) > 32 ? leaves_for(n) / 32 : 1;
        __syncthreads();
        for (int chunk = int(threadIdx.x) / 32; chunk < chunks; chunk += int(blockDim.x) / 32) {
            const float value = butterfly(sum_leaf(chunk * 32 + lane, n, f));
            if (lane == 0) exchange.value[chunk] = value;
        }
        __syncthreads();
        return butterfly(lane < chunks ? exchange.value[lane] : 0.0f);
    }
    /// A warp per item.
    template <class F>
    __device__ void for_each_team(int n, int max_teams, F&& f) {
        WarpGroup team(int(threadIdx.x), 32);
        const int teams = ::min(int(blockDim.x) / 32, max_teams), index = int(threadIdx.x) / 32;
        for (int i = index; index < teams && i < n; i += teams) {
            f(team, index, i);
            team.sync();
        }
        __syncthreads();
    }

  private:
    static __device__ float butterfly(float value) {
        for (int distance = 1; distance < 32; distance *= 2) value += __shfl_xor_sync(~0u, value, distance);
        return value;
    }
    /// One value per warp to one for the block.
    template <class Combine>
    __device__ int combine(int value, Combine&& two) {
        __syncthreads();
        if ((threadIdx.x & 31) == 0) exchange.integer[threadIdx.x / 32] = value;
        __syncthreads();
        int result = exchange.integer[0];
        for (int warp = 1; warp < int(blockDim.x) / 32; ++warp) result = two(result, exchange.integer[warp]);
        return result;
    }
};

/// The whole grid of a cooperative launch on one world: worlds of very many agents.
struct GridGroup : CudaAtomics {
    static constexpr int tile_worlds = 1;
    /// Global memory that the lanes exchange results through.
    struct Exchange {
        float leaf[sum_leaves];
        int integer;
    };
    Exchange& exchange;

    explicit __device__ GridGroup(Exchange& exchange) : exchange(exchange) {}
    __device__ int lane() const { return int(blockIdx.x * blockDim.x + threadIdx.x); }
    __device__ int lanes() const { return int(gridDim.x * blockDim.x); }
    template <class F>
    __device__ void for_each(int n, F&& f) {
        SIM_NO_UNROLL
        for (int64_t i = lane(); i < n; i += lanes()) f(int(i));
    }
    template <class F>
    __device__ void single(F&& f) {
        if (lane() == 0) f();
    }
    __device__ void sync() { cooperative_groups::this_grid().sync(); }
    template <class F>
    __device__ bool any(int n, F&& f) {
        bool found = false;
        for_each(n, [&](int i) { found |= bool(f(i)); });
        return combine(0, [&](int& slot) {
            if (found) atomicOr(&slot, 1);
        });
    }
    template <class F>
    __device__ bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    __device__ int count(int n, F&& f) {
        int total = 0;
        for_each(n, [&](int i) { total += f(i); });
        return combine(0, [&](int& slot) {
            if (total) atomicAdd(&slot, total);
        });
    }
    template <class F>
    __device__ int min(int n, F&& f) {
        int smallest = INT32_MAX;
        for_each(n, [&](int i) { smallest = ::min(smallest, int(f(i))); });
        return combine(INT32_MAX, [&](int& slot) { atomicMin(&slot, smallest); });
    }
    template <class F>
    __device__ float sum(int n, F&& f) {
        const int leaves = leaves_for(n);
        sync();
        for_each(leaves, [&](int leaf) { exchange.leaf[leaf] = sum_leaf(leaf, n, f); });
        sync();
        TreeSum tree;
        for (int leaf = 0; leaf < leaves; ++leaf) tree.push(volatile_leaf(leaf));
        return tree.total();
    }
    /// A warp per item.
    template <class F>
    __device__ void for_each_team(int n, int max_teams, F&& f) {
        WarpGroup team(int(threadIdx.x), 32);
        const int teams = ::min(lanes() / 32, max_teams), index = lane() / 32;
        for (int i = index; index < teams && i < n; i += teams) {
            f(team, index, i);
            team.sync();
        }
        sync();
    }

  private:
    __device__ float volatile_leaf(int leaf) const { return *const_cast<volatile float*>(&exchange.leaf[leaf]); }
    template <class Add>
    __device__ int combine(int start, Add&& add) {
        sync();
        single([&] { exchange.integer = start; });
        sync();
        add(exchange.integer);
        sync();
        return *const_cast<volatile int*>(&exchange.integer);
    }
};

}  // namespace flockstep
