#pragma once

#include <vector>

/// Curves of lines and arcs, for the roads and routes of generated scenes. Host only; double, without libm, so the same
/// bits on every machine.
///
///   const ScenePath turn = ScenePath({0, 0, 0}).line(20).arc(9, half_pi).line(20);
///   const ScenePath right_border = turn.offset(-1.75);
namespace flockstep::driving::scene_making {

inline constexpr double path_pi = 3.14159265358979323846;

/// A place on a curve: m, radians counter-clockwise from x (not wrapped), 1/m (positive: to the left).
struct PathPose {
    double x = 0, y = 0, heading = 0, curvature = 0;
};
/// The pose that lies `ahead` and `left` m of another, turned by `turn`.
PathPose moved(const PathPose& from, double ahead, double left, double turn = 0);
/// The angle of the vector (x, y) in [-pi, pi]; error below 1e-13.
double angle_of(double y, double x);
/// An angle in [-pi, pi).
double wrapped(double angle);
double sine(double angle);
double cosine(double angle);

/// A chain of pieces of constant curvature, from a pose on.
class ScenePath {
  public:
    struct Piece {
        double length, curvature;
        double begin;    // m from the start of the chain
        PathPose start;  // of the piece
    };
    ScenePath() = default;
    explicit ScenePath(const PathPose& start) : start_(start), end_(start) {}

    /// Appends. Lengths below 1e-9 m are left out. arc: radius > 0 m; turn in radians, positive to the left.
    ScenePath& line(double length) { return add(length, 0); }
    ScenePath& arc(double radius, double turn);
    ScenePath& add(double length, double curvature);
    /// Appends another's pieces, which begin where this ends.
    ScenePath& append(const ScenePath& next);

    double length() const { return length_; }
    const PathPose& start() const { return start_; }
    const PathPose& end() const { return end_; }
    const std::vector<Piece>& pieces() const { return pieces_; }
    /// The pose s m from the start; straight on before the start and after the end.
    PathPose at(double s) const;
    /// The curve `left` m to the left of it; no arc may have its center within that.
    ScenePath offset(double left) const;
    /// The same curve from its end to its start.
    ScenePath reversed() const;

  private:
    PathPose start_, end_;
    std::vector<Piece> pieces_;
    double length_ = 0;
};

/// From one pose to another by a line, an arc and a line; the arc as large as fits but at most of `largest_radius`.
/// Poses of the same heading: a line, if they lie in one, else an S of two arcs.
ScenePath connection(const PathPose& from, const PathPose& to, double largest_radius = 1e9);

}  // namespace flockstep::driving::scene_making
