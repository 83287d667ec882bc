#include <algorithm>
#include <cmath>
#include <numbers>

#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_lines.h"
#include "envs/driving/test_opendrive.h"

using namespace flockstep;
using namespace flockstep::opendrive_test;

namespace {

/// A road along a line, 3.5 m lanes -1 and 1, or the right one alone.
RoadText straight(const std::string& id, double x, double length, bool is_one_way = false) {
    RoadText road;
    road.id = id;
    road.length = std::to_string(length);
    road.geometry = "<geometry s=\"0\" x=\"" + std::to_string(x) + "\" y=\"0\" hdg=\"0\" length=\"" + road.length +
                    "\"><line/></geometry>";
    if (is_one_way)
        road.sections =
            "<laneSection s=\"0\"><right>" + RoadText::lane(-1, 3.5, RoadText::both(-1)) + "</right></laneSection>";
    return road;
}

std::string end_at(const std::string& which, const std::string& type, const std::string& id,
                   const std::string& contact = "") {
    return "<" + which + " elementType=\"" + type + "\" elementId=\"" + id + "\"" +
           (contact.empty() ? "" : " contactPoint=\"" + contact + "\"") + "/>";
}

/// Road 1 from the west, 2 to the east and 3 to the south; from 1 one lane goes straight on and one turns right.
RoadNetwork forked_roads() {
    RoadText west = straight("1", 0, 100), east = straight("2", 120, 50), south = straight("3", 0, 50);
    west.link = end_at("successor", "junction", "9");
    east.link = end_at("predecessor", "junction", "9");
    south.link = end_at("predecessor", "junction", "9");
    south.geometry = R"(<geometry s="0" x="120" y="-20" hdg="-1.5707963267948966" length="50"><line/></geometry>)";
    RoadText on = straight("10", 100, 20, true), turn = straight("11", 0, 10 * std::numbers::pi, true);
    on.attributes = turn.attributes = "junction=\"9\"";
    on.link = end_at("predecessor", "road", "1", "end") + end_at("successor", "road", "2", "start");
    turn.link = end_at("predecessor", "road", "1", "end") + end_at("successor", "road", "3", "start");
    turn.geometry = "<geometry s=\"0\" x=\"100\" y=\"0\" hdg=\"0\" length=\"" + turn.length +
                    "\"><arc curvature=\"-0.05\"/></geometry>";
    return network_of(west.text() + east.text() + south.text() + on.text() + turn.text() + R"(<junction id="9">
        <connection id="0" incomingRoad="1" connectingRoad="10" contactPoint="start"><laneLink from="-1" to="-1"/></connection>
        <connection id="1" incomingRoad="1" connectingRoad="11" contactPoint="start"><laneLink from="-1" to="-1"/></connection></junction>)");
}

int path_of(const RoadNetwork& network, const RoadLines& lines, const std::string& road, int section, int lane) {
    for (size_t i = 0; i < lines.lanes.size(); ++i) {
        const LanePath& path = lines.lanes[i];
        if (network.roads[path.road].id == road && path.section == section && path.lane == lane)
            return static_cast<int>(i);
    }
    return -1;
}

}  // namespace

TEST_CASE("OpenDRIVE lines: traffic keeps right, or left where the road says so") {
    NEEDS_PUGIXML();
    for (const bool is_left_hand : {false, true}) {
        RoadText road;
        road.attributes = is_left_hand ? "rule=\"LHT\"" : "rule=\"RHT\"";
        const RoadLines lines = lane_polylines(network_of(road.text()));
        REQUIRE(lines.lanes.size() == 2);
        for (const LanePath& path : lines.lanes) {
            CHECK(path.is_forward == ((path.lane < 0) != is_left_hand));
            CHECK(path.length == Catch::Approx(100));
            CHECK(path.centre.front().x == Catch::Approx(path.is_forward ? 0 : 100).margin(1e-9));
            CHECK(std::cos(path.heading.front()) == Catch::Approx(path.is_forward ? 1 : -1));
            CHECK(path.left_neighbour == -1);
            CHECK(path.right_neighbour == -1);
            const double across = path.left.front().y - path.right.front().y;
            CHECK(across == Catch::Approx(path.is_forward ? 3.5 : -3.5));
        }
        CHECK(lines.boundaries.size() == 3);
        CHECK(std::count_if(lines.boundaries.begin(), lines.boundaries.end(), [](const BoundaryLine& line) {
                  return line.kind == BoundaryLine::Kind::centre_line && line.points.front().y == 0;
              }) == 1);
    }
}

