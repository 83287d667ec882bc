#pragma once

#include <cstdint>
#include <type_traits>

#include "sim/contract/group.h"

/// The groups of the CUDA backend; see group.h for the semantics of each function, and group_algorithms.h for the
/// primitives that each group provides.
namespace flockstep {

// Loops over items are not unrolled: most run once or twice. In smallest() this is required: when unrolled by four,
// nvcc 13.0 computes a wrong minimum for sm_90.

/// Adds and sets without waiting for the old value.
struct CudaAccumulate {
    static constexpr bool loads_early = true;  // in for_each_prefetched
    static __device__ void set_if_zero(double& slot, double value) {
        atomicCAS(reinterpret_cast<unsigned long long*>(&slot), 0ull,
                  static_cast<unsigned long long>(__double_as_longlong(value)));
    }
    static __device__ void accumulate(double& slot, double value) { atomicAdd(&slot, value); }
};

/// Atomics between lanes of any CUDA group.
struct CudaAtomics : CudaAccumulate {
    static __device__ void atomic_or(uint32_t& word, uint32_t bits) { atomicOr(&word, bits); }
    static __device__ void atomic_min(int& slot, int value) { atomicMin(&slot, value); }
    static __device__ void atomic_min(int64_t& slot, int64_t value) {
        atomicMin(reinterpret_cast<long long*>(&slot), static_cast<long long>(value));
    }
    static __device__ int atomic_add(int& slot, int value) { return atomicAdd(&slot, value); }
    static __device__ void atomic_add(int64_t& slot, int64_t value) {
        atomicAdd(reinterpret_cast<unsigned long long*>(&slot), static_cast<unsigned long long>(value));
    }
    static __device__ int atomic_exchange_if(int& slot, int expected, int value) {
        return atomicCAS(&slot, expected, value);
    }
};

/// Adds values, pushed in order, as the leaves of a perfect binary tree: a binary counter of partial sums, kept in
/// registers. Not for the CPU: g++ 12 miscompiles it in some loops (-O2, jump threading).
struct TreeSum {
    float level[11] = {};
    uint32_t count = 0;
    __device__ void push(float value) {
        SIM_UNROLL
        for (int l = 0; l < 11; ++l) {
            if (count >> l & 1) {
                value = level[l] + value;
            } else {
                level[l] = value;
                break;
            }
        }
        ++count;
    }
    /// The total after a power of two of values has been pushed.
    __device__ float total() const {
        float value = 0.0f;
        SIM_UNROLL
        for (int l = 0; l < 11; ++l)
            if (count == uint32_t{1} << l) value = level[l];
        return value;
    }
};

/// One lane per world, for small states.
struct LaneGroup : OneLane<LaneGroup> {
    static constexpr int tile_worlds = 32;
    static constexpr bool stages_all = true;        // no observation part is written in place
    static constexpr bool keeps_rows = true;        // for environments that allow it; see keeps_row
    static constexpr bool prefers_inlining = true;  // a call costs more than inlined code
    static constexpr bool loads_early = true;
    template <class Leaf>
    __device__ float add_leaves(int leaves, Leaf&& leaf) {
        TreeSum tree;
        for (int k = 0; k < leaves; ++k) tree.push(leaf(k));
        return tree.total();
    }
    static __device__ void accumulate(double& slot, double value) { CudaAccumulate::accumulate(slot, value); }
};

/// The result of a scan of one value per lane.
struct LaneScan {
    int before, total;  // sum over the lanes before this one, and over all lanes
};

/// Groups that process items in batches, one per lane: lane k handles items k, k + lanes(), ... Self provides
/// count_lanes(bool) and scan_lanes(bool or int) over one value per lane.
template <class Self>
struct BatchedGroup : GroupAlgorithms<Self> {
    using GroupAlgorithms<Self>::self;
    template <class F>
    __device__ void for_each(int n, F&& f) {
        SIM_NO_UNROLL
        for (int i = self().lane(); i < n; i += self().lanes()) f(i);
    }
    template <class F>
    __device__ int count(int n, F&& f) {
        if constexpr (std::is_same_v<decltype(f(0)), bool>) {
            int total = 0;
            for (int first = 0; first < n; first += self().lanes()) {
                const int i = first + self().lane();
                total += self().count_lanes(i < n && f(i));
            }
            return total;
        } else {
            return GroupAlgorithms<Self>::count(n, f);
        }
    }
    template <class F, class Use>
    __device__ int scan(int n, F&& f, Use&& use) {
        int before = 0;
        SIM_NO_UNROLL
        for (int first = 0; first < n; first += self().lanes()) {
            const int i = first + self().lane();
            decltype(f(0)) own = 0;
            if (i < n) own = f(i);
            const LaneScan scan = self().scan_lanes(own);
            if (i < n) use(i, before + scan.before, own);
            before += scan.total;
        }
        return before;
    }
};

/// 2 to 32 adjacent lanes of a warp, a power of two.
class WarpGroup : public BatchedGroup<WarpGroup>, public OneTeam<WarpGroup>, public CudaAtomics {
  public:
    static constexpr int tile_worlds = 0;  // 32 / lanes
    static constexpr bool stages_all = true;
    static constexpr bool has_shuffle = true;
    static constexpr bool restarts_together = true;

