#pragma once

#include <bit>
#include <cstdint>
#include <type_traits>

#include "sim/contract/group_sum.h"
#include "sim/contract/hd.h"

/// Shared by all groups: the functions of group.h, written once over a few primitives that each group provides.
///
///   lane(), lanes()            this lane's index, and the number of lanes
///   for_each(n, f), sync()     see group.h
///   sync_or(own)               a sync, and whether any lane passes true
///   reduce_add(own)            sum of one int per lane, in all lanes
///   reduce_min(own)            minimum of one int or int64 per lane, in all lanes
///   add_leaves(leaves, leaf)   leaf(0) ... leaf(leaves - 1) added as a perfect binary tree, in all lanes; leaves is a
///                              power of two, and leaf(k) is +0 for k >= leaves
///   scan(n, f, use)            use(i, sum of f(j) for j < i, f(i)) for bools or ints f(i); returns the total
///   team()                     the lanes that share an item of for_each_team (groups with several teams)
///
/// The mixins are class templates over the group that derives from them (CRTP), so that every call is direct and the
/// compiler sees plain loops. Where a group has something better for one function, it declares that function itself.
///
///   struct MyLane : OneLane<MyLane> {  // a new group of one lane needs no more than
///       static constexpr int tile_worlds = 1;
///       template <class Leaf>
///       SIM_HD float add_leaves(int leaves, Leaf&& leaf) { return tree_of(leaves, leaf); }
///   };
///
/// The comments below do not repeat group.h; they say which primitives, and so which syncs, each function costs.
namespace flockstep {

/// Maps the bits of a float to an int and back: the ints compare like the floats, with -0 < +0. Its own inverse.
SIM_HD int ordered_bits(int bits) { return bits ^ (bits >> 31 & INT32_MAX); }
/// An int that compares like the value.
SIM_HD int ordered_key(int value) { return value; }
SIM_HD int ordered_key(float value) { return ordered_bits(std::bit_cast<int>(value)); }
/// The int or float with this key.
template <class T>
SIM_HD T from_ordered_key(int order) {
    if constexpr (std::is_same_v<T, float>)
        return std::bit_cast<float>(ordered_bits(order));
    else
        return order;
}
/// The key of the largest int or of +infinity. Its complement is the key of the smallest int or of -infinity.
template <class T>
inline constexpr int max_ordered_key = std::is_same_v<T, float> ? 0x7f800000 : INT32_MAX;
/// The type in which min and max of f(i) are computed: float for floats, int for all integers.
template <class F>
using ComparedAs = std::conditional_t<std::is_same_v<std::decay_t<std::invoke_result_t<F&, int>>, float>, float, int>;
/// A key that compares by `order`, then by index >= 0, stored in the lower half.
SIM_HD int64_t with_index(int order, int index) { return int64_t(uint64_t(uint32_t(order)) << 32 | uint32_t(index)); }

/// The loops, reductions and scans of group.h, implemented with Self's primitives.
template <class Self>
class GroupAlgorithms {
  public:
    /// Whether teams have shfl_up, shfl_down and any_sync.
    static constexpr bool has_shuffle = false;

    /// On lane 0.
    template <class F>
    SIM_HD void single(F&& f) {
        if (self().lane() == 0) f();
    }
    /// Software-pipelined by one item if Self has loads_early; otherwise for_each.
    template <class Load, class Use>
    SIM_HD void for_each_prefetched(int n, Load&& load, Use&& use) {
        if constexpr (requires { Self::loads_early; }) {
            int item = self().lane();
            if (item >= n) return;
            for (auto loaded = load(item);;) {
                const int next_item = item + self().lanes();
                if (next_item >= n) return use(item, loaded);
                const auto next = load(next_item);
                use(item, loaded);
                item = next_item, loaded = next;
            }
        } else {
            self().for_each(n, [&](int i) { use(i, load(i)); });
        }
    }

    /// One sync_or; f is called for every item.
    template <class F>
    SIM_HD bool any(int n, F&& f) {
        bool found = false;
        self().for_each(n, [&](int i) { found |= bool(f(i)); });
        return self().sync_or(found);
    }
    /// One call of any.
    template <class F>
    SIM_HD bool all(int n, F&& f) {
        return !self().any(n, [&](int i) { return !f(i); });
    }
    /// One reduce_add; the sum must fit an int.
    template <class F>
    SIM_HD int count(int n, F&& f) {
        int total = 0;
        self().for_each(n, [&](int i) { total += f(i); });
        return self().reduce_add(total);
    }
    /// One add_leaves.
    template <class F>
    SIM_HD float sum(int n, F&& f) {
        return self().add_leaves(leaves_for(n), [&](int leaf) { return sum_leaf(leaf, n, f); });
    }

