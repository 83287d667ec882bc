#pragma once

#include <string>
#include <vector>

/// How worlds are mapped to lanes, as written in BatchOptions::plan. Results never depend on it.
///
///   GPU   "lane"        one lane per world
///         "warp:8"      8 lanes of a warp per world: 2, 4, 8, 16 or 32
///         "block:128"   one block per world: 64, 96, ... 256 lanes
///         "grid"        the whole grid on one world at a time
///         "warp:8/64"   blocks of 64 lanes, so 8 worlds per block; for lane and warp: 32, 64 or 128
///         "block:128/queue"  streamed observations: each block enqueues its active agents, and a second kernel
///                       observes them, one warp per agent
///   CPU   "worlds"      threads over worlds
///         "team"        all threads on one world at a time
namespace flockstep {

/// Which lanes share a world. An environment is compiled for some of these kinds: see KINDS in its registry line.
enum class GroupKind : int { lane, warp, block, grid };
inline constexpr int num_group_kinds = 4;
inline constexpr const char* group_kind_names[num_group_kinds] = {"lane", "warp", "block", "grid"};
/// Maximum lanes of a block's group: more would leave too few registers per lane.
inline constexpr int max_block_lanes = 256;

/// A parsed plan. On the CPU, lane means "worlds" and grid means "team".
struct Plan {
    GroupKind kind = GroupKind::lane;
    int lanes = 1;    // per world; block: also the block's size
    int threads = 0;  // block size; 0: as many as fit
    bool has_queue = false;

    std::string text(bool is_cuda) const;
};

/// Throws std::invalid_argument, quoting `text`, if it is not a plan for this kind of device.
Plan parse_plan(const std::string& text, bool is_cuda);

/// All GPU plans, ordered by lanes; a plan without explicit threads precedes those with.
std::vector<Plan> all_cuda_plans();
/// Whether a world can have this many lanes: a power of two up to 32, or a multiple of 32 from 64 to 256.
bool is_lane_count(int lanes);
/// Plans to try for an environment that requests `lanes` lanes per world: that many, then more, then fewer, then grid.
std::vector<Plan> plan_ladder(int lanes);
/// Throws std::invalid_argument: `wanted` (empty: any) is not among the plans that are possible for these worlds.
[[noreturn]] void refuse_plan(const std::string& wanted, const std::string& environment,
                              const std::vector<GroupKind>& compiled, const std::vector<Plan>& possible);

}  // namespace flockstep
