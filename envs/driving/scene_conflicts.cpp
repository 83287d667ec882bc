#include "envs/driving/scene_conflicts.h"

#include <algorithm>
#include <cmath>

namespace flockstep::driving::scene_making {

namespace {

constexpr double curve_acceleration = 2.1, curve_braking = 1.7;  // m/s^2
constexpr double group_radius = 45;                              // m, zones lie that near to a group's middle
constexpr double same_place = 0.55, same_heading = 0.25, crossing = 0.6;

int index_of(double s) { return int((s + route_lead_in) / route_step); }

std::vector<double> speeds_of(const Route& route, int count) {
    std::vector<double> speed(size_t(count), route.speed);
    const auto place = [](int k) { return k * route_step - route_lead_in; };
    for (int k = 0; k < count; ++k) {
        double curvature = 0;
        for (const double s : {place(k) - route_step, place(k), place(k) + route_step})
            curvature = std::max(curvature, std::abs(route.path.at(s).curvature));
        if (curvature > 0) speed[size_t(k)] = std::min(route.speed, std::sqrt(curve_acceleration / curvature));
        if (route.stops_at_end && place(k) >= route.path.length() - 0.05) speed[size_t(k)] = 0;
    }
    for (int k = count - 2; k >= 0; --k) {
        const double next = speed[size_t(k) + 1];
        speed[size_t(k)] = std::min(speed[size_t(k)], std::sqrt(next * next + 2 * curve_braking * route_step));
    }
    return speed;
}

/// Points of a route near a group's middle.
struct Near {
    int index;
    PathPose pose;
};

double reach_of(AgentType a, AgentType b) {
    const bool has_car = a == AgentType::vehicle || b == AgentType::vehicle;
    if (a == b) return has_car ? 2.8 : a == AgentType::cyclist ? 1.6 : 0;
    return !has_car ? 1.6 : a == AgentType::pedestrian || b == AgentType::pedestrian ? 2.0 : 2.2;
}

class ZoneFinder {
  public:
    ZoneFinder(const ScenePlan& plan, std::vector<RouteTable>& tables) : plan_(plan), tables_(tables) {}

    void find_all() {
        const int n = int(plan_.routes.size());
        for (int group = 0; group < int(plan_.groups.size()); ++group) {
            std::vector<std::vector<Near>> near(static_cast<size_t>(n));
            for (int r = 0; r < n; ++r) near[size_t(r)] = points_near(r, group);
            for (int p = 0; p < n; ++p)
                for (int q = 0; q < n; ++q)
                    if (p != q) find(p, q, group, near[size_t(p)], near[size_t(q)]);
        }
    }

  private:
    /// Those whose nearest group is this one.
    std::vector<Near> points_near(int route, int group) const {
        std::vector<Near> near;
        const ScenePath& path = plan_.routes[size_t(route)].path;
        for (double s = 0; s <= path.length(); s += route_step) {
            const PathPose pose = path.at(s);
            const auto squared = [&](const ScenePoint& g) {
                return (g.x - pose.x) * (g.x - pose.x) + (g.y - pose.y) * (g.y - pose.y);
            };
            const double own = squared(plan_.groups[size_t(group)]);
            if (own > group_radius * group_radius) continue;
            bool is_nearest = true;
            for (const ScenePoint& g : plan_.groups) is_nearest = is_nearest && squared(g) >= own;
            if (is_nearest) near.push_back({index_of(s + 1e-6), pose});
        }
        return near;
    }