    /// `thread`: index within the block; groups start at multiples of `lanes`. `is_full`: every lane of the warp has a
    /// world.
    __device__ WarpGroup(int thread, int lanes, bool is_full = false)
        : lane_(thread & (lanes - 1)),
          lanes_(lanes),
          is_full_(is_full),
          mask_(low_bits(lanes) << (thread & 31 & ~(lanes - 1))) {}
    __device__ int lane() const { return lane_; }
    __device__ int lanes() const { return lanes_; }
    /// The fence makes results of atomics on global memory visible, which __syncwarp alone does not.
    __device__ void sync() {
        __threadfence_block();
        __syncwarp(mask_);
    }
    /// A sync for plain writes to shared memory, without atomics.
    __device__ void sync_shared() { __syncwarp(mask_); }
    __device__ bool sync_or(bool own) {
        sync();  // a vote does not order memory accesses
        return any_sync(own);
    }
    __device__ int count_lanes(bool own) const { return __popc(__ballot_sync(mask_, own)); }
    __device__ int reduce_add(int own) const {
        return butterfly(own, [](int a, int b) { return a + b; });
    }
    template <class T>
    __device__ T reduce_min(T own) const {
        return butterfly(own, [](T a, T b) { return b < a ? b : a; });
    }
    /// Batches of one leaf per lane, each a subtree.
    template <class Leaf>
    __device__ float add_leaves(int leaves, Leaf&& leaf) const {
        TreeSum tree;
        SIM_NO_UNROLL
        for (int first = 0, padded = ::max(leaves, lanes_); first < padded; first += lanes_)
            tree.push(butterfly(leaf(first + lane_), [](float a, float b) { return a + b; }));
        return tree.total();
    }
    __device__ LaneScan scan_lanes(bool own) const {
        const uint32_t set = __ballot_sync(mask_, own), first_lane = mask_ & (0u - mask_);
        return {__popc(set & ((first_lane << lane_) - 1)), __popc(set)};
    }
    __device__ LaneScan scan_lanes(int own) const {
        int through = own;
        for (int distance = 1; distance < lanes_; distance *= 2) {
            const int other = __shfl_up_sync(mask_, through, distance, lanes_);
            if (lane_ >= distance) through += other;
        }
        return {through - own, __shfl_sync(mask_, through, lanes_ - 1, lanes_)};
    }
    __device__ uint32_t shfl_up(uint32_t value) const {
        const uint32_t other = __shfl_up_sync(mask_, value, 1, lanes_);
        return lane_ == 0 ? 0 : other;
    }
    __device__ uint32_t shfl_down(uint32_t value) const {
        const uint32_t other = __shfl_down_sync(mask_, value, 1, lanes_);
        return lane_ == lanes_ - 1 ? 0 : other;
    }
    __device__ bool any_sync(bool value) const { return __any_sync(mask_, value); }
    /// Calls f(group, neighbor) for each of the warp's worlds whose lanes pass true, one at a time with all 32 lanes;
    /// `neighbor` is relative to the lane's own world. All lanes of the warp that have a world must call this; their
    /// earlier writes are visible. For rare, expensive work that would otherwise stall the rest of the warp.
    template <class F>
    __device__ void for_each_of_warp(bool wanted, F&& f) const {
        WarpGroup all(int(threadIdx.x), is_full_ ? 32 : lanes_);
        const int own = is_full_ ? int(threadIdx.x & 31) / lanes_ : 0;
        for (uint32_t rest = __ballot_sync(all.mask_, wanted); rest != 0;) {
            const int first_lane = __ffs(int(rest)) - 1, world = is_full_ ? first_lane / lanes_ : 0;
            all.sync();
            f(all, world - own);
            rest &= is_full_ ? ~(low_bits(lanes_) << first_lane) : 0u;
        }
        all.sync();
    }
    /// Reduces one value per lane; `op` must be associative and commutative.
    template <class T, class Op>
    __device__ T butterfly(T own, Op op) const {
        for (int distance = 1; distance < lanes_; distance *= 2) own = op(own, __shfl_xor_sync(mask_, own, distance));
        return own;
    }

