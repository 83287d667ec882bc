#pragma once

#include <omp.h>

#include <cstdint>
#include <cstring>

#include "sim/hd.h"

/// A group is the lanes that work on one world. Rules are written once over it:
///
///   group.for_each(n, f)       f(i) for i in [0, n), spread over the lanes; no order is promised
///   group.single(f)            f() on one lane
///   group.sync()               what any lane wrote before is seen by all lanes after
///   group.any(n, f), all       true in all lanes if f(i) is true for any / every i; contains a sync
///   group.count(n, f)          sum of the ints or bools f(i)
///   group.sum(n, f)            sum of the floats f(i), in one fixed tree that does not depend on the lanes
///   group.min(n, f)            smallest int f(i); INT32_MAX for n == 0
///   for_each_prefetched(group, n, load, use)  use(i, load(i)) for each i, where load reads memory of the device: on
///   the
///                              GPU a lane loads its next item before it uses the one it has
///   group.for_each_team(n, max_teams, f)  f(team, team_index, i): items that are worth several lanes each; a team is a
///                              group itself, team_index < max_teams tells teams apart that work at the same time
///   team.has_shuffle  true where a team's lanes are parts of a warp. Then there are also
///   team.shfl_up(bits), shfl_down(bits)   what the neighbour lane passes; 0 at the ends
///   team.any_sync(flag)        whether any lane passes true
///   group.atomic_or, atomic_min, atomic_add, atomic_exchange_if   on State or Scratch, between lanes of this group
///   group.accumulate(slot, value)  slot += value for a double that this lane alone touches and does not read in this
///                              call: the GPU does not wait for the sum
///   group.set_if_zero(slot, value)  the same for a double that becomes `value` if it is +0
///
/// All lanes must reach sync, any, all, count, sum, min and for_each_team together.
/// This file holds the groups of the CPU backend; those of the GPU are in group_cuda.cuh.
namespace flockstep {

/// Float sums are a perfect binary tree over this many leaves; leaf k adds the items k, k + 1024, k + 2048, ...
inline constexpr int sum_leaves = 1024;

template <class Group, class Load, class Use>
SIM_HD void for_each_prefetched(Group& group, int n, Load&& load, Use&& use) {
#ifdef __CUDA_ARCH__
    int item = group.lane();
    if (item >= n) return;
    for (auto loaded = load(item);;) {
        const int next_item = item + group.lanes();
        if (next_item >= n) return use(item, loaded);
        const auto next = load(next_item);
        use(item, loaded);
        item = next_item, loaded = next;
    }
#else
    group.for_each(n, [&](int i) { use(i, load(i)); });
#endif
}

/// The smallest power of two of leaves that `n` items need.
SIM_HD int leaves_for(int n) {
    int leaves = 1;
    while (leaves < n && leaves < sum_leaves) leaves *= 2;
    return leaves;
}

/// One leaf. It starts from +0, so that no leaf is -0 and added empty leaves never change a bit.
template <class F>
SIM_HD float sum_leaf(int leaf, int n, F&& f) {
    float value = 0.0f;
    for (int i = leaf; i < n; i += sum_leaves) value += f(i);
    return value;
}

/// Adds values that arrive in order as the leaves of a perfect binary tree: a binary counter of partial sums.
struct TreeSum {
    float level[11] = {};
    uint32_t count = 0;
    SIM_HD void push(float value) {
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
    /// The total once a power of two of values was pushed.
    SIM_HD float total() const {
        float value = 0.0f;
        SIM_UNROLL
        for (int l = 0; l < 11; ++l)
            if (count == uint32_t{1} << l) value = level[l];
        return value;
    }
};

/// Adds and sets, as the CPU does it.
struct HostAccumulate {
    static void accumulate(double& slot, double value) { slot += value; }
    static void set_if_zero(double& slot, double value) {
        int64_t bits;
        memcpy(&bits, &slot, sizeof bits);
        if (bits == 0) slot = value;
    }
};

/// One lane per world, in index order: the CPU backend's normal case.
struct HostGroup : HostAccumulate {
    static constexpr int tile_worlds = 1;
    static constexpr bool has_shuffle = false;
    int lane() const { return 0; }
    int lanes() const { return 1; }
    template <class F>
    void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(i);
    }
    template <class F>
    void single(F&& f) {
        f();
    }
    void sync() {}
    template <class F>
    bool any(int n, F&& f) {
        for (int i = 0; i < n; ++i)
            if (f(i)) return true;
        return false;
    }
    template <class F>
    bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    int count(int n, F&& f) {
        int total = 0;
        for (int i = 0; i < n; ++i) total += f(i);
        return total;
    }
    template <class F>
    int min(int n, F&& f) {
        int smallest = INT32_MAX;
        for (int i = 0; i < n; ++i)
            if (const int value = f(i); value < smallest) smallest = value;
        return smallest;
    }
    template <class F>
    float sum(int n, F&& f) {
        if (n == 1) return sum_leaf(0, n, f);
        TreeSum tree;
        for (int leaf = 0, leaves = leaves_for(n); leaf < leaves; ++leaf) tree.push(sum_leaf(leaf, n, f));
        return tree.total();
    }
    template <class F>
    void for_each_team(int n, int, F&& f) {
        for (int i = 0; i < n; ++i) f(*this, 0, i);
    }
    static void atomic_or(uint32_t& word, uint32_t bits) { word |= bits; }
    static void atomic_min(int& slot, int value) {
        if (value < slot) slot = value;
    }
    static int atomic_add(int& slot, int value) {
        const int old = slot;
        slot += value;
        return old;
    }
    /// Writes `value` where the slot holds `expected`; gives what it held before.
    static int atomic_exchange_if(int& slot, int expected, int value) {
        const int old = slot;
        if (old == expected) slot = value;
        return old;
    }
};

/// HostGroup that visits items in another order, to find rules that lean on one: backwards, or by a stride.
struct ReorderedHostGroup : HostGroup {
    int stride;  // -1: backwards; otherwise a prime: item (i * stride) % n, for n not a multiple of it
    explicit ReorderedHostGroup(int stride) : stride(stride) {}
    template <class F>
    void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(stride < 0 || n % stride == 0 ? n - 1 - i : int(int64_t(i) * stride % n));
    }
    template <class F>
    void for_each_team(int n, int, F&& f) {
        for_each(n, [&](int i) { f(*this, 0, i); });
    }
};

