#include <algorithm>
#include <cmath>

#include "envs/driving/scene_plan.h"

/// Junctions: arms of one cross section around the origin, counted counter-clockwise.
namespace flockstep::driving::scene_making {

namespace {

constexpr int solid_white = 7, boundary = 15;
constexpr double stop_distance = 5.5;       // of the stop line from the junction's mouth
constexpr double crosswalk_distance = 2.6;  // of the crosswalk's middle

struct Arm {
    double heading;       // outward
    ScenePath reference;  // from the mouth outward
};

double arm_length(const SceneGeneratorConfig& config, SceneDraws& draws) {
    const double drawn = draws.between(90, 125);
    return config.road_length > 0 ? config.road_length : drawn;
}
double arm_speed(SceneDraws& draws, double length) {
    return std::min(draws.between(10, 14), std::max(length / 5, 4.0));
}

/// Lane k of the arm, toward the junction and away from it.
ScenePath inward(const Arm& arm, const CrossSection& section, int k) {
    return backward_lane(arm.reference, section, k);
}
ScenePath outward(const Arm& arm, const CrossSection& section, int k) {
    return forward_lane(arm.reference, section, k);
}

ScenePath joined(const ScenePath& in, const ScenePath& middle, const ScenePath& out) {
    ScenePath path = in;
    return path.append(middle).append(out);
}

class JunctionPlan {
  public:
    JunctionPlan(const SceneGeneratorConfig& config, SceneDraws& draws, int num_arms) : num_arms_(num_arms) {
        section_.forward = section_.backward = draws.chance(0.6) ? 2 : 1;
        const double length = arm_length(config, draws), outer = (section_.forward - 0.5) * section_.lane;
        const double mouth = outer + draws.between(9, 11);
        speed_ = arm_speed(draws, length);
        for (int k = 0; k < num_arms; ++k) {  // of three arms the first is the side road
            const double heading = (k - 1) * path_pi / 2;
            const PathPose start = moved({0, 0, heading, 0}, mouth, 0);
            arms_.push_back({heading, ScenePath(start).line(length)});
        }
        plan_.groups.push_back({0, 0, 0});
        plan_.signals.exist = num_arms == 4 && draws.chance(config.lights_share);
        plan_.signals.green = draws.whole(70, 120);
        plan_.signals.offset = draws.below(400);
        plan_.num_moving = draws.whole(10, 18);
        plan_.num_agents = plan_.num_moving + draws.whole(12, 24);
    }

    ScenePlan build() {
        for (int a = 0; a < num_arms_; ++a) build_arm(a);
        for (int a = 0; a < num_arms_; ++a)
            for (int b = 0; b < num_arms_; ++b)
                if (a != b) connect(a, b);
        for (int a = 0; a < num_arms_; ++a) build_edge(a, (a + 1) % num_arms_);
        for (int a = 0; a < num_arms_; ++a) build_walks(a);
        return std::move(plan_);
    }

  private:
    bool is_side(int a) const { return num_arms_ == 3 && a == 0; }
    bool has_sign(int a) const { return num_arms_ == 3 ? is_side(a) : !plan_.signals.exist; }
    int phase(int a) const { return plan_.signals.exist ? a % 2 : -1; }

    void build_arm(int a) {
        const Arm& arm = arms_[size_t(a)];
        const int first_line = int(plan_.lines.size());
        add_road(plan_, arm.reference, section_, false);
        const double length = arm.reference.length();
        add_spots(plan_, arm.reference, section_, true, 9, length - 2);
        add_spots(plan_, arm.reference, section_, false, 14, length - 2);
        if (has_sign(a)) {
            const PathPose at = moved(arm.reference.at(stop_distance), 0, section_.left() + 0.8);
            plan_.stop_signs.push_back({at.x, at.y, 0});
        }
        for (int k = 0; k < section_.backward && plan_.signals.exist; ++k) {
            const ScenePath lane = inward(arm, section_, k);
            plan_.lights.push_back({first_line + section_.forward + k, phase(a), lane.at(length - stop_distance)});
        }
    }

    /// The routes from arm a to arm b: to the right from the outer lane, to the left from the inner one.
    void connect(int a, int b) {
        const double turn = wrapped(arms_[size_t(b)].heading - arms_[size_t(a)].heading - path_pi);
        const bool is_straight = std::abs(turn)<0.1, is_left = turn> 0.1;
        for (int k = 0; k < section_.backward; ++k) {
            const bool is_outer = k == section_.backward - 1;
            if (!is_straight && (is_left ? k != 0 : !is_outer)) continue;
            const ScenePath in = inward(arms_[size_t(a)], section_, k), out = outward(arms_[size_t(b)], section_, k);
            const ScenePath middle = connection(in.end(), out.start());
            plan_.lines.push_back({middle, RoadType::lane, section_.lane_element});
            Route route;
            route.path = joined(in, middle, out), route.speed = speed_;
            route.weight = is_straight ? 1.0 : 0.6;
            RouteControl control{0, is_left ? 1.5 : 0.0, in.length() - stop_distance, has_sign(a), phase(a)};
            if (is_side(a)) control.penalty += 2;
            route.controls.push_back(control);
            plan_.routes.push_back(route);
            if (is_straight && is_outer) add_cyclist(route);
        }
    }

