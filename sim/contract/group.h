#pragma once

#include <omp.h>

#include <cstdint>
#include <cstring>

#include "sim/contract/group_algorithms.h"

/// A group is the lanes that work on one world. Rules are written once, over any group, and give the same results for
/// every number of lanes, on the CPU and on the GPU. A lane is a thread of the GPU or of the CPU.
///
///   // each agent collects what lies in its cell; the first agent in need gets the rest
///   group.for_each(n, [&](int agent) { collect(state, agent); });
///   group.sync();                                                    // all lanes now see what every lane collected
///   const int first = group.arg_min(n, [&](int agent) { return state.energy[agent]; });
///   group.single([&] { state.energy[first] += state.rest[0]; });
///
/// f(i), has(i), load(i) and key(i) below are called for items i in [0, n), spread over the lanes. No order and no lane
/// is promised, so that items which touch the same memory need atomics, or a sync between two loops. n must be the same
/// in all lanes.
///
/// "Together": all lanes must reach the call, none may skip it. Calls without this word may be skipped by some lanes.
/// "Sync": lanes wait for each other. Within a warp it costs some cycles, within a block tens, in a grid or a team of
/// CPU threads some microseconds, and for one lane alone nothing. Every result is the same in all lanes.
///
/// Loops
///   for_each(n, f)
///       f(i) for each item. No sync.
///   single(f)
///       f() on one lane. No sync: follow it by one before other lanes read what f wrote.
///   sync()
///       What any lane wrote before is seen by all lanes after. Together.
///   for_each_prefetched(n, load, use)
///       use(i, load(i)) for each item, where load reads memory of the device: on the GPU a lane loads its next item
///       before it uses the one it has, or it would wait for each. load must not read what use writes. No sync.
///
/// Reductions: together; f is called once for each item. Syncs: none in a warp, which shuffles, but in any and all; one
/// or two in a block; two or three in a grid or a team of CPU threads. Rely on those of any and all only.
///   any(n, f), all(n, f)
///       Whether f(i) is true for any or every item; n == 0: false, true. Contains a sync. A group of one CPU lane
///       stops at the first item that decides, so f must change nothing.
///   count(n, f)
///       Sum of the bools or ints f(i) as an int; n == 0: 0. In a block, bools cost one sync for every lanes() items.
///   sum(n, f)
///       Sum of the floats f(i) in the fixed tree of group_sum.h, so the same bits whoever adds; n == 0: +0.
///   min(n, f), max(n, f)
///       The smallest or largest f(i): a float where f gives floats (-0 is below +0, no NaN), else an int.
///       n == 0: +infinity or -infinity; the largest or the smallest int.
///   arg_min(n, f), arg_max(n, f)
///       The item with the smallest or largest int or float f(i) (no NaN), the lowest item where several are equal, as
///       -0 and +0 are; n == 0: -1.
///           const int target = team.arg_min(n, [&](int enemy) { return distance_squared(agent, enemy); });
///
/// Scans: together. Syncs: none in a warp, two for every lanes() items in a block, three in a grid or a team of CPU
/// threads; none follows the last use. f and has may be called twice for an item and must not read what use writes.
///   compact(n, has, use)
///       use(i, rank) for each item with has(i), where rank counts those before it in the order of items. Gives how
///       many there are; n == 0: 0.
///           const int found = group.compact(n, [&](int car) { return is_near(car); },
///                                           [&](int car, int rank) { list[rank] = car; });
///   exclusive_scan(n, f, use)
///       use(i, before) for each item, where before is the sum of the ints f(j), j < i. Gives the total; n == 0: 0.
///   select_smallest(group, n, k, key, scratch, use) in select.h: the k items with the smallest keys.
///
/// Teams: items that are worth several lanes each.
///   for_each_team(n, max_teams, f)
///       f(team, team_index, i) for each item, by all lanes of one team. A team is a group itself: a warp of a block or
///       a grid, a thread of a CPU team, else the whole group. team_index in [0, max_teams) tells teams apart that work
///       at the same time, e.g. to pick an array of scratch. Together, and ends with a sync, but for n == 0, where
///       there may be none; inside, "together" is said of the team's lanes.
///           group.for_each_team(n, max_teams, [&](auto& team, int index, int agent) { search(team, index, agent); });
///   team.has_shuffle
///       Whether a team's lanes are lanes of a warp. Only then there are, together and without a sync:
///   team.shfl_up(word), team.shfl_down(word)
///       The uint32 that the lane before or after passes; 0 at the ends.
///   team.any_sync(flag)
///       Whether any lane passes true.
///
/// Memory of State or Scratch that several lanes of this group write: atomics, by any lane, without a sync, and without
/// order between different words.
///   atomic_or(word, bits), atomic_min(slot, value)
///   atomic_add(slot, value)
///       For an int; gives what the slot held before.
///   atomic_exchange_if(slot, expected, value)
///       Writes value where the slot holds expected; gives what it held before.
/// Memory that one lane alone touches and does not read again in this call, so that the GPU need not wait for it:
///   accumulate(slot, value)
///       slot += value for a double.
///   set_if_zero(slot, value)
///       slot = value for a double if it is +0.
///
/// This file holds the groups of the CPU backend; those of the GPU are in group_cuda.cuh, and what both share is in
/// group_algorithms.h.
namespace flockstep {

/// One lane of the CPU. Nothing waits.
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

/// One lane per world, in index order: the CPU backend's normal case.
struct HostGroup : OneHostLane<HostGroup> {
    /// Stops at the first item that has it.
    template <class F>
    bool any(int n, F&& f) {
        for (int i = 0; i < n; ++i)
            if (f(i)) return true;
        return false;
    }
};

/// A HostGroup that visits items in another order, to find rules that depend on it: backwards, or by a stride.
struct ReorderedHostGroup : OneHostLane<ReorderedHostGroup> {
    int stride;  // -1: backwards; otherwise a prime: item (i * stride) % n, for n not a multiple of it
    explicit ReorderedHostGroup(int stride) : stride(stride) {}
    /// In the other order, as are the teams' items.
    template <class F>
    void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(stride < 0 || n % stride == 0 ? n - 1 - i : int(int64_t(i) * stride % n));
    }
    /// The team is this lane.
    template <class F>
    void for_each_team(int n, int, F&& f) {
        for_each(n, [&](int i) { f(*this, 0, i); });
    }
    /// Fills memory with 0xA5, so that what is read from there before it is written shows.
    static void poison(void* memory, int64_t bytes) { memset(memory, 0xA5, size_t(bytes)); }
};

