#include "tests/test_sim_group.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include "sim/engine/memory.h"
#include "tests/catch.h"

/// The guarantees of groups: on the CPU against plain loops, and all groups of both backends against each other.
namespace flockstep {
namespace {

const std::vector<int> sizes = {0, 1, 2, 3, 7, 31, 32, 33, 100, 1023, 1024, 1025, 5000};

/// The tree as group.h describes it, level by level.
float sum_by_levels(int n) {
    std::vector<float> level(size_t(leaves_for(n)));
    for (int i = 0; i < n; ++i) level[size_t(i) % 1024] += value_at(i);
    for (; level.size() > 1; level.resize(level.size() / 2))
        for (size_t i = 0; i < level.size() / 2; ++i) level[i] = level[2 * i] + level[2 * i + 1];
    return level[0];
}

/// Calls f(group) by all threads of a team.
template <class F>
void with_team(int threads, F&& f) {
    HostTeamGroup::Exchange exchange;
#pragma omp parallel num_threads(threads)
    {
        HostTeamGroup group(exchange);
        f(group);
    }
}

/// Calls run(group) by every kind of group of the CPU, and check() after each.
template <class Run, class Check>
void on_every_host_group(Run&& run, Check&& check) {
    const auto run_and_check = [&](auto group) {
        run(group);
        check();
    };
    run_and_check(HostGroup{});
    run_and_check(ReorderedHostGroup(-1));
    run_and_check(ReorderedHostGroup(7));
    for (int threads : {1, 2, 3, 4}) {
        INFO("threads " << threads);
        with_team(threads, run);
        check();
    }
}

/// The k smallest keys by sorting: rank + 1 of each item, 0 for those that are not taken.
std::vector<int> ranks_by_sorting(int kind, int n, int k) {
    std::vector<int> items;
    for (int i = 0; i < n; ++i)
        if (key_at(kind, i) < HUGE_VALF) items.push_back(i);
    std::stable_sort(items.begin(), items.end(), [&](int a, int b) { return key_at(kind, a) < key_at(kind, b); });
    items.resize(std::min(items.size(), size_t(k)));
    std::sort(items.begin(), items.end());
    std::vector<int> rank_of(size_t(n), 0);
    for (size_t rank = 0; rank < items.size(); ++rank) rank_of[size_t(items[rank])] = int(rank) + 1;
    return rank_of;
}
/// The first of n items for which no other is better, or -1.
template <class Better>
int first_best(int n, Better&& better) {
    int best = n > 0 ? 0 : -1;
    for (int i = 1; i < n; ++i)
        if (better(i, best)) best = i;
    return best;
}
}  // namespace

TEST_CASE("groups: a float sum is one fixed tree for every group") {
    for (int n : sizes) {
        INFO("items " << n);
        const float want = sum_by_levels(n);
        HostGroup host;
        ReorderedHostGroup backwards(-1);
        CHECK(host.sum(n, [](int i) { return value_at(i); }) == want);
        CHECK(backwards.sum(n, [](int i) { return value_at(i); }) == want);
        for (int threads : {1, 2, 3, 4}) {
            float shared = std::nanf("");
            with_team(threads, [&](HostTeamGroup& group) {
                const float sum = group.sum(n, [](int i) { return value_at(i); });
                group.single([&] { shared = sum; });
            });
            CHECK(shared == want);
        }
    }
}

TEST_CASE("groups: every item is visited once, in any order") {
    for (int n : sizes) {
        for (int order : {-1, 2, 7, 31}) {
            INFO("items " << n << ", order " << order);
            std::vector<int> visits(size_t(n), 0);
            ReorderedHostGroup group(order);
            group.for_each(n, [&](int i) { ++visits.at(size_t(i)); });
            CHECK(visits == std::vector<int>(size_t(n), 1));
        }
        std::vector<int> visits(size_t(n), 0), team_visits(size_t(n), 0);
        with_team(3, [&](HostTeamGroup& group) {
            group.for_each(n, [&](int i) { ++visits[size_t(i)]; });
            group.for_each_team(n, 2, [&](auto& team, int index, int i) {
                if (index < 2) team.single([&] { ++team_visits[size_t(i)]; });
            });
        });
        CHECK(visits == std::vector<int>(size_t(n), 1));
        CHECK(team_visits == std::vector<int>(size_t(n), 1));
    }
}

TEST_CASE("groups: any, all, count and min are the same for one lane and a team") {
    for (int n : sizes) {
        INFO("items " << n);
        const auto seldom = [&](int i) { return i % 1000 == 999; };
        const auto smallest = [&](int i) { return (i * 37) % 1009 - 500; };
        HostGroup host;
        const bool any = host.any(n, seldom), all = host.all(n, seldom);
        const int count = host.count(n, [&](int i) { return int(seldom(i)); }), min = host.min(n, smallest);
        CHECK(any == (n >= 1000));
        CHECK(all == (n == 0));
        CHECK(count == n / 1000);
        CHECK((n > 0 || min == INT32_MAX));
        int agreeing = 0;
        with_team(3, [&](HostTeamGroup& group) {
            const bool same = group.any(n, seldom) == any && group.all(n, seldom) == all &&
                              group.count(n, [&](int i) { return int(seldom(i)); }) == count &&
                              group.min(n, smallest) == min;
            group.atomic_add(agreeing, same);
        });
        CHECK(agreeing == 3);
    }
}

TEST_CASE("groups: atomics of a team lose nothing") {
    int sum = 0, least = INT32_MAX, owner = -1, winners = 0;
    uint32_t bits = 0;
    with_team(3, [&](HostTeamGroup& group) {
        group.for_each(3200, [&](int i) {
            group.atomic_add(sum, i);
            group.atomic_min(least, 5000 - i);
            group.atomic_or(bits, 1u << (i % 32));
            if (group.atomic_exchange_if(owner, -1, i) == -1) group.atomic_add(winners, 1);
        });
    });
    CHECK(sum == 3200 * 3199 / 2);
    CHECK(least == 5000 - 3199);
    CHECK(bits == ~0u);
    CHECK(winners == 1);
}

TEST_CASE("groups: a sum of few items has the bits of the tree") {
    const float candidates[] = {0.0f, -0.0f, 1.0f, -1.0f, 0x1p-24f, 3.0e38f, -3.0e38f, HUGE_VALF};
    for (int n = 0; n <= max_small_sum_items; ++n)
        for (int code = 0; code < 4096; ++code) {
            const float value[] = {candidates[code & 7], candidates[code >> 3 & 7], candidates[code >> 6 & 7],
                                   candidates[code >> 9 & 7]};
            HostGroup group;
            const float sum = group.sum(n, [&](int i) { return value[i]; });
            const float want = group.add_leaves(
                leaves_for(n), [&](int leaf) { return sum_leaf(leaf, n, [&](int i) { return value[i]; }); });
            if (memcmp(&sum, &want, 4) != 0 && !std::isnan(want)) FAIL("items " << n << ", code " << code);
        }
}

TEST_CASE("groups: compact and exclusive_scan number the items in order") {
    for (int n : sizes) {
        INFO("items " << n);
        std::vector<int> want_items, want_before, items, before;
        int want_total = 0, found = 0, total = 0;
        for (int i = 0; i < n; ++i) {
            if (is_some(i)) want_items.push_back(i);
            want_before.push_back(want_total);
            want_total += integer_at(i);
        }
        on_every_host_group(
            [&](auto& group) {
                group.single([&] { items.assign(want_items.size(), -1), before.assign(size_t(n), -1); });
                group.sync();
                const int some = group.compact(
                    n, [](int i) { return is_some(i); }, [&](int i, int rank) { items[size_t(rank)] = i; });
                const int sum = group.exclusive_scan(
                    n, [](int i) { return integer_at(i); },
                    [&](int i, int sum_before) { before[size_t(i)] = sum_before; });
                group.single([&] { found = some, total = sum; });
            },
            [&] {
                CHECK(found == int(want_items.size()));
                CHECK(items == want_items);
                CHECK(before == want_before);
                CHECK(total == want_total);
            });
    }
}

TEST_CASE("groups: min, max, arg_min and arg_max are those of a loop, and the first of equal ones") {
    for (int n : sizes) {
        for (int kind : {0, 1, 2}) {
            INFO("items " << n << ", keys " << kind);
            const auto key = [&](int i) { return key_at(kind, i); };
            const auto signed_key = [&](int i) { return i % 2 ? key(i) : -key(i); };
            const int want[] = {first_best(n, [&](int a, int b) { return key(a) < key(b); }),
                                first_best(n, [&](int a, int b) { return key(a) > key(b); }),
                                first_best(n, [&](int a, int b) { return signed_key(a) < signed_key(b); }),
                                first_best(n, [&](int a, int b) { return integer_at(a) > integer_at(b); })};
            int got[4];
            float least = 0, most = 0;
            int most_integer = 0;
            on_every_host_group(
                [&](auto& group) {
                    const int mine[] = {group.arg_min(n, key), group.arg_max(n, key), group.arg_min(n, signed_key),
                                        group.arg_max(n, [](int i) { return integer_at(i); })};
                    const float low = group.min(n, signed_key), high = group.max(n, key);
                    const int integer = group.max(n, [](int i) { return integer_at(i); });
                    group.single([&] {
                        std::copy(mine, mine + 4, got);
                        least = low, most = high, most_integer = integer;
                    });
                },
                [&] {
                    CHECK(std::equal(got, got + 4, want));
                    CHECK(least == (n ? signed_key(want[2]) : HUGE_VALF));
                    CHECK(most == (n ? key(want[1]) : -HUGE_VALF));
                    CHECK(most_integer == (n ? integer_at(want[3]) : INT32_MIN));
                });
        }
    }
}

TEST_CASE("groups: of zeros, min takes -0 and arg_min the first") {
    HostGroup group;
    const auto zero_at = [](int i) { return i == 2 ? -0.0f : 0.0f; };
    CHECK(std::signbit(group.min(4, zero_at)));
    CHECK_FALSE(std::signbit(group.max(4, zero_at)));
    CHECK(group.arg_min(4, zero_at) == 0);
    CHECK(group.arg_max(4, [&](int i) { return -zero_at(i); }) == 0);
    const auto never = [](int) { return HUGE_VALF; };
    CHECK(group.arg_min(3, never) == 0);
    CHECK(group.arg_min(1, [](int) { return INT32_MAX; }) == 0);
    CHECK(group.arg_max(1, [](int) { return INT32_MIN; }) == 0);
}

TEST_CASE("groups: select_smallest takes the k smallest keys, of equal ones the first, in the order of items") {
    for (int n : sizes) {
        for (int kind : {0, 1, 2}) {
            for (int k : {0, 1, 2, 40, n / 2, n - 1, n, n + 3}) {
                if (k < 0) continue;
                INFO("items " << n << ", keys " << kind << ", k " << k);
                const std::vector<int> want = ranks_by_sorting(kind, n, k);
                std::vector<int> rank_of(want.size()), scratch(select_scratch_ints);
                int taken = 0;
                on_every_host_group(
                    [&](auto& group) {
                        group.single([&] { std::fill(rank_of.begin(), rank_of.end(), 0); });
                        group.sync();
                        const int some = select_smallest(
                            group, n, k, [&](int i) { return key_at(kind, i); }, scratch.data(),
                            [&](int i, int rank) { rank_of[size_t(i)] = rank + 1; });
                        group.single([&] { taken = some; });
                    },
                    [&] {
                        CHECK(rank_of == want);
                        CHECK(taken == int(want.size() - size_t(std::count(want.begin(), want.end(), 0))));
                    });
            }
        }
    }
}

TEST_CASE("groups: select_smallest ignores NaN") {
    HostGroup group;
    std::vector<int> scratch(select_scratch_ints), taken;
    const auto key = [](int i) { return i % 2 ? std::nanf("") : float(20 - i); };
    CHECK(select_smallest(group, 10, 3, key, scratch.data(), [&](int i, int) { taken.push_back(i); }) == 3);
    CHECK(taken == std::vector<int>{4, 6, 8});
    CHECK(select_smallest(group, 10, 9, key, scratch.data(), [](int, int) {}) == 5);
}

namespace {
std::unique_ptr<GroupTrace> trace_by_one_lane(int n) {
    auto trace = std::make_unique<GroupTrace>();
    HostGroup group;
    GroupTracer(group, n, *trace).run();
    return trace;
}
/// Scratch and shuffles are not compared.
void check_same(const GroupTrace& got, const GroupTrace& want) {
    const auto same = [&](const auto& a, const auto& b) { return memcmp(&a, &b, sizeof a) == 0; };
    CHECK(got.disagreeing == 0);
    CHECK(got.misplaced_teams == 0);
    CHECK(std::equal(got.result, got.result + GroupTrace::num_results, want.result));
    CHECK(same(got.visits, want.visits));
    CHECK(same(got.prefetched, want.prefetched));
    CHECK(same(got.compacted, want.compacted));
    CHECK(same(got.scanned, want.scanned));
    CHECK(same(got.selected, want.selected));
    CHECK(same(got.team_result, want.team_result));
    CHECK(std::vector<int>{got.added, got.least, got.winners} ==
          std::vector<int>{want.added, want.least, want.winners});
    CHECK(got.bits == want.bits);
    CHECK(same(got.accumulated, want.accumulated));
    CHECK(same(got.set, want.set));
}
}  // namespace

TEST_CASE("groups: all functions give the same results with every group of the CPU") {
    for (int n : sizes) {
        INFO("items " << n);
        const auto want = trace_by_one_lane(n);
        auto trace = std::make_unique<GroupTrace>();
        on_every_host_group([&](auto& group) { GroupTracer(group, n, *trace).run(); },
                            [&] {
                                check_same(*trace, *want);
                                *trace = GroupTrace{};
                            });
    }
}

TEST_CASE("groups: all functions give the CPU's results on the GPU, with lanes, warps, blocks and the grid") {
    if (!cuda_unavailable_reason().empty()) {
        WARN("no GPU: its groups were not tested (" << cuda_unavailable_reason() << ")");
        return;
    }
#ifdef FLOCKSTEP_WITH_CUDA
    for (int lanes : {1, 2, 4, 8, 16, 32, 64, 96, 128, 256, grid_trace_lanes}) {
        const auto traces = trace_on_gpu(lanes, sizes);
        for (size_t s = 0; s < sizes.size(); ++s) {
            INFO("lanes " << lanes << ", items " << sizes[s]);
            check_same(traces[s], *trace_by_one_lane(sizes[s]));
            for (int lane = 0; lanes > 1 && lanes <= 32 && lane < lanes; ++lane)
                CHECK(traces[s].shuffles[lane] == (lane | (lane + 1 < lanes ? lane + 2 : 0) << 8 | 1 << 16));
        }
    }
#endif
}

}  // namespace flockstep