TEST_CASE("OpenDRIVE lines: points are as close as the options ask") {
    NEEDS_PUGIXML();
    RoadText text;
    text.length = "200";
    text.geometry =
        R"(<geometry s="0" x="0" y="0" hdg="0" length="200"><spiral curvStart="0.03" curvEnd="-0.03"/></geometry>)";
    const RoadNetwork network = network_of(text.text());
    for (const double deviation : {0.2, 0.05, 0.01}) {
        const RoadLines lines = lane_polylines(network, {7, deviation, 100000});
        for (const LanePath& path : lines.lanes) {
            for (size_t i = 0; i + 1 < path.s.size(); ++i) {
                const LinePoint &a = path.centre[i], &b = path.centre[i + 1];
                const double length = std::hypot(b.x - a.x, b.y - a.y);
                CHECK(length <= 7);
                for (const double share : {0.2, 0.5, 0.8}) {
                    const LanePose pose =
                        lane_pose(network.roads[0], 0, path.lane, path.s[i] + share * (path.s[i + 1] - path.s[i]));
                    const double away = std::abs((b.x - a.x) * (pose.y - a.y) - (b.y - a.y) * (pose.x - a.x)) / length;
                    CHECK(away <= 1.1 * deviation);
                }
            }
        }
    }
}

TEST_CASE("OpenDRIVE lines: lanes of the same direction are neighbours, with a lane line between") {
    NEEDS_PUGIXML();
    RoadText text;
    text.sections = "<laneSection s=\"0\"><left>" + RoadText::lane(1, 3) +
                    "</left><center><lane id=\"0\"/></center><right>" + RoadText::lane(-1, 3) + RoadText::lane(-2, 3) +
                    RoadText::lane(-3, 1, "", "shoulder") + RoadText::lane(-4, 3) + "</right></laneSection>";
    const RoadLines lines = lane_polylines(network_of(text.text()));
    REQUIRE(lines.lanes.size() == 4);
    CHECK(lines.lanes[1].lane == -1);
    CHECK(lines.lanes[1].left_neighbour == -1);
    CHECK(lines.lanes[1].right_neighbour == 2);
    CHECK(lines.lanes[2].left_neighbour == 1);
    CHECK(lines.lanes[2].right_neighbour == -1);  // a shoulder lies between
    std::vector<double> edges, lane_lines;
    for (const BoundaryLine& line : lines.boundaries) {
        if (line.kind == BoundaryLine::Kind::road_edge) edges.push_back(line.points[0].y);
        if (line.kind == BoundaryLine::Kind::lane_line) lane_lines.push_back(line.points[0].y);
    }
    std::sort(edges.begin(), edges.end());
    CHECK(edges == std::vector<double>{-10, -7, -6, 3});
    CHECK(lane_lines == std::vector<double>{-3});
}

