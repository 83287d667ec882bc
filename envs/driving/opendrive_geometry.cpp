#include "envs/driving/opendrive_geometry.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace flockstep {

namespace {

/// Gauss-Legendre nodes and weights of order 8 on [-1, 1]; the other half is symmetric.
constexpr std::array<double, 4> node{0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363};
constexpr std::array<double, 4> weight{0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763};

/// The integral of f over low..high: add(point, weight) for 8 points in each of `panels` parts.
template <class Add>
void quadrature(double low, double high, int panels, Add add) {
    const double half = (high - low) / (2.0 * panels);
    for (int panel = 0; panel < panels; ++panel) {
        const double middle = low + half * (2 * panel + 1);
        for (size_t i = 0; i < node.size(); ++i) {
            add(middle - half * node[i], half * weight[i]);
            add(middle + half * node[i], half * weight[i]);
        }
    }
}

/// A pose in the frame of a geometry's start, turned and moved to where it lies.
LinePose placed(const Geometry& geometry, double u, double v, double turn, double curvature, double speed = 1) {
    const double c = std::cos(geometry.heading), s = std::sin(geometry.heading);
    return {geometry.x + c * u - s * v, geometry.y + s * u + c * v, geometry.heading + turn, curvature, speed};
}

LinePose arc_pose(const Geometry& geometry, double ds) {
    const double curvature = geometry.curvature_start, turn = curvature * ds;
    if (std::abs(turn) < 1e-7) return placed(geometry, ds, turn * ds / 2, turn, curvature);
    const double half = std::sin(turn / 2);
    return placed(geometry, std::sin(turn) / curvature, 2 * half * half / curvature, turn, curvature);
}

/// Euler's spiral: curvature is linear in the length. In each panel the line turns by less than half a radian.
LinePose spiral_pose(const Geometry& geometry, double ds) {
    const double k = geometry.curvature_start;
    const double rate = geometry.length > 0 ? (geometry.curvature_end - k) / geometry.length : 0;
    const double most = std::max(std::abs(k), std::abs(k + rate * ds)) * std::abs(ds);
    double u = 0, v = 0;
    quadrature(0, ds, 1 + static_cast<int>(2 * std::min(most, 2 * max_turn_of_geometry)), [&](double at, double w) {
        const double turn = at * (k + rate * at / 2);
        u += w * std::cos(turn);
        v += w * std::sin(turn);
    });
    return placed(geometry, u, v, ds * (k + rate * ds / 2), k + rate * ds);
}

/// Length of v(u) from 0 to u.
double arc_length(const Cubic& v, double u) {
    double length = 0;
    quadrature(0, u, 1 + static_cast<int>(std::min(std::abs(u) / 10, 100.0)),
               [&](double at, double w) { length += w * std::hypot(1, v.slope(at)); });
    return length;
}

/// v is a polynomial of u, and s is the length along the line: u is found by Newton's method within its bounds.
LinePose poly3_pose(const Geometry& geometry, double ds) {
    const Cubic& v = geometry.v;
    double low = std::min(ds, 0.0), high = std::max(ds, 0.0), u = ds;
    for (int i = 0; i < 60; ++i) {
        const double excess = arc_length(v, u) - ds;
        (excess > 0 ? high : low) = u;
        if (std::abs(excess) < 1e-9) break;
        u -= excess / std::hypot(1, v.slope(u));
        if (!(u > low && u < high)) u = (low + high) / 2;
    }
    const double slope = v.slope(u), bend = 2 * v.c + 6 * v.d * u, scale = std::hypot(1, slope);
    return placed(geometry, u, v.value(u), std::atan(slope), bend / (scale * scale * scale));
}

LinePose param_poly3_pose(const Geometry& geometry, double ds) {
    const double per_metre = geometry.is_normalized && geometry.length > 0 ? 1 / geometry.length : 1;
    const double p = ds * per_metre;
    const Cubic &u = geometry.u, &v = geometry.v;
    const double du = u.slope(p), dv = v.slope(p), scale = std::hypot(du, dv);
    const double bend = du * (2 * v.c + 6 * v.d * p) - dv * (2 * u.c + 6 * u.d * p);
    const double curvature = scale > 0 ? bend / (scale * scale * scale) : 0;
    return placed(geometry, u.value(p), v.value(p), std::atan2(dv, du), curvature, scale * per_metre);
}

/// The last element that starts at or before s (before: before s), at least the first.
template <class Item>
size_t index_at(const std::vector<Item>& items, double s, bool before) {
    size_t low = 0, high = items.size();
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        const bool starts = before ? items[middle].start < s : items[middle].start <= s;
        (starts ? low : high) = middle;
    }
    return low;
}

/// A line across a road, and how fast it moves with s.
struct Offset {
    double value = 0, slope = 0;
};

