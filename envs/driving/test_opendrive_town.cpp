#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <set>

#include "envs/driving/opendrive_lines.h"
#include "envs/driving/test_opendrive.h"

using namespace flockstep;

namespace {

const std::filesystem::path town_file = std::filesystem::path(FLOCKSTEP_DRIVING_MAPS) / "own_town.xodr";

/// How many paths are reached from the first.
size_t count_reached(const RoadLines& lines, std::vector<int> LanePath::*next) {
    std::set<int> seen{0};
    std::vector<int> open{0};
    while (!open.empty()) {
        const int at = open.back();
        open.pop_back();
        for (const int to : lines.lanes[at].*next) {
            if (seen.insert(to).second) open.push_back(to);
        }
    }
    return seen.size();
}

}  // namespace

TEST_CASE("OpenDRIVE: the town is small to store and large to drive in") {
    NEEDS_PUGIXML();
    CHECK(std::filesystem::file_size(town_file) < 150000);
    const RoadNetwork town = read_opendrive(town_file.string());
    std::array<int, 5> shapes{};
    for (const Road& road : town.roads) {
        for (const Geometry& geometry : road.geometry) ++shapes[size_t(geometry.shape)];
    }
    CHECK(shapes[size_t(Geometry::Shape::arc)] > 0);
    CHECK(shapes[size_t(Geometry::Shape::spiral)] > 0);
    CHECK(shapes[size_t(Geometry::Shape::param_poly3)] > 0);
    CHECK(town.junctions.size() == 8);
    CHECK(town.controllers.size() == 6);
    double length = 0;
    for (const LanePath& path : lane_polylines(town).lanes) length += path.in_junction ? 0 : path.length;
    CHECK(length > 4000);
}

TEST_CASE("OpenDRIVE: every movement at a junction of the town is there") {
    NEEDS_PUGIXML();
    const RoadNetwork town = read_opendrive(town_file.string());
    for (size_t junction = 0; junction < town.junctions.size(); ++junction) {
        std::set<int> arms;
        std::set<std::pair<int, int>> movements;
        for (const Road& road : town.roads) {
            if (road.junction != int(junction)) continue;
            movements.insert({road.predecessor.index, road.successor.index});
            arms.insert(road.predecessor.index);
        }
        CHECK(arms.size() >= 3);
        CHECK(movements.size() == arms.size() * (arms.size() - 1));
    }
}

TEST_CASE("OpenDRIVE: from every lane of the town every other is reached, without a step or a kink") {
    NEEDS_PUGIXML();
    const RoadLines lines = lane_polylines(read_opendrive(town_file.string()));
    CHECK(count_reached(lines, &LanePath::successor) == lines.lanes.size());
    CHECK(count_reached(lines, &LanePath::predecessor) == lines.lanes.size());
    double gap = 0, kink = 0;
    for (const LanePath& path : lines.lanes) {
        for (const int next : path.successor) {
            const LinePoint &a = path.centre.back(), &b = lines.lanes[next].centre.front();
            gap = std::max(gap, std::hypot(b.x - a.x, b.y - a.y, b.z - a.z));
            kink = std::max(kink, std::abs(std::remainder(path.heading.back() - lines.lanes[next].heading.front(),
                                                          2 * std::numbers::pi)));
        }
    }
    CHECK(gap < 1e-5);
    CHECK(kink < 1e-5);
}

TEST_CASE("OpenDRIVE: the town's lights stop every lane that enters their junction") {
    NEEDS_PUGIXML();
    const RoadNetwork town = read_opendrive(town_file.string());
    const RoadLines lines = lane_polylines(town);
    std::set<std::string> switched;
    for (const Controller& controller : town.controllers)
        switched.insert(controller.signals.begin(), controller.signals.end());
    std::set<int> junctions;
    std::set<int> stopped;
    for (const StopLine& stop : lines.stop_lines) {
        const LanePath& path = lines.lanes[stop.path];
        CHECK(path.length - stop.distance == Catch::Approx(1).margin(0.05));
        if (stop.kind != StopLine::Kind::traffic_light) continue;
        CHECK(switched.count(town.roads[stop.road].signals[stop.signal].id) == 1);
        stopped.insert(stop.path);
        for (const int next : path.successor) junctions.insert(town.roads[lines.lanes[next].road].junction);
    }
    CHECK(junctions.size() == 3);
    for (const LanePath& path : lines.lanes) {
        if (path.in_junction && junctions.count(town.roads[path.road].junction) == 1) {
            for (const int before : path.predecessor) CHECK(stopped.count(before) == 1);
        }
    }
}
