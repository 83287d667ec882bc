#include <algorithm>

#include "envs/driving/scene_plan.h"

/// Roads without a junction: straight, curve, jam, pedestrians_cyclists, merge, parking.
namespace flockstep::driving::scene_making {

namespace {

constexpr int solid_white = 7, broken_white = 6, boundary = 15;

double length_of(const SceneGeneratorConfig& config, SceneDraws& draws, double low, double high) {
    const double drawn = draws.between(low, high);
    return config.road_length > 0 ? config.road_length : drawn;
}

/// Short roads are driven on slowly, so that agents stay in sight.
double speed_of(SceneDraws& draws, double low, double high, double length) {
    return std::min(draws.between(low, high), std::max(length / 9, 4.0));
}

void draw_counts(ScenePlan& plan, SceneDraws& draws, int few_moving, int most_moving, int few_parked, int most_parked) {
    plan.num_moving = draws.whole(few_moving, most_moving);
    plan.num_agents = plan.num_moving + draws.whole(few_parked, most_parked);
}

void add_lane_routes(ScenePlan& plan, const ScenePath& reference, const CrossSection& section, double speed) {
    Route route;
    route.speed = speed;
    for (int k = 0; k < section.forward; ++k)
        route.path = forward_lane(reference, section, k), plan.routes.push_back(route);
    for (int k = 0; k < section.backward; ++k)
        route.path = backward_lane(reference, section, k), plan.routes.push_back(route);
}

ScenePlan plan_road(const ScenePath& reference, double speed, SceneDraws& draws) {
    ScenePlan plan;
    CrossSection section;
    section.forward = draws.whole(1, 3), section.backward = std::max(1, section.forward - draws.below(2));
    section.lane = 0.1 * draws.whole(33, 37);
    add_road(plan, reference, section, true);
    add_lane_routes(plan, reference, section, speed);
    add_spots(plan, reference, section, true, 4, reference.length() - 4);
    add_spots(plan, reference, section, false, 4, reference.length() - 4);
    add_sidewalks(plan, reference, section, 0.15);
    draw_counts(plan, draws, 9, 17, 12, 24);
    return plan;
}

/// The edges between a motorway and its ramp: along the motorway's border, at y, up to where the ramp's is within a
/// meter, across, and back along the ramp's.
void add_gore(ScenePlan& plan, const ScenePath& ramp_border, double y) {
    double s = ramp_border.length();
    while (s > 0 && y - ramp_border.at(s).y < 1.0) s -= 0.5;
    const PathPose tip = ramp_border.at(s);
    const ScenePath along_highway = ScenePath({0, y, 0, 0}).line(tip.x);
    const ScenePath across = ScenePath({tip.x, y, -path_pi / 2, 0}).line(y - tip.y);
    ScenePath along_ramp(ramp_border.start());
    for (const ScenePath::Piece& piece : ramp_border.pieces())
        along_ramp.add(std::min(piece.length, std::max(0.0, s - piece.begin)), piece.curvature);
    for (const ScenePath& path : {along_highway, across, along_ramp})
        plan.lines.push_back({path, RoadType::road_edge, boundary});
}

/// A row of places at right angles to an aisle along x, on both sides of it.
struct Bays {
    double length, mouth, border, depth = 5.4, pitch = 2.7, begin = 12;  // m; mouth and border: from the aisle's middle
    int count() const { return int((length - 2 * begin) / pitch); }
    double end() const { return begin + count() * pitch; }
    PathPose place(int k, double side) const {
        return {begin + (k + 0.5) * pitch, side * (mouth + depth / 2), side * path_pi / 2, 0};
    }
};

/// The lines between the places, and the edges: narrow, wide, narrow again.
void add_bays(ScenePlan& plan, const Bays& bays) {
    const double narrow = bays.mouth + 0.6, begin = bays.begin - 0.5, end = bays.end() + 0.5;
    for (const double side : {-1.0, 1.0}) {
        const auto edge = [&](PathPose from, double size) {
            plan.lines.push_back({ScenePath(from).line(size), RoadType::road_edge, boundary});
        };
        edge({0, side * narrow, 0, 0}, begin);
        edge({begin, side * narrow, side * path_pi / 2, 0}, bays.border - narrow);
        edge({begin, side * bays.border, 0, 0}, end - begin);
        edge({end, side * bays.border, -side * path_pi / 2, 0}, bays.border - narrow);
        edge({end, side * narrow, 0, 0}, bays.length - end);
        for (int k = 0; k <= bays.count(); ++k) {
            const PathPose from{bays.begin + k * bays.pitch, side * bays.mouth, side * path_pi / 2, 0};
            plan.lines.push_back({ScenePath(from).line(bays.depth), RoadType::road_line, solid_white});
        }
    }
}

}  // namespace

ScenePlan plan_straight(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 240, 320);
    return plan_road(ScenePath(PathPose{}).line(length), speed_of(draws, 11, 18, length), draws);
}