    /// One reduce_min of ints.
    template <class F>
    SIM_HD auto min(int n, F&& f) {
        using T = ComparedAs<F>;
        return from_ordered_key<T>(self().smallest(n, max_ordered_key<T>, [&](int i) { return ordered_key(T(f(i))); }));
    }
    /// One reduce_min of ints.
    template <class F>
    SIM_HD auto max(int n, F&& f) {
        using T = ComparedAs<F>;
        return from_ordered_key<T>(
            ~self().smallest(n, max_ordered_key<T>, [&](int i) { return ~ordered_key(T(f(i))); }));
    }
    // Adding zero turns -0 into +0, so that the two compare equal here.
    /// One reduce_min of int64.
    template <class F>
    SIM_HD int arg_min(int n, F&& f) {
        using T = ComparedAs<F>;
        return index_of_smallest(n, [&](int i) { return ordered_key(T(f(i)) + T{}); });
    }
    /// One reduce_min of int64.
    template <class F>
    SIM_HD int arg_max(int n, F&& f) {
        using T = ComparedAs<F>;
        return index_of_smallest(n, [&](int i) { return ~ordered_key(T(f(i)) + T{}); });
    }

    /// One scan, of bools.
    template <class Has, class Use>
    SIM_HD int compact(int n, Has&& has, Use&& use) {
        const auto use_if = [&](int i, int rank, bool is_in) {
            if (is_in) use(i, rank);
        };
        return self().scan(
            n, [&](int i) { return bool(has(i)); }, use_if);
    }
    /// One scan, of ints.
    template <class F, class Use>
    SIM_HD int exclusive_scan(int n, F&& f, Use&& use) {
        return self().scan(
            n, [&](int i) { return int(f(i)); }, [&](int i, int before, int) { use(i, before); });
    }

    /// The smallest of `start` and the ints or int64 f(i), in all lanes. Together: one reduce_min.
    template <class T, class F>
    SIM_HD T smallest(int n, T start, F&& f) {
        T own = start;
        self().for_each(n, [&](int i) {
            if (const T value = f(i); value < own) own = value;
        });
        return self().reduce_min(own);
    }

  protected:
    SIM_HD Self& self() { return static_cast<Self&>(*this); }

  private:
    /// The lower half of the largest int64 is -1, the result for n == 0.
    template <class F>
    SIM_HD int index_of_smallest(int n, F&& order) {
        return int(self().smallest(n, INT64_MAX, [&](int i) { return with_index(order(i), i); }) & UINT32_MAX);
    }
};

/// A group that cannot be split has one team: itself.
template <class Self>
struct OneTeam {
    /// In order, with a sync after each item.
    template <class F>
    SIM_HD void for_each_team(int n, int, F&& f) {
        Self& self = static_cast<Self&>(*this);
        for (int i = 0; i < n; ++i) {
            f(self, 0, i);
            self.sync();
        }
    }
};
/// Several teams, which take items in round-robin order.
template <class Self>
struct ManyTeams {
    /// Team k of min(teams, max_teams) takes items k, k + teams, ..., with a team sync after each; then one sync of the
    /// group, even if n is 0. Teams without items wait there.
    template <class F>
    SIM_HD void for_each_team(int n, int max_teams, F&& f) {
        Self& self = static_cast<Self&>(*this);
        auto team = self.team();
        const int possible = self.lanes() / team.lanes(), teams = possible < max_teams ? possible : max_teams,
                  index = self.lane() / team.lanes();
        for (int i = index; index < teams && i < n; i += teams) {
            f(team, index, i);
            team.sync();
        }
        self.sync();
    }
};

/// accumulate and set_if_zero for memory that only one lane touches.
struct PlainAccumulate {
    /// A plain read and write.
    SIM_HD static void accumulate(double& slot, double value) { slot += value; }
    /// -0 counts as nonzero.
    SIM_HD static void set_if_zero(double& slot, double value) {
        if (std::bit_cast<int64_t>(slot) == 0) slot = value;
    }
};

/// A group of one lane: primitives are free, items come in order, and "atomics" are plain reads and writes.
template <class Self>
struct OneLane : GroupAlgorithms<Self>, OneTeam<Self>, PlainAccumulate {
    /// The primitives.
    SIM_HD int lane() const { return 0; }
    SIM_HD int lanes() const { return 1; }
    /// In order.
    template <class F>
    SIM_HD void for_each(int n, F&& f) {
        for (int i = 0; i < n; ++i) f(i);
    }
    /// No-op.
    SIM_HD void sync() {}

    /// The lane's own value.
    SIM_HD bool sync_or(bool own) { return own; }
    SIM_HD int reduce_add(int own) { return own; }
    /// The lane's own value.
    template <class T>
    SIM_HD T reduce_min(T own) {
        return own;
    }
    /// A simpler loop for n <= max_small_sum_items; bit-identical.
    template <class F>
    SIM_HD float sum(int n, F&& f) {
        if (n <= max_small_sum_items) return small_sum(n, f);
        return GroupAlgorithms<Self>::sum(n, f);
    }
    /// One pass.
    template <class T, class F>
    SIM_HD T smallest(int n, T start, F&& f) {
        T smallest = start;
        SIM_NO_UNROLL  // see group_cuda.cuh
            for (int i = 0; i < n; ++i) if (const T value = f(i); value < smallest) smallest = value;
        return smallest;
    }
    /// One pass, in which use(i, ...) directly follows f(i).
    template <class F, class Use>
    SIM_HD int scan(int n, F&& f, Use&& use) {
        int before = 0;
        for (int i = 0; i < n; ++i) {
            const auto own = f(i);
            use(i, before, own);
            before += own;
        }
        return before;
    }

