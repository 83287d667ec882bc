#pragma once

#include "sim/contract/field.h"
#include "sim/contract/real.h"

/// Plane geometry for rules: vectors, frames, segments, oriented boxes, circles, polygons. Float32, no libm, so the
/// same bits on CPU and GPU. Lengths are in the environment's unit; x to the right, y up, angles counter-clockwise in
/// radians. Touching counts as overlapping. Within rounding of a contact (about 1e-6 of the coordinates) the result may
/// be either.
///
///   const OrientedBox a = box_at(frame_at({x, y}, heading), half_length, half_width);
///   const bool crashed = overlaps(a, b) || overlaps(a, wall_begin, wall_end);
///   const Vec2 seen = to_frame(a.frame, goal);  // ahead, left
namespace flockstep {

/// A point or a vector: x to the right, y up.
struct alignas(8) Vec2 {  // aligned, so that a GPU loads and stores both floats at once
    float x, y;
};
/// Vec2 as the element of a Field: two floats.
template <>
constexpr ElementType element_of<Vec2>() {
    return {DType::float32, 2};
}

SIM_HD Vec2 operator+(Vec2 a, Vec2 b) { return {a.x + b.x, a.y + b.y}; }
SIM_HD Vec2 operator-(Vec2 a, Vec2 b) { return {a.x - b.x, a.y - b.y}; }
SIM_HD Vec2 operator*(float s, Vec2 a) { return {s * a.x, s * a.y}; }
SIM_HD bool operator==(Vec2 a, Vec2 b) { return a.x == b.x && a.y == b.y; }
/// a.x * b.x + a.y * b.y.
SIM_HD float dot(Vec2 a, Vec2 b) { return a.x * b.x + a.y * b.y; }
/// The third component of the cross product: positive where b is to the left of a.
SIM_HD float cross(Vec2 a, Vec2 b) { return a.x * b.y - a.y * b.x; }
/// The squared length, and the length, which costs a square root: prefer comparing squares.
SIM_HD float squared_length(Vec2 a) { return dot(a, a); }
SIM_HD float length(Vec2 a) { return real::sqrt(squared_length(a)); }
/// a rotated by 90 degrees counter-clockwise.
SIM_HD Vec2 left_of(Vec2 a) { return {-a.y, a.x}; }

/// The coordinate frame of a body: its position and its heading. `ahead` has length 1.
struct Frame {
    Vec2 origin, ahead;
};
/// The frame of a pose. Costs a sine and a cosine: compute it once per step and reuse it.
SIM_HD Frame frame_at(Vec2 position, float heading) { return {position, {real::cos(heading), real::sin(heading)}}; }
/// Rotates a world direction into the frame (x ahead, y to the left), and back.
SIM_HD Vec2 rotate_into(const Frame& frame, Vec2 v) { return {dot(frame.ahead, v), cross(frame.ahead, v)}; }
SIM_HD Vec2 rotate_out_of(const Frame& frame, Vec2 v) { return v.x * frame.ahead + v.y * left_of(frame.ahead); }
/// Transforms a world point into the frame, and back.
SIM_HD Vec2 to_frame(const Frame& frame, Vec2 point) { return rotate_into(frame, point - frame.origin); }
SIM_HD Vec2 from_frame(const Frame& frame, Vec2 point) { return frame.origin + rotate_out_of(frame, point); }

/// An oriented box: the frame at its center, half extents along and across `ahead`, >= 0.
struct OrientedBox {
    Frame frame;
    float half_length, half_width;
};
/// Corner k of a box: 0 front left, then counter-clockwise (back left, back right, front right).
SIM_HD Vec2 corner(const OrientedBox& box, int k) {
    const float along = k == 0 || k == 3 ? box.half_length : -box.half_length;
    return from_frame(box.frame, {along, k < 2 ? box.half_width : -box.half_width});
}

/// Whether two circles touch; also used for early rejection with bounding circles.
SIM_HD bool circles_touch(Vec2 a, float radius_a, Vec2 b, float radius_b) {
    return squared_length(b - a) <= real::square(radius_a + radius_b);
}
/// An upper bound of the distance from a box's center to its corners, without a square root.
SIM_HD float reach(const OrientedBox& box) { return box.half_length + box.half_width; }

/// Whether a point is within a box.
SIM_HD bool contains(const OrientedBox& box, Vec2 point) {
    const Vec2 seen = to_frame(box.frame, point);
    return real::abs(seen.x) <= box.half_length && real::abs(seen.y) <= box.half_width;
}

/// Whether two boxes touch, by the separating axis test over their four axes (Gottschalk et al. 1996). Most pairs are
/// rejected by their bounding circles; the others cost about 40 operations.
SIM_HD bool overlaps(const OrientedBox& a, const OrientedBox& b) {
    const Vec2 d = b.frame.origin - a.frame.origin;
    if (!circles_touch(a.frame.origin, reach(a), b.frame.origin, reach(b))) return false;
    const float c = real::abs(dot(a.frame.ahead, b.frame.ahead)), s = real::abs(cross(a.frame.ahead, b.frame.ahead));
    const Vec2 in_a = rotate_into(a.frame, d), in_b = rotate_into(b.frame, d);
    return real::abs(in_a.x) <= a.half_length + b.half_length * c + b.half_width * s &&
           real::abs(in_a.y) <= a.half_width + b.half_length * s + b.half_width * c &&
           real::abs(in_b.x) <= b.half_length + a.half_length * c + a.half_width * s &&
           real::abs(in_b.y) <= b.half_width + a.half_length * s + a.half_width * c;
}

/// Whether a segment touches a box: the separating axes are the box's two and the segment's normal.
SIM_HD bool overlaps(const OrientedBox& box, Vec2 begin, Vec2 end) {
    const Vec2 middle = to_frame(box.frame, 0.5f * (begin + end));
    const Vec2 half = rotate_into(box.frame, 0.5f * (end - begin));
    return real::abs(middle.x) <= box.half_length + real::abs(half.x) &&
           real::abs(middle.y) <= box.half_width + real::abs(half.y) &&
           real::abs(cross(half, middle)) <= box.half_length * real::abs(half.y) + box.half_width * real::abs(half.x);
}

/// The point of a segment closest to a point; begin == end is allowed.
SIM_HD Vec2 nearest_on_segment(Vec2 begin, Vec2 end, Vec2 point) {
    const Vec2 along = end - begin;
    const float ahead = dot(point - begin, along), all = squared_length(along);
    if (!(ahead > 0.0f)) return begin;
    return ahead >= all ? end : begin + (ahead / all) * along;
}
/// Squared distance from a point to a segment: costs a division.
SIM_HD float squared_distance(Vec2 begin, Vec2 end, Vec2 point) {
    return squared_length(point - nearest_on_segment(begin, end, point));
}
/// Distance from a point to a segment: costs a division and a square root.
SIM_HD float distance(Vec2 begin, Vec2 end, Vec2 point) { return real::sqrt(squared_distance(begin, end, point)); }

/// Whether a circle touches a box: its center is within `radius` of the box.
SIM_HD bool overlaps(const OrientedBox& box, Vec2 middle, float radius) {
    const Vec2 seen = to_frame(box.frame, middle);
    const Vec2 outside{real::max(real::abs(seen.x) - box.half_length, 0.0f),
                       real::max(real::abs(seen.y) - box.half_width, 0.0f)};
    return squared_length(outside) <= real::square(radius);
}

/// Whether the segments a-b and c-d touch. Segments on one line touch where they share a point.
SIM_HD bool segments_touch(Vec2 a, Vec2 b, Vec2 c, Vec2 d) {
    const float side_a = cross(d - c, a - c), side_b = cross(d - c, b - c);
    const float side_c = cross(b - a, c - a), side_d = cross(b - a, d - a);
    const auto same_side = [](float s, float t) { return (s > 0.0f && t > 0.0f) || (s < 0.0f && t < 0.0f); };
    if (same_side(side_a, side_b) || same_side(side_c, side_d)) return false;
    // Collinear segments and segments of length 0 are on neither side: their bounding boxes must overlap.
    return real::max(a.x, b.x) >= real::min(c.x, d.x) && real::max(c.x, d.x) >= real::min(a.x, b.x) &&
           real::max(a.y, b.y) >= real::min(c.y, d.y) && real::max(c.y, d.y) >= real::min(a.y, b.y);
}

/// Whether a point is inside a simple polygon of n corners, corner(i) for i in [0, n), in either orientation,
/// implicitly closed: counts the crossings of a ray to the right (Shimrat 1962). On an edge the result may be either.
/// O(n).
template <class Corner>
SIM_HD bool in_polygon(int n, Corner&& corner, Vec2 point) {
    bool inside = false;
    for (int i = 0, before = n - 1; i < n; before = i++) {
        const Vec2 a = corner(i), b = corner(before);
        if ((a.y > point.y) == (b.y > point.y)) continue;
        const float side = cross(b - a, point - a);
        if ((side > 0.0f) == (b.y > a.y)) inside = !inside;
    }
    return inside;
}

}  // namespace flockstep
