#pragma once

#include <vector>

#include "envs/driving/scene_conflicts.h"
#include "envs/driving/scene_plan.h"

/// Traffic on the routes of a plan. Each agent follows its route's line by the Intelligent Driver Model (Treiber,
/// Hennecke, Helbing 2000) behind whatever is on its way, obeys limits, lights and stop signs, and slows down in
/// curves. Where routes cross or join, who would arrive first goes first, with penalties for those that have to give
/// way; the others wait before the zone of conflict until it is clear.
namespace flockstep::driving::scene_making {

inline constexpr int scene_frames = 91, warm_up_frames = 30;
inline constexpr double scene_dt = 0.1;  // s

/// An agent before it moves.
struct Driver {
    AgentType type = AgentType::vehicle;
    double length = 4.5, width = 1.9, height = 1.6;
    int route = -1;    // -1: parked at `pose`
    PathPose pose;     // of the parked
    double s = 0;      // m along the route, of the box's middle
    double v = 0;      // m/s
    double haste = 1;  // share of the speed limit that it drives at
};

/// What became of it, frame by frame; s < 0 or beyond the route: not there.
struct DriverTrack {
    std::vector<PathPose> pose;
    std::vector<double> speed;
    std::vector<uint8_t> is_visible;
};

struct TrafficResult {
    std::vector<DriverTrack> tracks;  // by driver; incomplete if there are collisions
    std::vector<int> to_drop;         // drivers that touched others in the first frame with a collision; the later ones
};

/// Runs warm_up_frames unseen and scene_frames seen frames. No randomness.
TrafficResult run_traffic(const ScenePlan& plan, const std::vector<RouteTable>& tables,
                          const std::vector<Driver>& drivers);

OrientedBox box_of(const PathPose& pose, double length, double width);

}  // namespace flockstep::driving::scene_making
