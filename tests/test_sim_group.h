#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "sim/contract/group.h"
#include "sim/contract/select.h"

/// Every function of a group in one go, for any group of either backend, and what it gave as plain data.
namespace flockstep {

inline constexpr int most_items = 5000, trace_teams = 3, most_team_items = 40;

/// Floats of both signs, hardly two of them equal.
SIM_HD float value_at(int i) { return float((uint32_t(i) * 2654435761u) >> 8) * 0x1p-20f - 8.0f; }
/// Ints, also negative ones, with ties.
SIM_HD int integer_at(int i) { return (i * 37) % 1009 - 500; }
/// Keys that are not negative: 0, many that are equal, infinities, and zeros of both signs; 1: all differ, over many
/// powers of two; 2: all equal.
SIM_HD float key_at(int kind, int i) {
    const uint32_t hash = uint32_t(i) * 2654435761u >> 12;
    if (kind == 2) return 3.5f;
    if (kind == 1) return std::bit_cast<float>((hash % 200 + 20) << 23 | uint32_t(i));
    if (hash % 11 == 0) return HUGE_VALF;
    if (hash % 13 == 0) return hash % 2 ? 0.0f : -0.0f;
    return float(hash % 300) * 0.25f;
}
SIM_HD bool is_rare(int i) { return i % 1000 == 999; }
SIM_HD bool is_some(int i) { return (uint32_t(i) * 2654435761u >> 13) % 3 == 0; }

/// What the functions of a group gave for n items. Zeroed before use. All but `shuffles` is the same for every group.
struct GroupTrace {
    static constexpr int num_results = 64, num_keys = 3, num_ks = 4;
    int32_t result[num_results];  // in the order of the calls; floats by their bits
    int32_t disagreeing;          // lanes that got another result than lane 0
    int32_t visits[most_items], prefetched[most_items], compacted[most_items], scanned[most_items];
    int32_t selected[num_keys][num_ks][most_items];  // rank + 1; 0: not taken
    int32_t team_result[most_team_items][7];         // by item
    int32_t scratch[trace_teams * select_scratch_ints];
    int32_t added, least, owner, winners, misplaced_teams;
    uint32_t bits;
    double accumulated, set;
    int32_t shuffles[32];  // by lane: the neighbors' words and a vote
};

/// Calls the functions in turn. All lanes of the group.
template <class Group>
class GroupTracer {
  public:
    SIM_HD GroupTracer(Group& group, int n, GroupTrace& trace) : group_(group), n_(n), trace_(trace) {}

    SIM_HD void run() {
        loops();
        reductions();
        extremes();
        scans();
        selections();
        teams();
        atomics();
    }

  private:
    SIM_HD void record(int value) {
        int32_t& slot = trace_.result[next_++];
        group_.sync();
        group_.single([&] { slot = value; });
        group_.sync();
        if (slot != value) group_.atomic_add(trace_.disagreeing, 1);
    }
    SIM_HD void record(float value) { record(std::bit_cast<int>(value)); }
    SIM_HD static int choice_of_k(int which, int n) { return which == 0 ? 1 : which == 1 ? 7 : which == 2 ? n / 3 : n; }

