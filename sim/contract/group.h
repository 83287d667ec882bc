#pragma once

#include <omp.h>

#include <cstdint>
#include <cstring>

#include "sim/contract/group_algorithms.h"

/// A group is the lanes that work on one world. Rules are written once, over any group, and give the same results for
/// every number of lanes, on the CPU and on the GPU. A lane is a thread of the GPU or of the CPU.
///
///   // each agent collects what is in its cell; the agent with the least energy gets the rest
///   group.for_each(n, [&](int agent) { collect(state, agent); });
///   group.sync();                                                    // all lanes now see what every lane collected
///   const int first = group.arg_min(n, [&](int agent) { return state.energy[agent]; });
///   group.single([&] { state.energy[first] += state.rest[0]; });
///
/// f(i), has(i), load(i) and key(i) below are called for items i in [0, n), distributed over the lanes. Neither the
/// order nor the lane is specified, so items that touch the same memory need atomics, or a sync between two loops. n
/// must be the same in all lanes.
///
/// "Collective": all lanes must make the call. Other calls may be skipped by some lanes. "Sync": a barrier for the
/// lanes of the group. It costs a few cycles within a warp, tens of cycles within a block, a few microseconds in a grid
/// or a team of CPU threads, and nothing for a single lane. Results are the same in all lanes.
///
/// Loops
///   for_each(n, f)
///       f(i) for each item. No sync.
///   single(f)
///       f() on one lane. No sync: call sync() before other lanes read what f wrote.
///   sync()
///       Barrier: writes of all lanes before it are visible to all lanes after it. Collective.
///   for_each_prefetched(n, load, use)
///       use(i, load(i)) for each item, where load reads device memory: on the GPU a lane loads its next item before
///       it uses the current one, which hides the latency. load must not read what use writes. No sync.
///
/// Reductions: collective; f is called once for each item. Syncs: none in a warp, which uses shuffles, except in any
/// and all; one or two in a block; two or three in a grid or a team of CPU threads. Only any and all guarantee one.
///   any(n, f), all(n, f)
///       Whether f(i) is true for any or all items; n == 0: false, true. Contains a sync. A group of one CPU lane
///       stops early, so f must have no side effects.
///   count(n, f)
///       Sum of the bools or ints f(i) as an int; n == 0: 0. In a block, bools cost one sync per lanes() items.
///   sum(n, f)
///       Sum of the floats f(i) in the fixed order of group_sum.h, so bit-identical for every group; n == 0: +0.
///   min(n, f), max(n, f)
///       The smallest or largest f(i): a float where f gives floats (-0 is below +0, no NaN), else an int.
///       n == 0: +infinity or -infinity; the largest or the smallest int.
///   arg_min(n, f), arg_max(n, f)
///       The item with the smallest or largest int or float f(i) (no NaN), the lowest item among equal ones (-0 equals
///       +0); n == 0: -1.
///           const int target = team.arg_min(n, [&](int enemy) { return distance_squared(agent, enemy); });
///
/// Scans: collective. Syncs: none in a warp, two per lanes() items in a block, three in a grid or a team of CPU
/// threads; none after the last use. f and has may be called twice for an item and must not read what use writes.
///   compact(n, has, use)
///       use(i, rank) for each item with has(i), where rank counts the selected items before it. Returns how many
///       items are selected; n == 0: 0.
///           const int found = group.compact(n, [&](int car) { return is_near(car); },
///                                           [&](int car, int rank) { list[rank] = car; });
///   exclusive_scan(n, f, use)
///       use(i, before) for each item, where before is the sum of the ints f(j), j < i. Returns the total; n == 0: 0.
///   select_smallest(group, n, k, key, scratch, use) in select.h: the k items with the smallest keys.
///
/// Teams: for items that each keep several lanes busy.
///   for_each_team(n, max_teams, f)
///       f(team, team_index, i) for each item, by all lanes of one team. A team is a group itself: a warp of a block or
///       a grid, a thread of a CPU team, otherwise the whole group. team_index in [0, max_teams) is unique among teams
///       that run concurrently, e.g. to select a scratch array. Collective, and ends with a sync, except that n == 0
///       may have none; within f, "collective" refers to the team's lanes.
///           group.for_each_team(n, max_teams, [&](auto& team, int index, int agent) { search(team, index, agent); });
///   team.has_shuffle
///       Whether a team's lanes are lanes of one warp. Only then these exist, collective and without a sync:
///   team.shfl_up(word), team.shfl_down(word)
///       The previous or next lane's word, a uint32; 0 at the ends.
///   team.any_sync(flag)
///       Whether any lane passes true.
///
/// Atomics, for State or Scratch memory that several lanes of this group write: by any lane, without a sync, and with
/// relaxed ordering.
///   atomic_or(word, bits), atomic_min(slot, value)
///   atomic_add(slot, value)
///       For an int; returns the old value.
///   atomic_exchange_if(slot, expected, value)
///       Compare-and-swap: stores value if the slot holds expected; returns the old value.
/// For memory that only one lane touches and does not read again in this call, so that the GPU need not wait for it:
///   accumulate(slot, value)
///       slot += value for a double.
///   set_if_zero(slot, value)
///       slot = value for a double if the slot is +0.
///
/// This file holds the groups of the CPU backend; those of the GPU are in group_cuda.cuh, and the code shared by both
/// is in group_algorithms.h.
namespace flockstep {

/// A single CPU lane. Nothing waits.
template <class Self>
struct OneHostLane : OneLane<Self> {
    /// Worlds that share a tile of state (see Binder).
    static constexpr int tile_worlds = 1;
    /// Level by level, as the tree is defined: 4 KB of stack.
    template <class Leaf>
    float add_leaves(int leaves, Leaf&& leaf) {
        float level[sum_leaves];
        for (int k = 0; k < leaves; ++k) level[k] = leaf(k);
        for (int half = leaves / 2; half > 0; half /= 2)
            for (int k = 0; k < half; ++k) level[k] = level[2 * k] + level[2 * k + 1];
        return level[0];
    }
};

/// One lane per world, items in index order: the CPU backend's default.
struct HostGroup : OneHostLane<HostGroup> {
    /// Stops at the first match.
    template <class F>
    bool any(int n, F&& f) {
        for (int i = 0; i < n; ++i)
            if (f(i)) return true;
        return false;
    }
};

/// A HostGroup that visits items in another order, to expose rules that depend on it: backwards, or by a stride.
struct ReorderedHostGroup : OneHostLane<ReorderedHostGroup> {
    int stride;  // -1: backwards; otherwise a prime: item (i * stride) % n, for n not a multiple of it
    explicit ReorderedHostGroup(int stride) : stride(stride) {}
    /// In that order; the same for the teams' items.
    template <class F>
    void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(stride < 0 || n % stride == 0 ? n - 1 - i : int(int64_t(i) * stride % n));
    }
    /// The team is this lane.
    template <class F>
    void for_each_team(int n, int, F&& f) {
        for_each(n, [&](int i) { f(*this, 0, i); });
    }
    /// Fills memory with 0xA5, so that reads of uninitialized memory become visible.
    static void poison(void* memory, int64_t bytes) { memset(memory, 0xA5, size_t(bytes)); }
};

