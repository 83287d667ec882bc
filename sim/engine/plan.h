#pragma once

#include <string>
#include <vector>

/// How worlds are laid out over lanes: what BatchOptions::plan says in text. Results never depend on it.
///
///   GPU   "lane"        a lane for each world
///         "warp:8"      8 lanes of a warp for each world: 2, 4, 8, 16 or 32
///         "block:128"   a block for each world: 64, 96, ... 256 lanes
///         "grid"        the whole grid on one world after the other
///         "warp:8/64"   blocks of 64 lanes, and so 8 worlds in each; lane and warp: 32, 64 or 128
///         "block:128/queue"  streamed observations: the block lists its active agents, and a second kernel observes
///                       them, a warp each, whatever their world
///   CPU   "worlds"      threads over worlds
///         "team"        all threads on one world after the other
namespace flockstep {

/// Which lanes share a world. An environment is compiled for some of these kinds: the KINDS of its registry line.
enum class GroupKind : int { lane, warp, block, grid };
inline constexpr int num_group_kinds = 4;
inline constexpr const char* group_kind_names[num_group_kinds] = {"lane", "warp", "block", "grid"};
/// Most lanes of a block's group: more would leave each of them too few registers.
inline constexpr int max_block_lanes = 256;

/// A plan in parts. On the CPU: lane is "worlds", grid is "team".
struct Plan {
    GroupKind kind = GroupKind::lane;
    int lanes = 1;    // for a world; block: also those of the block
    int threads = 0;  // lanes of a block; 0: as many as fit
    bool has_queue = false;

    std::string text(bool is_cuda) const;
};

/// Throws std::invalid_argument, naming `text`, where it is no plan of such a device.
Plan parse_plan(const std::string& text, bool is_cuda);

/// Every plan of a GPU, in the order of lanes; one without threads stands in front of those with.
std::vector<Plan> all_cuda_plans();
/// Whether a world can have so many lanes: a power of two up to 32, or a multiple of 32 from 64 to 256.
bool is_lane_count(int lanes);
/// What to try for an environment that wants so many lanes for a world: that, then more, then fewer, then the grid.
std::vector<Plan> plan_ladder(int lanes);
/// Throws std::invalid_argument: `wanted` (empty: any) is none of the plans that are possible for these worlds.
[[noreturn]] void refuse_plan(const std::string& wanted, const std::string& environment,
                              const std::vector<GroupKind>& compiled, const std::vector<Plan>& possible);

}  // namespace flockstep
