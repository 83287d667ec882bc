#include <cmath>
#include <vector>

#include "sim/group.h"
#include "tests/catch.h"

/// What groups promise, on the CPU. That the GPU's groups do the same is part of the tests of all environments.
namespace flockstep {
namespace {

const std::vector<int> sizes = {0, 1, 2, 3, 7, 31, 32, 33, 100, 1023, 1024, 1025, 5000};

float value_at(int i) { return float((uint32_t(i) * 2654435761u) >> 8) * 0x1p-20f - 8.0f; }

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
}  // namespace

TEST_CASE("groups: a float sum is one fixed tree, whoever adds") {
    for (int n : sizes) {
        INFO("items " << n);
        const float want = sum_by_levels(n);
        HostGroup host;
        ReorderedHostGroup backwards(-1);
        CHECK(host.sum(n, value_at) == want);
        CHECK(backwards.sum(n, value_at) == want);
        for (int threads : {1, 2, 3, 4}) {
            float shared = std::nanf("");
            with_team(threads, [&](HostTeamGroup& group) {
                const float sum = group.sum(n, value_at);
                group.single([&] { shared = sum; });
            });
            CHECK(shared == want);
        }
    }
}

TEST_CASE("groups: every item is visited once, in whatever order") {
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

}  // namespace flockstep