ScenePlan plan_curve(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 220, 300), radius = draws.between(30, 90);
    const double turn = std::min(draws.between(0.7, 1.6), 0.7 * length / radius), side = draws.chance(0.5) ? 1 : -1;
    ScenePath path(PathPose{});
    if (draws.chance(0.5)) {
        const double rest = length - turn * radius;
        path.line(rest / 2).arc(radius, side * turn).line(rest / 2);
    } else {
        const double rest = length - turn * radius;
        path.line(rest / 3).arc(radius, side * turn / 2).line(rest / 3).arc(radius, -side * turn / 2).line(rest / 3);
    }
    return plan_road(path, speed_of(draws, 10, 15, length), draws);
}

ScenePlan plan_jam(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 190, 240), bend = draws.between(150, 400);
    const double turn = length / 3 / bend;
    ScenePath reference(PathPose{});
    reference.line(length / 3).arc(bend, draws.chance(0.5) ? turn : -turn).line(length / 3);
    ScenePlan plan;
    CrossSection section;
    section.forward = draws.whole(2, 4), section.backward = draws.whole(2, 3);
    add_road(plan, reference, section, true);
    add_lane_routes(plan, reference, section, draws.between(4, 8));
    plan.is_packed = true;
    plan.num_agents = plan.num_moving = draws.whole(64, 80);
    return plan;
}

ScenePlan plan_pedestrians_cyclists(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 200, 260);
    const ScenePath reference = ScenePath(PathPose{}).line(length);
    ScenePlan plan;
    CrossSection section;
    section.forward = section.backward = draws.whole(1, 2);
    section.shoulder = 2.2;
    add_road(plan, reference, section, true);
    const int num_crosswalks = length < 120 ? 1 : draws.whole(1, 2);
    std::vector<double> places;
    for (int k = 0; k < num_crosswalks; ++k) places.push_back(length * (k + 1.0) / (num_crosswalks + 1));
    add_lane_routes(plan, reference, section, speed_of(draws, 8, 14, length));
    const double bike = section.forward * section.lane + 1.1;
    Route route;
    route.type = AgentType::cyclist, route.speed = 5.5, route.weight = 1.2 * section.forward;
    route.path = reference.offset(-bike), plan.routes.push_back(route);
    plan.lines.push_back({route.path, RoadType::lane, 3});
    route.path = reference.offset(bike).reversed(), plan.routes.push_back(route);
    plan.lines.push_back({route.path, RoadType::lane, 3});
    for (size_t k = 0; k < places.size(); ++k) {
        plan.groups.push_back({places[k], 0, 0});
        for (Route& crossed : plan.routes) {
            if (crossed.type == AgentType::pedestrian) continue;
            const double s = crossed.path.start().heading == 0 ? places[k] : length - places[k];
            crossed.controls.push_back({int(k), 1.0, s - 3});
        }
    }
    for (size_t k = 0; k < places.size(); ++k)
        add_crosswalk(plan, reference, section, places[k], int(k), -1, 1.0 * section.forward / num_crosswalks);
    add_sidewalks(plan, reference, section, 0.35);
    draw_counts(plan, draws, 16, 26, 0, 0);
    return plan;
}

