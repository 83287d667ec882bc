#include "envs/driving/scene_path.h"

#include <algorithm>
#include <cmath>

#include "sim/contract/real.h"

namespace flockstep::driving::scene_making {

namespace {

constexpr double shortest_piece = 1e-9, straight_turn = 1e-6;

PathPose along(const PathPose& from, double length, double curvature) {
    double s0, c0, s1, c1;
    real::sincos_double(from.heading, s0, c0);
    if (curvature == 0) return {from.x + length * c0, from.y + length * s0, from.heading, 0};
    const double heading = from.heading + length * curvature;
    real::sincos_double(heading, s1, c1);
    return {from.x + (s1 - s0) / curvature, from.y - (c1 - c0) / curvature, heading, curvature};
}

}  // namespace

double sine(double angle) {
    double s, c;
    real::sincos_double(angle, s, c);
    return s;
}
double cosine(double angle) {
    double s, c;
    real::sincos_double(angle, s, c);
    return c;
}

PathPose moved(const PathPose& from, double ahead, double left, double turn) {
    double s, c;
    real::sincos_double(from.heading, s, c);
    return {from.x + ahead * c - left * s, from.y + ahead * s + left * c, from.heading + turn, 0};
}

double angle_of(double y, double x) {
    double angle = double(real::atan2(float(y), float(x)));
    double s, c;
    real::sincos_double(angle, s, c);  // one step of Newton's method
    const double ahead = x * c + y * s;
    if (ahead > 0) angle += (y * c - x * s) / ahead;
    return angle;
}

double wrapped(double angle) {
    while (angle >= path_pi) angle -= 2 * path_pi;
    while (angle < -path_pi) angle += 2 * path_pi;
    return angle;
}

ScenePath& ScenePath::add(double length, double curvature) {
    if (length < shortest_piece) return *this;
    pieces_.push_back({length, curvature, length_, end_});
    pieces_.back().start.curvature = curvature;
    end_ = along(end_, length, curvature);
    length_ += length;
    return *this;
}

ScenePath& ScenePath::arc(double radius, double turn) {
    return turn < 0 ? add(-turn * radius, -1 / radius) : add(turn * radius, 1 / radius);
}

ScenePath& ScenePath::append(const ScenePath& next) {
    for (const Piece& piece : next.pieces_) add(piece.length, piece.curvature);
    return *this;
}

PathPose ScenePath::at(double s) const {
    if (s < 0) return along(start_, s, 0);
    if (s >= length_) {
        PathPose end = along(end_, s - length_, 0);
        if (s == length_) end.curvature = end_.curvature;
        return end;
    }
    size_t k = 0;
    while (k + 1 < pieces_.size() && pieces_[k + 1].begin <= s) ++k;
    return along(pieces_[k].start, s - pieces_[k].begin, pieces_[k].curvature);
}

ScenePath ScenePath::offset(double left) const {
    ScenePath out(moved(start_, 0, left));
    for (const Piece& piece : pieces_) {
        const double scale = 1 - piece.curvature * left;
        out.add(piece.length * scale, piece.curvature / scale);
    }
    return out;
}

ScenePath ScenePath::reversed() const {
    ScenePath out({end_.x, end_.y, end_.heading + path_pi, 0});
    for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) out.add(piece->length, -piece->curvature);
    return out;
}

ScenePath connection(const PathPose& from, const PathPose& to, double largest_radius) {
    const double turn = wrapped(to.heading - from.heading);
    double s, c;
    real::sincos_double(from.heading, s, c);
    const double ahead = (to.x - from.x) * c + (to.y - from.y) * s, left = (to.y - from.y) * c - (to.x - from.x) * s;
    ScenePath path(from);
    if (std::abs(turn) < straight_turn) {
        if (std::abs(left) < straight_turn) return path.line(ahead);
        // Two arcs of angle a and radius r: 2 r sin(a) = ahead, 2 r (1 - cos(a)) = left.
        const double half = angle_of(std::abs(left), ahead), angle = 2 * half;
        const double radius = ahead / (2 * sine(angle)), signed_angle = left < 0 ? -angle : angle;
        return path.arc(radius, signed_angle).arc(radius, -signed_angle);
    }
    // The lines meet p m after `from` and q m before `to`; an arc of radius r takes r tan(turn / 2) of each.
    const double sine_of_turn = sine(turn), cosine_of_turn = cosine(turn);
    const double q = left / sine_of_turn, p = ahead - q * cosine_of_turn;
    const double size = std::abs(turn), tangent = sine(size) / (1 + cosine(size));
    const double radius = std::min(std::min(p, q) / tangent, largest_radius);
    return path.line(p - radius * tangent).arc(radius, turn).line(q - radius * tangent);
}

}  // namespace flockstep::driving::scene_making
