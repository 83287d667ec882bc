#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Float sums that are bit-identical for every number of lanes: always the same tree over the same leaves.
///
///   float level[sum_leaves];  // by one lane
///   for (int k = 0; k < leaves_for(n); ++k) level[k] = sum_leaf(k, n, f);
///   for (int half = leaves_for(n) / 2; half > 0; half /= 2)
///       for (int k = 0; k < half; ++k) level[k] = level[2 * k] + level[2 * k + 1];
///   const float total = level[0];
namespace flockstep {

/// Float sums are a perfect binary tree over this many leaves; leaf k adds the items k, k + 1024, k + 2048, ...
/// For fewer than 1024 items, the number of leaves is the next power of two; the other leaves would be 0.
inline constexpr int sum_leaves = 1024;

/// Number of leaves for `n` items: a power of two from 1 to sum_leaves.
SIM_HD int leaves_for(int n) {
    int leaves = 1;
    while (leaves < n && leaves < sum_leaves) leaves *= 2;
    return leaves;
}

/// One leaf, computed by one lane: n / 1024 additions. It starts at +0, so that no leaf is -0 and adding empty leaves
/// never changes a bit.
template <class F>
SIM_HD float sum_leaf(int leaf, int n, F&& f) {
    float value = 0.0f;
    for (int i = leaf; i < n; i += sum_leaves) value += f(i);
    return value;
}

/// Maximum number of items for small_sum.
inline constexpr int max_small_sum_items = 4;
/// The same sum for at most `max_small_sum_items` items, by one lane and without storing leaves.
template <class F>
SIM_HD float small_sum(int n, F&& f) {
    float low = 0.0f, high = 0.0f;
    SIM_NO_UNROLL
    for (int i = 0; i < n; ++i) {
        if (i == 2) low = high, high = 0.0f;
        high += f(i);
    }
    return low + high;
}

}  // namespace flockstep