ScenePlan plan_merge(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 420, 500), speed = speed_of(draws, 22, 29, length);
    const ScenePath reference = ScenePath(PathPose{}).line(length);
    ScenePlan plan;
    CrossSection section;
    section.forward = draws.whole(2, 3), section.backward = 0, section.lane = 3.6, section.lane_element = 1;
    add_road(plan, reference, section, false);
    add_lane_routes(plan, reference, section, speed);
    const double outer = -(section.forward - 0.5) * section.lane, ramp_y = outer - section.lane;
    const double nose = 0.38 * length, merge_begin = 0.56 * length,
                 merge_end = 0.56 * length + std::min(50.0, 0.2 * length);
    const double radius = draws.between(70, 110), turn = std::min(0.45, 0.28 * length / radius);
    // The ramp, built from its end backwards: taper, acceleration lane, bend, straight.
    ScenePath back = ScenePath({nose, ramp_y, path_pi, 0}).arc(radius, turn).line(0.3 * length - turn * radius);
    const ScenePath approach = back.reversed();
    ScenePath ramp = approach;
    ramp.line(merge_begin - nose);
    const ScenePath taper = connection({merge_begin, ramp_y, 0, 0}, {merge_end, outer, 0, 0});
    ScenePath whole = ramp;
    whole.append(taper).line(length - merge_end);
    plan.lines.push_back({ramp, RoadType::lane, 1});
    plan.lines.push_back({taper, RoadType::lane, 1});
    const double half = section.lane / 2, border = half + section.shoulder;
    plan.lines.push_back({whole.offset(-border), RoadType::road_edge, boundary});
    plan.lines.push_back({whole.offset(-half), RoadType::road_line, solid_white});
    plan.lines.push_back({reference.offset(1.0), RoadType::road_edge, boundary});
    plan.lines.push_back({approach.offset(half), RoadType::road_line, solid_white});
    add_gore(plan, approach.offset(half + 0.6), outer - half - 0.6);
    plan.groups.push_back({merge_end, outer, 0});
    Route route;
    route.path = whole, route.speed = std::min(speed, 22.0), route.weight = 0.8;
    route.controls.push_back({0, 1.0});
    plan.routes.push_back(route);
    for (double x = 30; x + 30 < nose; x += 60)  // broken down on the shoulder of the ramp
        plan.spots.push_back({moved(approach.at(std::max(6.0, 0.5 * x)), 0, -half - 1.4), 5.0});
    draw_counts(plan, draws, 15, 26, 0, 1);
    return plan;
}

ScenePlan plan_parking(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double length = length_of(config, draws, 90, 120), speed = 5.5, pull_in_radius = 5.8;
    const ScenePath reference = ScenePath(PathPose{}).line(length);
    ScenePlan plan;
    CrossSection section;
    section.lane = 3.6, section.shoulder = 5.6;
    const Bays bays{length, section.lane, section.right()};
    const ScenePath lanes[2] = {backward_lane(reference, section, 0), forward_lane(reference, section, 0)};
    for (const ScenePath& lane : {lanes[1], lanes[0]}) plan.lines.push_back({lane, RoadType::lane, 2});
    plan.lines.push_back({reference, RoadType::road_line, broken_white});
    add_bays(plan, bays);
    add_lane_routes(plan, reference, section, speed);
    plan.groups.push_back({length / 2, 0, 0});
    // Cars turn into some places across the aisle; the places beside those stay empty.
    const int num_places = bays.count();
    std::vector<bool> is_free(size_t(2 * num_places), false);
    for (int k = 4; k + 4 < num_places; k += 5) {
        const bool on_left = draws.chance(0.5);
        for (int near = k - 1; near <= k + 1; ++near) is_free[size_t(2 * near + on_left)] = true;
        Route route;
        route.path = connection(lanes[on_left].start(), bays.place(k, on_left ? 1 : -1), pull_in_radius);
        route.speed = speed, route.weight = 0.25, route.stops_at_end = true;
        route.controls.push_back({0, 1.0});
        plan.routes.push_back(route);
    }
    for (int k = 0; k < num_places; ++k) {
        for (const bool on_left : {false, true}) {
            if (is_free[size_t(2 * k + on_left)]) continue;
            PathPose place = bays.place(k, on_left ? 1 : -1);
            if (!draws.chance(0.7)) place.heading = -place.heading;  // backed in
            plan.spots.push_back({place, 5.0});
        }
    }
    add_sidewalks(plan, reference, section, 0.3);
    draw_counts(plan, draws, 6, 10, 20, 34);
    return plan;
}

}  // namespace flockstep::driving::scene_making
