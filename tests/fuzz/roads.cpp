#include <cmath>

#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_lines.h"
#include "tests/fuzz/targets.h"

namespace flockstep::fuzz {

namespace {
void judge_lane(const Road& road, int section, const Lane& lane) {
    const LaneSection& of = road.sections[section];
    expect(of.start <= of.end(lane.id), "a section that ends before it starts");
    for (const double s : {of.start, (of.start + of.end(lane.id)) / 2, of.end(lane.id)}) {
        const LanePose pose = lane_pose(road, section, lane.id, s);
        for (const double value : {pose.x, pose.y, pose.z, pose.heading, pose.road_heading, pose.width, pose.t})
            expect(std::isfinite(value), "a lane at no place");
        expect(pose.width >= 0, "a lane of negative width");
    }
}

void judge(const RoadNetwork& network) {
    expect(!network.roads.empty(), "no roads");
    for (const Road& road : network.roads) {
        expect(road.length >= 0 && road.length <= max_road_length, "a road of an impossible length");
        expect(!road.geometry.empty() && !road.sections.empty(), "a road without shape or lanes");
        for (size_t section = 0; section < road.sections.size(); ++section) {
            for (const Lane& lane : road.sections[section].lanes) judge_lane(road, int(section), lane);
        }
    }
}

void judge(const RoadLines& lines) {
    const auto is_path = [&](int index) { return index >= 0 && index < int(lines.lanes.size()); };
    for (const LanePath& path : lines.lanes) {
        expect(path.s.size() >= 2 && path.centre.size() == path.s.size() && path.left.size() == path.s.size() &&
                   path.right.size() == path.s.size() && path.heading.size() == path.s.size(),
               "lines of different sizes");
        expect(std::isfinite(path.length), "a lane of no length");
        for (const auto* list : {&path.successor, &path.predecessor})
            for (const int index : *list) expect(is_path(index), "a successor that does not exist");
        for (const int index : {path.left_neighbour, path.right_neighbour})
            expect(index == -1 || is_path(index), "a neighbour that does not exist");
    }
    for (const BoundaryLine& line : lines.boundaries) expect(line.points.size() >= 2, "a boundary without length");
    for (const StopLine& stop : lines.stop_lines)
        expect(is_path(stop.path) && std::isfinite(stop.distance), "a stop line at no place");
}
}  // namespace

void xodr(std::string_view bytes) {
    RoadNetwork network;
    if (!accepts([&] { network = parse_opendrive(bytes, "town.xodr"); })) return;
    judge(network);
    accepts([&] { judge(lane_polylines(network, {20, 0.05, 20000})); });
}

}  // namespace flockstep::fuzz
