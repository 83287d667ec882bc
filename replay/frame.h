#pragma once

#include <string>
#include <vector>

#include "replay/replay.h"

/// One moment of a replay as a list of shapes in the order in which they are painted: what the page draws of a frame,
/// for whoever draws it elsewhere. Plain host data, in the replay's coordinates.
namespace flockstep {

/// What a shape looks like; the last four are ReplayShape's.
enum class FrameKind : std::uint8_t { wall, circle, segment, goal, disc, square, ring, line };

/// Whose colour a shape has: that of walls, of scenery, of group or agent number `number`.
enum class FrameColour : std::uint8_t { wall, scenery, group, agent };

struct FrameShape {
    FrameKind kind = FrameKind::disc;
    ReplayPoint at;                     // centre; of a wall, which is a rectangle, one corner
    ReplayPoint end = no_replay_point;  // heading, or far end; of a wall the other corner
    float radius = 0.0f;                // as ReplayEntity has it; of a goal, its agent's
    float aspect = 1.0f;                // of a square
    FrameColour colour = FrameColour::wall;
    int number = 0;
    int agent = -1;           // number of the agent, which labels it on a grid where it has no label; -1: scenery
    bool is_at_goal = false;  // an agent on its own goal
    std::string label{};
};

struct Frame {
    ReplayBox box;        // what is shown
    bool y_down = false;  // with a grid
    float frames_per_second = 6.0f;
    std::vector<FrameShape> shapes;
};

/// Frame number `index` of a replay: walls (runs of blocked cells of a row as one), circles and segments, goals, then
/// scenery, agents that are rings, other agents. Entities that are not visible are left out. Throws
/// std::invalid_argument where there is no such frame.
Frame frame_of(const Replay& replay, std::size_t index = 0);

}  // namespace flockstep
