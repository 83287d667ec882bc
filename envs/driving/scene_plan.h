#pragma once

#include <vector>

#include "envs/driving/scene.h"
#include "envs/driving/scene_draws.h"
#include "envs/driving/scene_generator.h"
#include "envs/driving/scene_path.h"

/// What a generated scene is made of before anything moves: roads, and the routes along them. Traffic keeps to the
/// right. In the plan's own frame; m.
namespace flockstep::driving::scene_making {

struct PlannedLine {
    ScenePath path;
    RoadType type;
    int element;  // map_element_id
};

/// What holds where a route comes to a group of crossing routes (a junction, a crosswalk, the end of a ramp).
struct RouteControl {
    int group;               // index into ScenePlan::groups
    double penalty = 0;      // s, added to the time of arrival: who arrives first goes first
    double stop_line = -1;   // m along the route; negative: none
    bool must_stop = false;  // stop sign
    int phase = -1;          // of the traffic lights, -1: none
};

struct Route {
    ScenePath path;
    AgentType type = AgentType::vehicle;
    double speed = 13.9;  // limit, m/s
    double weight = 1;    // of being drawn
    bool stops_at_end = false;
    std::vector<RouteControl> controls;
};

/// A place to park.
struct Spot {
    PathPose pose;
    double length;
};

/// A traffic light above a lane's stop line.
struct PlannedLight {
    int line;  // index into ScenePlan::lines
    int phase;
    PathPose stop;
};

/// Two phases that take turns: green, caution, and a moment when both have red.
struct Signals {
    bool exist = false;
    int green = 90, caution = 30, clear = 15, offset = 0;  // frames
    LightState at(int phase, int frame) const;
};

struct ScenePlan {
    std::vector<PlannedLine> lines;
    std::vector<std::vector<ScenePoint>> crosswalks;
    std::vector<ScenePoint> stop_signs;
    std::vector<Route> routes;
    std::vector<Spot> spots;
    std::vector<PlannedLight> lights;
    std::vector<ScenePoint> groups;  // their middles
    Signals signals;
    int num_agents = 0, num_moving = 0;
    bool is_packed = false;  // the routes are filled from end to start, bumper to bumper
};

/// The plan of a kind, which is not `mixed`.
ScenePlan plan_scene(SceneKind kind, const SceneGeneratorConfig& config, SceneDraws& draws);

/// A road's lanes: `forward` to the right of its reference path, `backward` to the left of it.
struct CrossSection {
    int forward = 1, backward = 1;
    double lane = 3.5, shoulder = 2.6;  // m
    int lane_element = 2;               // 1 freeway, 2 surface street

    double right() const { return forward * lane + shoulder; }
    double left() const { return backward * lane + (backward > 0 ? shoulder : 1.0); }
};
/// Lane k from the middle, in the direction of its traffic.
ScenePath forward_lane(const ScenePath& reference, const CrossSection& section, int k);
ScenePath backward_lane(const ScenePath& reference, const CrossSection& section, int k);
/// Adds lanes and lines, and edges on both sides if wanted.
void add_road(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, bool has_edges);
/// Adds places to park on the shoulder, to the right or the left of the reference, from s = begin to end.
void add_spots(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, bool on_right, double begin,
               double end);
/// Adds a crosswalk across a straight part of a road, s m from its start, and `group`'s routes of pedestrians over it.
void add_crosswalk(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, double s, int group,
                   int phase, double weight);
/// Adds pedestrians' routes along both sides of a road, both ways.
void add_sidewalks(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, double weight);

// One per kind. scene_layouts.cpp has roads, scene_junctions.cpp junctions.
ScenePlan plan_straight(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_curve(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_merge(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_parking(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_jam(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_pedestrians_cyclists(const SceneGeneratorConfig& config, SceneDraws& draws);
ScenePlan plan_junction(const SceneGeneratorConfig& config, SceneDraws& draws, int num_arms);
ScenePlan plan_roundabout(const SceneGeneratorConfig& config, SceneDraws& draws);

}  // namespace flockstep::driving::scene_making