    /// What of route q is in the way of a point of route p.
    struct Meeting {
        int low = 1 << 30, high = -1;  // points of q; high < 0: none
        double squared = 1e9;          // distance of the nearest
        bool is_shared = false;        // both have the same lane there
    };
    Meeting meet(const Near& a, const std::vector<Near>& on_q, double reach) const {
        Meeting meeting;
        for (const Near& b : on_q) {
            const double dx = a.pose.x - b.pose.x, dy = a.pose.y - b.pose.y, d = dx * dx + dy * dy;
            if (d > reach * reach) continue;
            meeting.squared = std::min(meeting.squared, d);
            meeting.low = std::min(meeting.low, b.index), meeting.high = std::max(meeting.high, b.index);
            if (d < same_place * same_place && std::abs(wrapped(a.pose.heading - b.pose.heading)) < same_heading)
                meeting.is_shared = true;
        }
        return meeting;
    }

    /// A stretch of points of p with something of q in the way.
    struct Stretch {
        int first = -1, last = -1, low = 0, high = 0;
        double nearest = 1e9;
        bool diverges = false;  // it begins where both have left a lane that they shared
    };
    /// A stretch counts if the routes cross or join in it; where they part, nobody has to wait.
    void finish(int p, int q, int group, Stretch& stretch) {
        if (stretch.first >= 0 && stretch.nearest < crossing && !stretch.diverges) {
            const auto s = [](int index) { return index * route_step - route_lead_in; };
            RouteTable& table = tables_[size_t(p)];
            table.zones.push_back({q, group, s(stretch.first), s(stretch.last), s(stretch.low), s(stretch.high)});
            table.group_begin[size_t(group)] = std::min(table.group_begin[size_t(group)], s(stretch.first));
        }
        stretch = {};
    }

    void find(int p, int q, int group, const std::vector<Near>& on_p, const std::vector<Near>& on_q) {
        const double reach = reach_of(plan_.routes[size_t(p)].type, plan_.routes[size_t(q)].type);
        if (reach == 0 || on_q.empty()) return;
        Stretch stretch;
        int since_shared = 100, before = -100;
        for (const Near& a : on_p) {
            if (a.index > before + 1) finish(p, q, group, stretch);
            before = a.index;
            const Meeting meeting = meet(a, on_q, reach);
            since_shared = meeting.is_shared ? 0 : since_shared + 1;
            if (meeting.is_shared) stretch.nearest = 0;  // they have joined
            if (meeting.is_shared || meeting.high < 0) {
                finish(p, q, group, stretch);
                continue;
            }
            if (stretch.first < 0)
                stretch = {a.index, a.index, meeting.low, meeting.high, stretch.nearest, since_shared <= 2};
            stretch.last = a.index;
            stretch.low = std::min(stretch.low, meeting.low), stretch.high = std::max(stretch.high, meeting.high);
            stretch.nearest = std::min(stretch.nearest, std::sqrt(meeting.squared));
        }
        finish(p, q, group, stretch);
    }

    const ScenePlan& plan_;
    std::vector<RouteTable>& tables_;
};

}  // namespace

Vec2 RouteTable::point_at(double s) const {
    const size_t k = size_t(std::clamp(index_of(s), 0, int(point.size()) - 1));
    return point[k];
}

double RouteTable::speed_at(double s) const {
    const double at = std::clamp((s + route_lead_in) / route_step, 0.0, double(speed.size()) - 1.001);
    const size_t k = size_t(at);
    return speed[k] + (at - double(k)) * (speed[k + 1] - speed[k]);
}

std::vector<RouteTable> route_tables(const ScenePlan& plan) {
    std::vector<RouteTable> tables(plan.routes.size());
    for (size_t r = 0; r < tables.size(); ++r) {
        const Route& route = plan.routes[r];
        const int count = index_of(route.path.length()) + int(60 / route_step);
        tables[r].speed = speeds_of(route, count);
        tables[r].group_begin.assign(plan.groups.size(), 1e18);
        for (int k = 0; k < count; ++k) {
            const PathPose pose = route.path.at(k * route_step - route_lead_in);
            tables[r].point.push_back({float(pose.x), float(pose.y)});
        }
    }
    ZoneFinder(plan, tables).find_all();
    return tables;
}

}  // namespace flockstep::driving::scene_making