/// Inner and outer border of a lane as distances from the centre lane, positive outwards.
struct Borders {
    Offset inner, outer;
};

Borders lane_borders(const LaneSection& section, int lane_id, double s, bool before) {
    Borders borders;
    const int side = lane_id > 0 ? 1 : -1;
    for (int id = side; id != lane_id + side; id += side) {
        const Lane* lane = section.find(id);
        if (!lane) break;
        borders.inner = borders.outer;
        if (!lane->width.empty()) {
            const Cubic& width = *piece_at(lane->width, s, before);
            if (width.value(s) <= 0) continue;
            borders.outer.value += width.value(s);
            borders.outer.slope += width.slope(s);
        } else if (const Cubic* border = piece_at(lane->border, s, before)) {
            if (side * border->value(s) <= borders.inner.value) continue;
            borders.outer = {side * border->value(s), side * border->slope(s)};
        }
    }
    return borders;
}

}  // namespace

LinePose geometry_pose(const Geometry& geometry, double ds) {
    switch (geometry.shape) {
        case Geometry::Shape::line:
            return placed(geometry, ds, 0, 0, 0);
        case Geometry::Shape::arc:
            return arc_pose(geometry, ds);
        case Geometry::Shape::spiral:
            return spiral_pose(geometry, ds);
        case Geometry::Shape::poly3:
            return poly3_pose(geometry, ds);
        case Geometry::Shape::param_poly3:
            return param_poly3_pose(geometry, ds);
    }
    return {};
}

LinePose reference_pose(const Road& road, double s) {
    if (road.geometry.empty()) return {};
    const Geometry& geometry = road.geometry[index_at(road.geometry, s, false)];
    return geometry_pose(geometry, s - geometry.start);
}

const Cubic* piece_at(const std::vector<Cubic>& pieces, double s, bool before) {
    return pieces.empty() ? nullptr : &pieces[index_at(pieces, s, before)];
}

double value_at(const std::vector<Cubic>& pieces, double s, bool before) {
    const Cubic* piece = piece_at(pieces, s, before);
    return piece ? piece->value(s) : 0;
}

double slope_at(const std::vector<Cubic>& pieces, double s, bool before) {
    const Cubic* piece = piece_at(pieces, s, before);
    return piece ? piece->slope(s) : 0;
}

double elevation_at(const Road& road, double s) { return value_at(road.elevation, s); }

int section_at(const Road& road, double s, int lane_id) {
    const int side = lane_id > 0 ? 1 : -1;
    int found = static_cast<int>(index_at(road.sections, s, false));
    while (found > 0 && !road.sections[found].covers(side)) --found;
    return found;
}

int neighbour_section(const Road& road, int section, int lane_id, Contact side) {
    const int step = side == Contact::end ? 1 : -1, count = static_cast<int>(road.sections.size());
    for (int next = section + step; next >= 0 && next < count; next += step) {
        if (road.sections[next].covers(lane_id)) return next;
    }
    return -1;
}

bool runs_forward(const Road& road, const Lane& lane) {
    return ((lane.id < 0) != road.is_left_hand) != (lane.direction == Lane::Direction::reversed);
}

LanePose lane_pose(const Road& road, int section_index, int lane_id, double s, LaneLine line) {
    const LaneSection& section = road.sections[section_index];
    // Records of the next section start where this one ends.
    const bool before = s >= section.end(lane_id) && section.end(lane_id) > section.start;
    const LinePose base = reference_pose(road, s);
    const Lane* lane = section.find(lane_id);
    const Borders borders = lane_id == 0 ? Borders{} : lane_borders(section, lane_id, s, before);
    const double outer_share = line == LaneLine::inner ? 0 : line == LaneLine::outer ? 1 : 0.5;
    const int side = lane_id > 0 ? 1 : -1;
    const auto between = [&](double inner, double outer) { return inner + outer_share * (outer - inner); };
    const double t = value_at(road.lane_offset, s, before) + side * between(borders.inner.value, borders.outer.value);
    const double slope =
        slope_at(road.lane_offset, s, before) + side * between(borders.inner.slope, borders.outer.slope);
    LanePose pose;
    const double cosine = std::cos(base.heading), sine = std::sin(base.heading);
    pose.x = base.x - sine * t;
    pose.y = base.y + cosine * t;
    pose.z = value_at(road.elevation, s, before);
    if (lane) pose.z += between(value_at(lane->inner_height, s, before), value_at(lane->outer_height, s, before));
    pose.road_heading = base.heading;
    pose.heading = base.heading + std::atan2(slope, base.speed * (1 - base.curvature * t));
    pose.width = borders.outer.value - borders.inner.value;
    pose.t = t;
    return pose;
}

}  // namespace flockstep