/// Between threads of the CPU: relaxed, so that other memory is seen after a sync alone.
struct HostAtomics {
    /// As group.h says; those of int64 are what ExchangingGroup needs.
    static void atomic_or(uint32_t& word, uint32_t bits) { __atomic_fetch_or(&word, bits, __ATOMIC_RELAXED); }
    static void atomic_min(int& slot, int value) { lower(slot, value); }
    static void atomic_min(int64_t& slot, int64_t value) { lower(slot, value); }
    static int atomic_add(int& slot, int value) { return __atomic_fetch_add(&slot, value, __ATOMIC_RELAXED); }
    static void atomic_add(int64_t& slot, int64_t value) { __atomic_fetch_add(&slot, value, __ATOMIC_RELAXED); }
    /// As group.h says.
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

/// All threads of an OpenMP parallel region on one world: for worlds with more work than there are worlds. The Exchange
/// is one object per region, which its threads share. A team is one thread.
class HostTeamGroup : public ExchangingGroup<HostTeamGroup>, public HostAtomics, public PlainAccumulate {
  public:
    /// Worlds that share a tile of state (see Binder).
    static constexpr int tile_worlds = 1;
    using ExchangingGroup::ExchangingGroup;
    /// The thread's number in the region, and how many there are.
    int lane() const { return omp_get_thread_num(); }
    int lanes() const { return omp_get_num_threads(); }
    /// A contiguous part of the items per thread.
    template <class F>
    void for_each(int n, F&& f) {
        const int64_t first = int64_t(n) * lane() / lanes(), last = int64_t(n) * (lane() + 1) / lanes();
        for (int64_t i = first; i < last; ++i) f(int(i));
    }
    /// OpenMP's barrier: some microseconds.
    void sync() {
#pragma omp barrier
    }
    /// The thread alone.
    static HostGroup team() { return {}; }
};

}  // namespace flockstep