    void add_cyclist(const Route& route) {
        Route bike = route;
        bike.path = route.path.offset(-1.9 - 0.5), bike.type = AgentType::cyclist, bike.speed = 5.5, bike.weight = 0.1;
        plan_.routes.push_back(bike);
    }

    /// The border between arm a and the next one: along both, and around the corner.
    void build_edge(int a, int b) {
        const int k = section_.forward - 1;
        const ScenePath in = inward(arms_[size_t(a)], section_, k), out = outward(arms_[size_t(b)], section_, k);
        const ScenePath path = joined(in, connection(in.end(), out.start()), out);
        plan_.lines.push_back({path.offset(-section_.lane / 2 - section_.shoulder), RoadType::road_edge, boundary});
    }

    void build_walks(int a) {
        const Arm& arm = arms_[size_t(a)];
        // Who crosses an arm walks with the traffic of the other phase.
        const int phase_of_walk = plan_.signals.exist ? 1 - phase(a) : -1;
        add_crosswalk(plan_, arm.reference, section_, crosswalk_distance, 0, phase_of_walk, 0.12);
    }

    int num_arms_;
    CrossSection section_;
    double speed_ = 0;
    std::vector<Arm> arms_;
    ScenePlan plan_;
};

}  // namespace

ScenePlan plan_junction(const SceneGeneratorConfig& config, SceneDraws& draws, int num_arms) {
    return JunctionPlan(config, draws, num_arms).build();
}

/// Entries and exits are arcs that touch the lane of the arm and, from outside, the ring.
ScenePlan plan_roundabout(const SceneGeneratorConfig& config, SceneDraws& draws) {
    ScenePlan plan;
    CrossSection section;
    section.shoulder = 2.4;
    const int num_arms = config.road_length > 0 ? 3 : draws.whole(3, 4);
    const double ring = draws.between(15, 20), bend = draws.between(13, 17), half = section.lane / 2;
    const double length = arm_length(config, draws), speed = arm_speed(draws, length);
    // In an arm's frame, outward along x: the entry's lane is at y = half, its arc's middle at (x, half + bend).
    const double y = half + bend, x = std::sqrt((ring + bend) * (ring + bend) - y * y);
    const double touch = angle_of(y, x), turn = path_pi / 2 - touch;
    std::vector<ScenePath> entries, exits, ins, outs;
    std::vector<double> headings;
    for (int a = 0; a < num_arms; ++a) {
        const double heading = a * path_pi / 2 + (num_arms == 3 && a == 2 ? draws.between(-0.2, 0.4) : 0.0);
        const PathPose center{0, 0, heading, 0}, mouth = moved(center, x, half, path_pi);
        const ScenePath reference = ScenePath(moved(center, x, 0)).line(length);
        headings.push_back(heading);
        add_road(plan, reference, section, false);
        ins.push_back(inward({heading, reference}, section, 0));
        outs.push_back(outward({heading, reference}, section, 0));
        entries.push_back(ScenePath(mouth).arc(bend, -turn));
        // The exit is the entry's mirror image, driven the other way.
        exits.push_back(ScenePath(moved(center, x, -half, path_pi)).arc(bend, turn).reversed());
        plan.lines.push_back({entries.back(), RoadType::lane, section.lane_element});
        plan.lines.push_back({exits.back(), RoadType::lane, section.lane_element});
        const PathPose group = entries.back().end();
        plan.groups.push_back({group.x, group.y, 0});
        add_spots(plan, reference, section, true, 8, length - 2);
        add_spots(plan, reference, section, false, 8, length - 2);
        add_sidewalks(plan, reference, section, 0.05);
    }
    const auto around = [&](int a, int b) {  // from where a's entry meets the ring to where b's exit leaves it
        double angle = headings[size_t(b)] - headings[size_t(a)] - 2 * touch;
        while (angle <= 0) angle += 2 * path_pi;
        return angle;
    };
    for (int a = 0; a < num_arms; ++a) {
        for (int b = 0; b < num_arms; ++b) {
            ScenePath path = ins[size_t(a)];
            path.append(entries[size_t(a)]).arc(ring, around(a, b)).append(exits[size_t(b)]).append(outs[size_t(b)]);
            if (b == (a + 1) % num_arms)
                plan.lines.push_back({path.offset(-half - section.shoulder), RoadType::road_edge, boundary});
            if (a == b) continue;
            Route route;
            route.path = path, route.speed = speed;
            route.controls.push_back({a, 2.0, ins[size_t(a)].length() + entries[size_t(a)].length() * 0.25});
            plan.routes.push_back(route);
        }
    }
    const ScenePath circle = ScenePath({ring, 0, path_pi / 2, 0}).arc(ring, 2 * path_pi);
    plan.lines.push_back({circle, RoadType::lane, section.lane_element});
    plan.lines.push_back({circle.offset(half), RoadType::road_line, solid_white});
    plan.lines.push_back({circle.offset(half + 0.7), RoadType::road_edge, boundary});
    plan.num_moving = draws.whole(9, 15);
    plan.num_agents = plan.num_moving + draws.whole(12, 20);
    return plan;
}

}  // namespace flockstep::driving::scene_making
