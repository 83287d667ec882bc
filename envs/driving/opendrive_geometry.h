#pragma once

#include "envs/driving/opendrive.h"

/// Where roads and lanes lie. All functions are pure, allocate nothing but what they return, and take any s: outside of
/// a road they follow its first or last record on.
namespace flockstep {

/// A point of a reference line.
struct LinePose {
    double x = 0, y = 0, heading = 0;
    double curvature = 0;  // 1/m, positive to the left
    double speed = 1;  // metres of line per metre of s: 1, but for a paramPoly3 whose parameter is not its arc length
};

/// The end of a geometry record is at ds = length. Spirals are integrated by Gauss-Legendre quadrature: error below
/// 1e-9 m for a turn of up to 10 rad.
LinePose geometry_pose(const Geometry& geometry, double ds);

/// The reference line of a road, without lane offset.
LinePose reference_pose(const Road& road, double s);

/// The piece that holds at s, or the one before where `before` and a piece starts there; nullptr if there is none.
const Cubic* piece_at(const std::vector<Cubic>& pieces, double s, bool before = false);
double value_at(const std::vector<Cubic>& pieces, double s, bool before = false);  // 0 without pieces
double slope_at(const std::vector<Cubic>& pieces, double s, bool before = false);

/// Height of the reference line.
double elevation_at(const Road& road, double s);

/// The last section of a lane's side that starts at or before s, at least the first; `lane_id` 0 counts as right.
int section_at(const Road& road, double s, int lane_id);
/// The next (or previous) section that describes the side of `lane_id`; -1 if there is none.
int neighbour_section(const Road& road, int section, int lane_id, Contact side);

/// Whether traffic of a lane runs along increasing s; of a lane of both directions, that of its side.
bool runs_forward(const Road& road, const Lane& lane);

enum class LaneLine : uint8_t { inner, centre, outer };  // inner: the border towards lane 0

/// A point of a lane.
struct LanePose {
    double x = 0, y = 0, z = 0;
    double heading = 0;       // of this line towards increasing s, with the slopes of lane offset and widths
    double road_heading = 0;  // of the reference line
    double width = 0;         // of the lane; negative polynomials count as 0
    double t = 0;             // from the reference line, positive to the left
};

/// A line of the lane, which must exist. At the section's end it is this section's lane, not the next one's. Lane 0 is
/// the reference line with its lane offset, of width 0.
LanePose lane_pose(const Road& road, int section, int lane_id, double s, LaneLine line = LaneLine::centre);

}  // namespace flockstep