    SIM_HD void loops() {
        group_.for_each(n_, [&](int i) { ++trace_.visits[i]; });
        group_.for_each_prefetched(
            n_, [](int i) { return value_at(i); },
            [&](int i, float value) { trace_.prefetched[i] += std::bit_cast<int>(value); });
    }
    SIM_HD void reductions() {
        record(group_.any(n_, [](int i) { return is_rare(i); }));
        record(group_.any(n_, [](int) { return false; }));
        record(group_.all(n_, [](int) { return true; }));
        record(group_.all(n_, [](int i) { return i != 700; }));
        record(group_.count(n_, [](int i) { return is_some(i); }));
        record(group_.count(n_, [](int i) { return integer_at(i); }));
        record(group_.sum(n_, [](int i) { return value_at(i); }));
        record(group_.sum(n_, [](int) { return -0.0f; }));
        for (int few = 0; few <= 4; ++few) record(group_.sum(few, [](int i) { return value_at(i); }));
    }
    SIM_HD void extremes() {
        record(group_.min(n_, [](int i) { return integer_at(i); }));
        record(group_.max(n_, [](int i) { return integer_at(i); }));
        record(group_.min(n_, [](int i) { return value_at(i); }));
        record(group_.max(n_, [](int i) { return value_at(i); }));
        record(group_.arg_min(n_, [](int i) { return value_at(i); }));
        record(group_.arg_max(n_, [](int i) { return value_at(i); }));
        record(group_.arg_min(n_, [](int i) { return integer_at(i); }));
        record(group_.arg_max(n_, [](int i) { return integer_at(i); }));
        for (int kind = 0; kind < GroupTrace::num_keys; ++kind) {
            const auto key = [&](int i) { return key_at(kind, i); };
            record(group_.min(n_, key));
            record(group_.max(n_, key));
            record(group_.arg_min(n_, key));
            record(group_.arg_max(n_, key));
        }
    }
    SIM_HD void scans() {
        record(group_.compact(
            n_, [](int i) { return is_some(i); }, [&](int i, int rank) { trace_.compacted[rank] = i; }));
        record(group_.compact(
            n_, [](int) { return false; }, [&](int, int) { trace_.disagreeing = -1; }));
        record(group_.exclusive_scan(
            n_, [](int i) { return integer_at(i); }, [&](int i, int before) { trace_.scanned[i] = before; }));
    }
    SIM_HD void selections() {
        for (int kind = 0; kind < GroupTrace::num_keys; ++kind)
            for (int which = 0; which < GroupTrace::num_ks; ++which) {
                int32_t* const rank_of = trace_.selected[kind][which];
                group_.sync();
                record(select_smallest(
                    group_, n_, choice_of_k(which, n_), [&](int i) { return key_at(kind, i); }, trace_.scratch,
                    [&](int i, int rank) { rank_of[i] = rank + 1; }));
            }
    }
    SIM_HD void teams() {
        group_.sync();
        const int items = n_ < most_team_items ? n_ : most_team_items;
        group_.for_each_team(items, trace_teams, [&](auto& team, int index, int item) {
            if (index < 0 || index >= trace_teams) team.atomic_add(trace_.misplaced_teams, 1);
            reduce_by_team(team, item, trace_.team_result[item]);
            scan_by_team(team, item, trace_.team_result[item] + 3, trace_.scratch + index * select_scratch_ints);
        });
    }
    /// Over a number of items that grows with the team's item.
    template <class Team>
    SIM_HD static void reduce_by_team(Team& team, int item, int32_t* result) {
        const int n = item * 7;
        const int some = team.count(n, [](int i) { return is_some(i); });
        const float sum = team.sum(n, [](int i) { return value_at(i); });
        const int least = team.arg_min(n, [&](int i) { return key_at(item % 3, i); });
        team.single([&] { result[0] = some, result[1] = std::bit_cast<int>(sum), result[2] = least; });
    }
    /// What use is given is summed by lane, then over the lanes.
    template <class Team>
    SIM_HD static void scan_by_team(Team& team, int item, int32_t* result, int32_t* scratch) {
        const int n = item * 7;
        int ranks = 0, sums = 0, taken = 0;
        const int some = team.compact(
            n, [](int i) { return is_some(i); }, [&](int i, int rank) { ranks += i * rank; });
        const int total = team.exclusive_scan(
            n, [](int i) { return integer_at(i); }, [&](int i, int before) { sums += i % 8 * (before % 64); });
        const int nearest = select_smallest(
            team, n, item, [&](int i) { return key_at(item % 3, i); }, scratch,
            [&](int i, int rank) { taken += i * (rank + 1); });
        const int used = team.count(team.lanes(), [&](int) { return ranks + sums + taken; });
        team.single([&] { result[0] = some, result[1] = total, result[2] = nearest, result[3] = used; });
    }
    SIM_HD void atomics() {
        group_.single([&] { trace_.least = INT32_MAX, trace_.owner = -1; });
        group_.sync();
        group_.for_each(n_, [&](int i) {
            group_.atomic_add(trace_.added, i);
            group_.atomic_min(trace_.least, 6000 - i);
            group_.atomic_or(trace_.bits, 1u << i % 32);
            if (group_.atomic_exchange_if(trace_.owner, -1, i) == -1) group_.atomic_add(trace_.winners, 1);
        });
        group_.sync();
        group_.single([&] {
            trace_.owner = 0;  // which item it was depends on the lanes
            group_.accumulate(trace_.accumulated, 0.1);
            group_.accumulate(trace_.accumulated, 0.2);
            group_.set_if_zero(trace_.set, 5.0);
            group_.set_if_zero(trace_.set, 6.0);
        });
        if constexpr (Group::has_shuffle) {
            const uint32_t own = uint32_t(group_.lane()) + 1;
            const uint32_t up = group_.shfl_up(own), down = group_.shfl_down(own);
            const bool last = group_.any_sync(int(own) == group_.lanes()), none = group_.any_sync(own == 0);
            trace_.shuffles[group_.lane()] = int(up | down << 8 | uint32_t(last) << 16 | uint32_t(none) << 17);
        }
    }

    Group& group_;
    const int n_;
    GroupTrace& trace_;
    int next_ = 0;
};

/// Traces of groups of that many lanes of the GPU, one group per size: 1 is a LaneGroup, 2 to 32 WarpGroups, 64 to 256
/// BlockGroups, `grid_trace_lanes` the whole grid. Throws std::runtime_error where CUDA fails.
inline constexpr int grid_trace_lanes = 1 << 30;
std::vector<GroupTrace> trace_on_gpu(int lanes, const std::vector<int>& sizes);

}  // namespace flockstep