/// All threads of an OpenMP parallel region on one world: for worlds with more work than there are worlds.
class HostTeamGroup : public HostAccumulate {
  public:
    static constexpr int tile_worlds = 1;
    /// What the lanes exchange; one object per parallel region.
    struct Exchange {
        float leaf[sum_leaves];
        int value = 0;
    };
    explicit HostTeamGroup(Exchange& exchange) : exchange_(exchange) {}
    int lane() const { return omp_get_thread_num(); }
    int lanes() const { return omp_get_num_threads(); }
    template <class F>
    void for_each(int n, F&& f) {
        const int64_t first = int64_t(n) * lane() / lanes(), last = int64_t(n) * (lane() + 1) / lanes();
        for (int64_t i = first; i < last; ++i) f(int(i));
    }
    template <class F>
    void single(F&& f) {
        if (lane() == 0) f();
    }
    void sync() {
#pragma omp barrier
    }
    template <class F>
    bool any(int n, F&& f) {
        return count(n, [&](int i) { return int(bool(f(i))); }) > 0;
    }
    template <class F>
    bool all(int n, F&& f) {
        return !any(n, [&](int i) { return !f(i); });
    }
    template <class F>
    int count(int n, F&& f) {
        int own = 0;
        for_each(n, [&](int i) { own += f(i); });
        return combine(0, [&](int& total) { __atomic_fetch_add(&total, own, __ATOMIC_RELAXED); });
    }
    template <class F>
    int min(int n, F&& f) {
        int own = INT32_MAX;
        for_each(n, [&](int i) { own = f(i) < own ? f(i) : own; });
        return combine(INT32_MAX, [&](int& smallest) { atomic_min(smallest, own); });
    }
    template <class F>
    float sum(int n, F&& f) {
        const int leaves = leaves_for(n);
        sync();
        for_each(leaves, [&](int leaf) { exchange_.leaf[leaf] = sum_leaf(leaf, n, f); });
        sync();
        TreeSum tree;
        for (int leaf = 0; leaf < leaves; ++leaf) tree.push(exchange_.leaf[leaf]);
        return tree.total();
    }
    template <class F>
    void for_each_team(int n, int max_teams, F&& f) {
        HostGroup team;
        const int teams = lanes() < max_teams ? lanes() : max_teams;
        for (int i = lane(); lane() < teams && i < n; i += teams) f(team, lane(), i);
        sync();
    }
    static void atomic_or(uint32_t& word, uint32_t bits) { __atomic_fetch_or(&word, bits, __ATOMIC_RELAXED); }
    static void atomic_min(int& slot, int value) {
        int seen = __atomic_load_n(&slot, __ATOMIC_RELAXED);
        while (value < seen &&
               !__atomic_compare_exchange_n(&slot, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
    static int atomic_add(int& slot, int value) { return __atomic_fetch_add(&slot, value, __ATOMIC_RELAXED); }
    static int atomic_exchange_if(int& slot, int expected, int value) {
        __atomic_compare_exchange_n(&slot, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        return expected;
    }

  private:
    /// Every lane adds its part to one int between two syncs; all lanes get the result.
    template <class Add>
    int combine(int start, Add&& add) {
        sync();
        single([&] { exchange_.value = start; });
        sync();
        add(exchange_.value);
        sync();
        return exchange_.value;
    }
    Exchange& exchange_;
};

}  // namespace flockstep
