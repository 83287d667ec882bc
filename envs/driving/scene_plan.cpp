#include "envs/driving/scene_plan.h"

namespace flockstep::driving::scene_making {

namespace {

constexpr int broken_white = 6, solid_white = 7, solid_double_yellow = 12, boundary = 15;
constexpr double spot_pitch = 6.6, spot_length = 5.6;
constexpr double crosswalk_width = 3.2, sidewalk = 1.6, corner = 1.0, walk = 18, walking_speed = 1.5;

void add_line(ScenePlan& plan, const ScenePath& path, int element) {
    plan.lines.push_back({path, RoadType::road_line, element});
}

/// Along the sidewalk to the crosswalk, over it, and on along the other sidewalk. side: 1 begins on the left.
ScenePath walk_over(const PathPose& middle, double from, double to, int side, int before, int after) {
    // From beside the road, `before` (+-1) times the road's direction, then across, then `after` times it.
    const double begin = side > 0 ? from : -to, width = from + to - 2 * corner;
    PathPose start = moved(middle, -before * (walk + corner), begin, before > 0 ? 0 : path_pi);
    const double first = -side * before * path_pi / 2, second = side * after * path_pi / 2;
    return ScenePath(start).line(walk).arc(corner, first).line(width).arc(corner, second).line(walk);
}

}  // namespace

LightState Signals::at(int phase, int frame) const {
    const int half = green + caution + clear, at = (frame + offset + 2 * half * 8 - phase * half) % (2 * half);
    return at < green ? LightState::go : at < green + caution ? LightState::caution : LightState::stop;
}

ScenePath forward_lane(const ScenePath& reference, const CrossSection& section, int k) {
    return reference.offset(-(k + 0.5) * section.lane);
}
ScenePath backward_lane(const ScenePath& reference, const CrossSection& section, int k) {
    return reference.offset((k + 0.5) * section.lane).reversed();
}

void add_road(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, bool has_edges) {
    const double lane = section.lane;
    for (int k = 0; k < section.forward; ++k)
        plan.lines.push_back({forward_lane(reference, section, k), RoadType::lane, section.lane_element});
    for (int k = 0; k < section.backward; ++k)
        plan.lines.push_back({backward_lane(reference, section, k), RoadType::lane, section.lane_element});
    for (int k = 1; k < section.forward; ++k) add_line(plan, reference.offset(-k * lane), broken_white);
    for (int k = 1; k < section.backward; ++k) add_line(plan, reference.offset(k * lane), broken_white);
    add_line(plan, reference, section.backward > 0 ? solid_double_yellow : solid_white);
    add_line(plan, reference.offset(-section.forward * lane), solid_white);
    if (section.backward > 0) add_line(plan, reference.offset(section.backward * lane), solid_white);
    if (!has_edges) return;
    plan.lines.push_back({reference.offset(-section.right()), RoadType::road_edge, boundary});
    plan.lines.push_back({reference.offset(section.left()), RoadType::road_edge, boundary});
}

void add_spots(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, bool on_right, double begin,
               double end) {
    const double offset =
        on_right ? 0.1 - section.right() + section.shoulder / 2 : section.left() - section.shoulder / 2 - 0.1;
    for (double s = begin + spot_pitch / 2; s + spot_pitch / 2 <= end; s += spot_pitch)
        plan.spots.push_back({moved(reference.at(s), 0, offset, on_right ? 0 : path_pi), spot_length});
}

void add_crosswalk(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, double s, int group,
                   int phase, double weight) {
    const PathPose middle = reference.at(s);
    std::vector<ScenePoint> polygon;
    for (const auto& [ahead, left] : {std::pair{1, 1}, {-1, 1}, {-1, -1}, {1, -1}}) {
        const PathPose at = moved(middle, ahead * crosswalk_width / 2, left > 0 ? section.left() : -section.right());
        polygon.push_back({at.x, at.y, 0});
    }
    plan.crosswalks.push_back(polygon);
    for (const int side : {-1, 1}) {
        for (const int lane : {-1, 1}) {  // both ways along the sidewalks, beside each other
            const PathPose start = moved(middle, lane * 0.7, 0);
            const double left = section.left() + sidewalk, right = section.right() + sidewalk;
            Route route;
            route.path = walk_over(start, left, right, side, -1, 1);
            route.type = AgentType::pedestrian, route.speed = walking_speed, route.weight = weight;
            // Before the road: where the border is, less a step.
            route.controls.push_back({group, phase >= 0 ? 0.0 : -2.0, walk + sidewalk - 0.3, false, phase});
            plan.routes.push_back(route);
        }
    }
}

void add_sidewalks(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, double weight) {
    for (const double beyond : {2.6, 3.4}) {
        Route route;
        route.type = AgentType::pedestrian, route.speed = walking_speed, route.weight = weight;
        route.path = reference.offset(section.left() + beyond), plan.routes.push_back(route);
        route.path = reference.offset(-section.right() - beyond).reversed(), plan.routes.push_back(route);
    }
}

ScenePlan plan_scene(SceneKind kind, const SceneGeneratorConfig& config, SceneDraws& draws) {
    switch (kind) {
        case SceneKind::straight:
            return plan_straight(config, draws);
        case SceneKind::curve:
            return plan_curve(config, draws);
        case SceneKind::t_junction:
            return plan_junction(config, draws, 3);
        case SceneKind::roundabout:
            return plan_roundabout(config, draws);
        case SceneKind::merge:
            return plan_merge(config, draws);
        case SceneKind::parking:
            return plan_parking(config, draws);
        case SceneKind::jam:
            return plan_jam(config, draws);
        case SceneKind::pedestrians_cyclists:
            return plan_pedestrians_cyclists(config, draws);
        default:
            return plan_junction(config, draws, 4);
    }
}

}  // namespace flockstep::driving::scene_making