/// Atomics between CPU threads: relaxed, so that other memory is visible only after a sync.
struct HostAtomics {
    /// See group.h; ExchangingGroup needs the int64 versions.
    static void atomic_or(uint32_t& word, uint32_t bits) { __atomic_fetch_or(&word, bits, __ATOMIC_RELAXED); }
    static void atomic_min(int& slot, int value) { lower(slot, value); }
    static void atomic_min(int64_t& slot, int64_t value) { lower(slot, value); }
    static int atomic_add(int& slot, int value) { return __atomic_fetch_add(&slot, value, __ATOMIC_RELAXED); }
    static void atomic_add(int64_t& slot, int64_t value) { __atomic_fetch_add(&slot, value, __ATOMIC_RELAXED); }
    /// See group.h.
    static int atomic_exchange_if(int& slot, int expected, int value) {
        __atomic_compare_exchange_n(&slot, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
        return expected;
    }

  private:
    template <class T>
    static void lower(T& slot, T value) {
        T seen = __atomic_load_n(&slot, __ATOMIC_RELAXED);
        while (value < seen &&
               !__atomic_compare_exchange_n(&slot, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        }
    }
};

/// All threads of an OpenMP parallel region on one world: for few, very large worlds. The Exchange is one object per
/// region, shared by its threads. A team is one thread.
class HostTeamGroup : public ExchangingGroup<HostTeamGroup>, public HostAtomics, public PlainAccumulate {
  public:
    /// Worlds that share a tile of state (see Binder).
    static constexpr int tile_worlds = 1;
    using ExchangingGroup::ExchangingGroup;
    /// The thread's index in the region, and the number of threads.
    int lane() const { return omp_get_thread_num(); }
    int lanes() const { return omp_get_num_threads(); }
    /// A contiguous range of items per thread.
    template <class F>
    void for_each(int n, F&& f) {
        const int64_t first = int64_t(n) * lane() / lanes(), last = int64_t(n) * (lane() + 1) / lanes();
        for (int64_t i = first; i < last; ++i) f(int(i));
    }
    /// An OpenMP barrier: a few microseconds.
    void sync() {
#pragma omp barrier
    }
    /// This thread only.
    static HostGroup team() { return {}; }
};

}  // namespace flockstep
