#pragma once

#include <vector>

#include "envs/common/geometry.h"
#include "envs/driving/scene_plan.h"

namespace flockstep::driving::scene_making {

/// Where a route crosses or joins another: between `begin` and `end` m of it, while on the other what is between
/// other_begin and other_end is in the way.
struct ConflictZone {
    int other;  // route
    int group;  // nearest of the plan's
    double begin, end, other_begin, other_end;
};

/// A route as traffic needs it, in tables over s = -route_lead_in, ... in steps of route_step.
struct RouteTable {
    std::vector<Vec2> point;
    std::vector<double> speed;        // m/s allowed: limit, curves, the braking before them, a stop at the end
    std::vector<ConflictZone> zones;  // any order
    std::vector<double> group_begin;  // by group: begin of the route's first zone there, infinite without one

    Vec2 point_at(double s) const;
    double speed_at(double s) const;
};
/// Routes begin that far before the visible road, m; and the tables' step.
inline constexpr double route_lead_in = 45, route_step = 0.5;

/// Time and space: routes^2 * points^2 near the groups' middles.
std::vector<RouteTable> route_tables(const ScenePlan& plan);

}  // namespace flockstep::driving::scene_making
