#pragma once

#include <string>
#include <vector>

#include "replay/replay.h"

/// One frame of a replay as a list of shapes in drawing order, for renderers other than the replay page. Plain host
/// data, in the replay's coordinates.
namespace flockstep {

/// How to draw a shape; the last four values are ReplayShape's.
enum class FrameKind : std::uint8_t { wall, circle, segment, goal, disc, square, ring, line };

/// Where a shape's colour comes from: walls, scenery, or the group or agent with index `number`.
enum class FrameColour : std::uint8_t { wall, scenery, group, agent };

struct FrameShape {
    FrameKind kind = FrameKind::disc;
    ReplayPoint at;                     // centre; for a wall (a rectangle), one corner
    ReplayPoint end = no_replay_point;  // heading or end point; for a wall, the opposite corner
    float radius = 0.0f;                // as in ReplayEntity; for a goal, its agent's
    float aspect = 1.0f;                // of a square
    FrameColour colour = FrameColour::wall;
    int number = 0;
    int agent = -1;           // agent index, the default label on a grid; -1: scenery
    bool is_at_goal = false;  // an agent on its own goal
    std::string label{};
};

struct Frame {
    ReplayBox box;        // the visible region
    bool y_down = false;  // true with a grid
    float frames_per_second = 6.0f;
    std::vector<FrameShape> shapes;
};

/// Frame `index` of a replay: walls (each run of blocked cells in a row is one), circles, segments, goals, scenery,
/// ring agents, other agents. Invisible entities are skipped. Throws std::invalid_argument if there is no such frame.
Frame frame_of(const Replay& replay, std::size_t index = 0);

}  // namespace flockstep
