#pragma once

#include <vector>

#include "envs/driving/opendrive.h"

/// A road network as lines and a graph: what a world of driving agents needs of it. Host only.
namespace flockstep {

struct LineOptions {
    double max_segment = 20;  // m between neighbouring points, > 0
    double max_deviation =
        0.05;  // m by which the true line may leave a segment, > 0; also between lines beside each other
    size_t max_points = 4000000;  // of all lanes; more are refused
};

struct LinePoint {
    double x = 0, y = 0, z = 0;
};

/// A driving lane of one section of a road. Points run in the direction of traffic: increasing s on the right and
/// decreasing s on the left of the road, or the other way round where traffic keeps left or the lane is reversed. A
/// lane of both directions is one path, in its side's direction.
struct LanePath {
    int road = 0, section = 0, lane = 0;  // indices of road and section, id of the lane
    bool is_forward = true;               // along increasing s
    bool in_junction = false;             // on a connecting road
    LaneType type = LaneType::driving;
    double length = 0;                           // m of the centre line
    std::vector<double> s;                       // of the points, along the road
    std::vector<LinePoint> centre, left, right;  // [s.size()], at least 2; borders as the driver sees them
    std::vector<double> heading;                 // of the centre line in the direction of traffic, radians
    std::vector<int> successor, predecessor;     // indices of paths: where traffic goes on to and comes from; ascending
    int left_neighbour = -1, right_neighbour = -1;  // paths beside it in the same direction, or -1
};

/// A line between lanes, or where the drivable area ends, in increasing s of its road.
struct BoundaryLine {
    enum class Kind : uint8_t {
        road_edge,    // driving lanes on one side alone
        lane_line,    // between driving lanes of the same direction
        centre_line,  // between driving lanes of opposite directions
    };
    Kind kind = Kind::road_edge;
    int road = 0, section = 0;
    std::vector<LinePoint> points;  // at least 2
};

/// Where a signal stops the traffic of a lane: across the lane, from its left to its right border.
struct StopLine {
    enum class Kind : uint8_t {
        traffic_light,  // a dynamic signal
        stop_sign,      // type 206, as in Germany's catalogue, which OpenDRIVE files mostly use
        yield_sign,     // type 205
    };
    Kind kind = Kind::traffic_light;
    int road = 0, signal = 0;  // indices of the road and of its signal
    int path = 0;              // index of the lane's path
    double distance = 0;       // m along the lane's centre line
    LinePoint left, right;
};

struct RoadLines {
    std::vector<LanePath> lanes;  // by road, section, and lane from left to right
    std::vector<BoundaryLine> boundaries;
    std::vector<StopLine> stop_lines;
};

/// All driving lanes with their graph, boundary lines and stop lines. On connecting roads, the parts of road edges that
/// lie inside another lane of the same junction are left out. Lanes and sections that are shorter than 1 mm are left
/// out too, and the graph goes through them. Throws std::invalid_argument for options out of range, and for a network
/// that takes more than max_points or whose lanes go beyond max_coordinate.
RoadLines lane_polylines(const RoadNetwork& network, const LineOptions& options = {});

}  // namespace flockstep