    /// See group.h.
    SIM_HD static void atomic_or(uint32_t& word, uint32_t bits) { word |= bits; }
    /// See group.h.
    SIM_HD static void atomic_min(int& slot, int value) {
        if (value < slot) slot = value;
    }
    /// See group.h.
    SIM_HD static int atomic_add(int& slot, int value) {
        const int old = slot;
        slot += value;
        return old;
    }
    /// See group.h.
    SIM_HD static int atomic_exchange_if(int& slot, int expected, int value) {
        const int old = slot;
        if (old == expected) slot = value;
        return old;
    }
};

/// Memory through which the lanes of an ExchangingGroup communicate: 4 KB, global memory on the GPU.
struct GroupExchange {
    union {
        float leaf[sum_leaves];
        int part[sum_leaves];
    };
    int64_t value;
};

/// A group whose lanes communicate only through memory, and whose syncs are expensive: the number of syncs does not
/// depend on n. Self also provides the int64 atomics.
template <class Self>
class ExchangingGroup : public GroupAlgorithms<Self>, public ManyTeams<Self> {
  public:
    using Exchange = GroupExchange;  /// one for all lanes
    SIM_HD explicit ExchangingGroup(Exchange& exchange) : exchange_(exchange) {}

    /// Three syncs, like reduce_add and reduce_min; one atomic per team.
    SIM_HD bool sync_or(bool own) { return reduce_add(own) > 0; }
    /// Three syncs.
    SIM_HD int reduce_add(int own) {
        const int of_team = self().team().reduce_add(own);
        return int(combine(0, [&](int64_t& total) {
            if (of_team) Self::atomic_add(total, int64_t(of_team));
        }));
    }
    /// Three syncs.
    template <class T>
    SIM_HD T reduce_min(T own) {
        const T of_team = self().team().reduce_min(own);
        return T(combine(INT64_MAX, [&](int64_t& smallest) { Self::atomic_min(smallest, int64_t(of_team)); }));
    }
    /// Two syncs: all lanes compute leaves, then every team computes the whole tree over them.
    template <class Leaf>
    SIM_HD float add_leaves(int leaves, Leaf&& leaf) {
        self().sync();
        self().for_each(leaves, [&](int k) { exchange_.leaf[k] = leaf(k); });
        self().sync();
        return self().team().add_leaves(leaves, [&](int k) { return k < leaves ? fresh(exchange_.leaf[k]) : 0.0f; });
    }
    /// Two passes, each team handling one range of the items: totals of the ranges first, then the scan of each. f is
    /// called twice. Three syncs.
    template <class F, class Use>
    SIM_HD int scan(int n, F&& f, Use&& use) {
        const int parts = num_parts(n);
        const auto first = [&](int part) { return int(int64_t(n) * part / parts); };
        self().sync();
        self().for_each_team(parts, parts, [&](auto& team, int, int part) {
            const int start = first(part), size = first(part + 1) - start;
            const int total = team.count(size, [&](int i) { return int(f(start + i)); });
            team.single([&] { exchange_.part[part] = total; });
        });
        self().for_each_team(parts, parts, [&](auto& team, int, int part) {
            const int start = first(part), size = first(part + 1) - start, before = add_parts(team, part);
            const auto use_at = [&](int i, int rank, auto own) { use(start + i, before + rank, own); };
            team.scan(
                size, [&](int i) { return f(start + i); }, use_at);
        });
        auto team = self().team();
        return add_parts(team, parts);
    }

  private:
    using GroupAlgorithms<Self>::self;
    /// Reads what other lanes wrote before a sync: from memory, not from a register.
    template <class T>
    SIM_HD static T fresh(const T& slot) {
        return *const_cast<const volatile T*>(&slot);
    }
    SIM_HD int num_parts(int n) {
        const int wanted = n / 32 + (n % 32 != 0), teams = self().lanes() / self().team().lanes();
        const int limit = teams < sum_leaves ? teams : sum_leaves;
        return wanted < limit ? wanted : limit;
    }
    template <class Team>
    SIM_HD int add_parts(Team& team, int parts) {
        return team.count(parts, [&](int part) { return fresh(exchange_.part[part]); });
    }
    /// One lane of each team contributes to a value between two syncs; all lanes get the result.
    template <class Add>
    SIM_HD int64_t combine(int64_t start, Add&& add) {
        self().sync();
        self().single([&] { exchange_.value = start; });
        self().sync();
        self().team().single([&] { add(exchange_.value); });
        self().sync();
        return fresh(exchange_.value);
    }

    Exchange& exchange_;
};

}  // namespace flockstep
