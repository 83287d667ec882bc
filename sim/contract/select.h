#pragma once

#include <bit>
#include <cstdint>

#include "sim/contract/hd.h"

/// Selects the k smallest of n keys, for example the k nearest neighbors.
///
///   // an agent's 64 nearest roads within sight, in the order of the scene
///   int* const scratch = world.scratch.histogram.first + team_index * select_scratch_ints;
///   const auto key = [&](int road) { return in_sight(road) ? distance_squared(road) : HUGE_VALF; };
///   const int shown = select_smallest(team, num_roads, 64, key, scratch, [&](int road, int row) { show(road, row); });
///
/// A radix select. Nonnegative floats compare like their bits, so a histogram over the highest eight bits of the keys
/// finds the bin that contains the k-th smallest key, the next eight bits split that bin, and so on until a whole bin
/// is selected: typically three passes over the keys, at most six, plus one that visits the items. Designed for a warp
/// and hundreds to thousands of items. For a handful of items, repeated arg_min is cheaper.
namespace flockstep {

/// Ints of scratch memory that a selection needs: a histogram, the split bin, and the number of keys below it.
inline constexpr int select_bins = 256, select_scratch_ints = select_bins + 2;

/// Range of the keys. from_one_to_two: every item is a candidate, with a key in [1, 2); the first pass then splits that
/// range evenly, and if keys are uniformly distributed too, few further passes are needed.
enum class KeyRange { any, from_one_to_two };

/// Which keys are selected: all below `limit`, and those equal to it up to item `last_equal`.
struct KeyCut {
    uint32_t limit;
    int last_equal;
    /// Whether item i, with key bits `key`, is selected.
    SIM_HD bool takes(uint32_t key, int i) const { return key < limit || (key == limit && i <= last_equal); }
};

/// Finds the cut, collectively. key(i): the bits of a nonnegative float. The key and the scratch must outlive it.
template <KeyRange range, class Group, class Key, class Scratch>
class KeySelection {
  public:
    static constexpr uint32_t infinity = 0x7f800000;  /// bits of infinity: larger or equal keys are not candidates

    SIM_HD KeySelection(Group& group, int n, const Key& key, Scratch& scratch)
        : group_(group), n_(n), key_(key), scratch_(scratch) {}

    /// The cut that selects the k > 0 smallest keys, or all candidates if there are at most k. Collective: four syncs
    /// per pass plus those of a scan; the last one follows the last use of scratch.
    SIM_HD KeyCut find(int k) {
        constexpr bool is_any = range == KeyRange::any;
        const int candidates = is_any ? group_.count(n_, [&](int i) { return key_(i) < infinity; }) : n_;
        if (candidates <= k) return {infinity, -1};
        uint32_t first = is_any ? 0 : 0x3f800000u;  // first key of the bin that contains the k-th smallest key
        int wanted = k;                             // among the keys in this bin
        SIM_NO_UNROLL
        for (int known = is_any ? 31 : 23; known > 0;) {  // the bits above are fixed
            const int shift = known > 8 ? known - 8 : 0;
            fill_histogram(first, known, shift);
            const int in_bin = cut_bin(shift, first, wanted);
            if (in_bin == wanted) return {first + (1u << shift), -1};
            known = shift;
        }
        return {first, last_equal(first, wanted)};
    }

  private:
    /// Counts the keys of the bin by their next bits.
    SIM_HD void fill_histogram(uint32_t first, int known, int shift) {
        group_.for_each(select_bins, [&](int bin) { scratch_[bin] = 0; });
        group_.sync();
        group_.for_each(n_, [&](int i) {
            const uint32_t key = key_(i);
            if (key >> known == first >> known) group_.atomic_add(scratch_[int((key - first) >> shift)], 1);
        });
        group_.sync();
    }
    /// Moves `first` to the sub-bin that contains the wanted-th key, and makes `wanted` relative to it. Returns the
    /// number of keys in it.
    SIM_HD int cut_bin(int shift, uint32_t& first, int& wanted) {
        const auto size = [&](int bin) { return scratch_[bin]; };
        group_.exclusive_scan(select_bins, size, [&](int bin, int below) {
            if (below < wanted && wanted <= below + size(bin))
                scratch_[select_bins] = bin, scratch_[select_bins + 1] = below;
        });
        group_.sync();
        const int bin = scratch_[select_bins], in_bin = scratch_[bin];
        wanted -= scratch_[select_bins + 1];
        first += uint32_t(bin) << shift;
        group_.sync();
        return in_bin;
    }
    /// The wanted-th item whose key is `key`.
    SIM_HD int last_equal(uint32_t key, int wanted) {
        group_.compact(
            n_, [&](int i) { return key_(i) == key; },
            [&](int i, int rank) {
                if (rank == wanted - 1) scratch_[0] = i;
            });
        group_.sync();
        const int item = scratch_[0];
        group_.sync();
        return item;
    }

    Group& group_;
    const int n_;
    const Key& key_;
    Scratch& scratch_;
};

/// Calls use(i, rank) for the k items with the smallest keys, preferring lower i among equal keys. Items are visited in
/// order, and rank counts the selected items before i. Returns how many are selected: k, or all candidates if fewer.
///
/// key(i): a nonnegative float; an item with infinity or NaN is not a candidate. It is called up to seven times per
/// item (nine in a grid or a team of CPU threads, whose scans take two passes), by any lane, so it must be cheap and
/// must not read what use writes. scratch: select_scratch_ints ints shared by the group's lanes, as a pointer or a
/// Field; contents are arbitrary before and after. Collective, with the same n and k in all lanes; k <= 0 selects
/// nothing, without a sync. Call sync() first if key reads recent writes or scratch was in use. The result does not
/// depend on the number of lanes. Contains syncs, none after the last use.
template <KeyRange range = KeyRange::any, class Group, class Key, class Scratch, class Use>
SIM_HD int select_smallest(Group& group, int n, int k, Key&& key, Scratch scratch, Use&& use) {
    if (k <= 0) return 0;
    const auto bits = [&](int i) { return std::bit_cast<uint32_t>(float(key(i))) & 0x7fffffffu; };  // -0 is +0
    const KeyCut cut = KeySelection<range, Group, decltype(bits), Scratch>(group, n, bits, scratch).find(k);
    return group.compact(
        n, [&](int i) { return cut.takes(bits(i), i); }, use);
}

}  // namespace flockstep