TEST_CASE("OpenDRIVE lines: successors go through sections, roads in either direction, and short sections") {
    NEEDS_PUGIXML();
    RoadText first, second;
    first.sections = "<laneSection s=\"0\">" + RoadText::lanes_of(3, 3) + "</laneSection><laneSection s=\"60\">" +
                     RoadText::lanes_of(3, 3) + "</laneSection><laneSection s=\"60.0001\">" + RoadText::lanes_of(3, 3) +
                     "</laneSection>";
    first.link = end_at("successor", "road", "2", "end");
    second.id = "2";
    second.geometry = R"(<geometry s="0" x="200" y="0" hdg="3.141592653589793" length="100"><line/></geometry>)";
    second.link = end_at("successor", "road", "1", "end");
    const auto turned = [](int id, int other) {
        return RoadText::lane(id, 3, "<successor id=\"" + std::to_string(other) + "\"/>");
    };
    second.sections =
        "<laneSection s=\"0\"><left>" + turned(1, -1) + "</left><right>" + turned(-1, 1) + "</right></laneSection>";
    std::string text = first.text();
    for (const auto& [lane, other] : {std::pair{"1", "-1"}, std::pair{"-1", "1"}}) {  // of the last section
        const size_t at = text.rfind(std::string("<successor id=\"") + lane);
        text.replace(at, std::string("<successor id=\"").size() + std::string(lane).size(),
                     std::string("<successor id=\"") + other);
    }
    const RoadNetwork network = network_of(text + second.text());
    const RoadLines lines = lane_polylines(network);
    CHECK(lines.lanes.size() == 6);
    const auto path = [&](const char* road, int section, int lane) {
        return path_of(network, lines, road, section, lane);
    };
    CHECK(lines.lanes[path("1", 0, -1)].successor == std::vector<int>{path("1", 2, -1)});
    CHECK(lines.lanes[path("1", 2, -1)].successor == std::vector<int>{path("2", 0, 1)});
    CHECK(lines.lanes[path("2", 0, 1)].successor.empty());
    CHECK(lines.lanes[path("2", 0, -1)].successor == std::vector<int>{path("1", 2, 1)});
    CHECK(lines.lanes[path("1", 2, 1)].successor == std::vector<int>{path("1", 0, 1)});
    CHECK(lines.lanes[path("1", 0, 1)].predecessor == std::vector<int>{path("1", 2, 1)});
}

TEST_CASE("OpenDRIVE lines: a junction's connections are successors, and its edges end where another lane begins") {
    NEEDS_PUGIXML();
    const RoadNetwork network = forked_roads();
    const RoadLines lines = lane_polylines(network);
    const auto path = [&](const char* road, int lane) { return path_of(network, lines, road, 0, lane); };
    CHECK(lines.lanes[path("1", -1)].successor == std::vector<int>{path("10", -1), path("11", -1)});
    CHECK(lines.lanes[path("10", -1)].successor == std::vector<int>{path("2", -1)});
    CHECK(lines.lanes[path("11", -1)].successor == std::vector<int>{path("3", -1)});
    CHECK(lines.lanes[path("2", 1)].successor.empty());
    CHECK(lines.lanes[path("11", -1)].in_junction);
    double length_on = 0;  // of edges of the road that goes on: its left side, and the right one past the turn
    for (const BoundaryLine& line : lines.boundaries) {
        for (size_t i = 0; i + 1 < line.points.size() && network.roads[line.road].id == "10"; ++i) {
            const double y = (line.points[i].y + line.points[i + 1].y) / 2, x = line.points[i].x;
            length_on += std::hypot(line.points[i + 1].x - x, line.points[i + 1].y - line.points[i].y);
            if (y < -3.4) CHECK((x < 103 || x > 111));
        }
    }
    CHECK(length_on > 20 + 8);
    CHECK(length_on < 20 + 12);
}

TEST_CASE("OpenDRIVE lines: signals stop the lanes that they are valid for") {
    NEEDS_PUGIXML();
    RoadText text;
    text.signals = R"(<signal id="a" s="90" t="-5" dynamic="yes" orientation="+" type="1000001"/>
        <signal id="b" s="10" t="5" dynamic="no" orientation="-" type="206"/>
        <signal id="c" s="50" t="5" dynamic="no" orientation="-" type="274"/>
        <signal id="d" s="20" t="5" dynamic="yes" orientation="none" type="1000001"><validity fromLane="1" toLane="1"/></signal>)";
    const RoadLines lines = lane_polylines(network_of(text.text()));
    REQUIRE(lines.stop_lines.size() == 3);
    const auto stop = [&](int signal) {
        return *std::find_if(lines.stop_lines.begin(), lines.stop_lines.end(),
                             [&](const StopLine& line) { return line.signal == signal; });
    };
    CHECK(stop(0).kind == StopLine::Kind::traffic_light);
    CHECK(stop(0).distance == Catch::Approx(90));
    CHECK(stop(0).left.y == Catch::Approx(0).margin(1e-9));
    CHECK(stop(0).right.y == Catch::Approx(-3.5));
    CHECK(stop(1).kind == StopLine::Kind::stop_sign);
    CHECK(stop(1).distance == Catch::Approx(90));
    CHECK(stop(1).right.y == Catch::Approx(3.5));
    CHECK(lines.lanes[stop(3).path].lane == 1);
}