  private:
    static __device__ uint32_t low_bits(int count) { return count == 32 ? ~0u : (1u << count) - 1; }

    int lane_, lanes_;
    bool is_full_;
    uint32_t mask_;  // the group's lanes in the warp
};

/// A whole block; its size is a multiple of 32. A team is a warp.
class BlockGroup : public BatchedGroup<BlockGroup>, public ManyTeams<BlockGroup>, public CudaAtomics {
  public:
    static constexpr int tile_worlds = 1;
    static constexpr bool stages_all = true;
    /// Shared memory through which warps exchange results.
    union Exchange {
        float value[32];
        int integer[32];
        int64_t wide[32];
    };

    explicit __device__ BlockGroup(Exchange& exchange) : exchange_(exchange) {}
    __device__ int lane() const { return int(threadIdx.x); }
    __device__ int lanes() const { return int(blockDim.x); }
    __device__ void sync() { __syncthreads(); }
    __device__ bool sync_or(bool own) { return __syncthreads_or(own); }
    __device__ int count_lanes(bool own) { return __syncthreads_count(own); }
    __device__ int reduce_add(int own) {
        return combine(exchange_.integer, int(__reduce_add_sync(~0u, own)), [](int a, int b) { return a + b; });
    }
    __device__ int reduce_min(int own) {
        return combine(exchange_.integer, __reduce_min_sync(~0u, own), [](int a, int b) { return ::min(a, b); });
    }
    __device__ int64_t reduce_min(int64_t own) {
        return combine(exchange_.wide, team().reduce_min(own), [](int64_t a, int64_t b) { return b < a ? b : a; });
    }
    /// One warp per chunk of 32 leaves, then the 32 chunk sums: the lower and upper levels of the same tree.
    template <class Leaf>
    __device__ float add_leaves(int leaves, Leaf&& leaf) {
        const auto add = [](float a, float b) { return a + b; };
        const int lane = int(threadIdx.x) & 31, chunks = leaves > 32 ? leaves / 32 : 1;
        __syncthreads();
        for (int chunk = warp(); chunk < chunks; chunk += warps()) {
            const float value = team().butterfly(leaf(chunk * 32 + lane), add);
            if (lane == 0) exchange_.value[chunk] = value;
        }
        __syncthreads();
        return team().butterfly(lane < chunks ? exchange_.value[lane] : 0.0f, add);
    }
    template <class T>
    __device__ LaneScan scan_lanes(T own) {
        const LaneScan in_warp = team().scan_lanes(own);
        write_per_warp(exchange_.integer, in_warp.total);
        LaneScan scan{in_warp.before, 0};
        for (int w = 0; w < warps(); ++w) {
            const int total = exchange_.integer[w];
            if (w < warp()) scan.before += total;
            scan.total += total;
        }
        return scan;
    }
    static __device__ WarpGroup team() { return WarpGroup(int(threadIdx.x), 32); }

  private:
    static __device__ int warp() { return int(threadIdx.x) / 32; }
    static __device__ int warps() { return int(blockDim.x) / 32; }
    template <class T>
    static __device__ void write_per_warp(T* slots, T of_warp) {
        __syncthreads();
        if ((threadIdx.x & 31) == 0) slots[warp()] = of_warp;
        __syncthreads();
    }
    /// Reduces one value per warp to one for the block.
    template <class T, class Op>
    static __device__ T combine(T* slots, T of_warp, Op op) {
        write_per_warp(slots, of_warp);
        T result = slots[0];
        for (int w = 1; w < warps(); ++w) result = op(result, slots[w]);
        return result;
    }

    Exchange& exchange_;
};

}  // namespace flockstep
