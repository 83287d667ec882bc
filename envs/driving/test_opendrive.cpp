#include "envs/driving/test_opendrive.h"

#include <cmath>
#include <numbers>

#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_links.h"

using namespace flockstep;
using namespace flockstep::opendrive_test;

namespace {

std::string geometry_of(const std::string& shape, double length, double x = 0, double y = 0, double heading = 0) {
    return "<geometry s=\"0\" x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" hdg=\"" +
           std::to_string(heading) + "\" length=\"" + std::to_string(length) + "\">" + shape + "</geometry>";
}

Road shaped(const std::string& shape, double length, double x = 0, double y = 0, double heading = 0) {
    RoadText road;
    road.length = std::to_string(length);
    road.geometry = geometry_of(shape, length, x, y, heading);
    return road_of(road);
}

void check_pose(const LinePose& pose, double x, double y, double heading, double margin = 1e-9) {
    CHECK(pose.x == Catch::Approx(x).margin(margin));
    CHECK(pose.y == Catch::Approx(y).margin(margin));
    CHECK(pose.heading == Catch::Approx(heading).margin(margin));
}

/// The line's heading and speed against differences of its points.
void check_derivatives(const Road& road, double s) {
    const double h = 1e-4;
    const LinePose a = reference_pose(road, s - h), b = reference_pose(road, s + h), at = reference_pose(road, s);
    const double dx = (b.x - a.x) / (2 * h), dy = (b.y - a.y) / (2 * h);
    CHECK(at.speed == Catch::Approx(std::hypot(dx, dy)).margin(1e-6));
    CHECK(std::remainder(at.heading - std::atan2(dy, dx), 2 * std::numbers::pi) == Catch::Approx(0).margin(1e-6));
    CHECK(at.curvature == Catch::Approx((b.heading - a.heading) / (2 * h) / at.speed).margin(1e-6));
}

}  // namespace

TEST_CASE("OpenDRIVE: a line and an arc lie where their closed forms say") {
    NEEDS_PUGIXML();
    check_pose(reference_pose(shaped("<line/>", 80, 3, -2, 0.5), 50), 3 + 50 * std::cos(0.5), -2 + 50 * std::sin(0.5),
               0.5);
    const double radius = 40;
    const Road left = shaped("<arc curvature=\"0.025\"/>", 120), right = shaped("<arc curvature=\"-0.025\"/>", 120);
    for (const double s : {0.0, 1e-9, 30.0, 120.0}) {
        const double turn = s / radius;
        check_pose(reference_pose(left, s), radius * std::sin(turn), radius * (1 - std::cos(turn)), turn);
        check_pose(reference_pose(right, s), radius * std::sin(turn), radius * (std::cos(turn) - 1), -turn);
    }
    check_pose(reference_pose(shaped("<arc curvature=\"1e-15\"/>", 100), 100), 100, 5e-12, 1e-13);
}

TEST_CASE("OpenDRIVE: a spiral reaches the tabulated Fresnel integrals, over 500 m too") {
    NEEDS_PUGIXML();
    // Curvature s / a^2 gives x = a sqrt(pi) C(s / (a sqrt(pi))) and y likewise with S; values of Abramowitz and
    // Stegun, 7.3.
    const auto check = [](double t, double c, double s) {
        const double a = 500 / (t * std::sqrt(std::numbers::pi));
        std::string curvature(32, '\0');
        curvature.resize(size_t(std::snprintf(curvature.data(), curvature.size(), "%.17g", 500 / (a * a))));
        const Road road = shaped("<spiral curvStart=\"0\" curvEnd=\"" + curvature + "\"/>", 500);
        const LinePose end = reference_pose(road, 500);
        CHECK(end.x == Catch::Approx(a * std::sqrt(std::numbers::pi) * c).margin(1e-6));
        CHECK(end.y == Catch::Approx(a * std::sqrt(std::numbers::pi) * s).margin(1e-6));
        CHECK(end.heading == Catch::Approx(std::numbers::pi * t * t / 2));
        check_derivatives(road, 333);
    };
    check(0.5, 0.492344225871446, 0.064732432859999);
    check(1.0, 0.779893400376823, 0.438259147390355);
    check(2.0, 0.488253406075341, 0.343415678363698);
    check(5.0, 0.563631188704012, 0.499191381917117);
}

TEST_CASE("OpenDRIVE: a spiral between equal curvatures is an arc, and runs through zero") {
    NEEDS_PUGIXML();
    const Road arc = shaped("<arc curvature=\"0.02\"/>", 90),
               even = shaped("<spiral curvStart=\"0.02\" curvEnd=\"0.02\"/>", 90);
    const LinePose end = reference_pose(arc, 90);
    check_pose(reference_pose(even, 90), end.x, end.y, end.heading);
    const Road s_curve = shaped("<spiral curvStart=\"0.05\" curvEnd=\"-0.05\"/>", 60);
    CHECK(reference_pose(s_curve, 60).heading == Catch::Approx(0).margin(1e-12));
    CHECK(reference_pose(s_curve, 30).curvature == Catch::Approx(0).margin(1e-12));
    for (const double s : {5.0, 30.0, 55.0}) check_derivatives(s_curve, s);
}

TEST_CASE("OpenDRIVE: poly3 is measured along the line, paramPoly3 by its parameter") {
    NEEDS_PUGIXML();
    const Road slope = shaped("<poly3 a=\"0\" b=\"0.75\" c=\"0\" d=\"0\"/>", 50);  // 3, 4, 5
    check_pose(reference_pose(slope, 25), 20, 15, std::atan(0.75));
    const Road bend = shaped("<poly3 a=\"0\" b=\"0\" c=\"0.01\" d=\"0\"/>", 60);
    const double u = 45, length = u / 2 * std::hypot(1, 0.02 * u) + std::asinh(0.02 * u) / 0.04;  // of a parabola
    check_pose(reference_pose(bend, length), u, 0.01 * u * u, std::atan(0.02 * u), 1e-7);
    for (const double s : {1.0, 30.0, 59.0}) check_derivatives(bend, s);

    const std::string polynomial =
        "aU=\"0\" bU=\"1\" cU=\"0.001\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"0.01\" dV=\"-0.0001\"/>";
    const Road by_length = shaped("<paramPoly3 pRange=\"arcLength\" " + polynomial, 40, 1, 2, 0.3);
    const double p = 20, x = p + 0.001 * p * p, y = 0.01 * p * p - 0.0001 * p * p * p;
    check_pose(reference_pose(by_length, 20), 1 + x * std::cos(0.3) - y * std::sin(0.3),
               2 + x * std::sin(0.3) + y * std::cos(0.3), 0.3 + std::atan2(0.02 * p - 0.0003 * p * p, 1 + 0.002 * p));
    const Road normalized = shaped(
        "<paramPoly3 pRange=\"normalized\" aU=\"0\" bU=\"40\" cU=\"1.6\" dU=\"0\" aV=\"0\" bV=\"0\" cV=\"16\" "
        "dV=\"-6.4\"/>",
        40, 1, 2, 0.3);
    const LinePose a = reference_pose(by_length, 20), b = reference_pose(normalized, 20);
    check_pose(b, a.x, a.y, a.heading);
    for (const Road* road : {&by_length, &normalized}) check_derivatives(*road, 31);
}

TEST_CASE("OpenDRIVE: widths, borders, lane offset, elevation and heights place a lane") {
    NEEDS_PUGIXML();
    RoadText text;
    text.offset = R"(<laneOffset s="20" a="0.5" b="0.01" c="0" d="0"/>)";
    text.elevation = R"(<elevation s="0" a="1" b="0.02" c="0" d="0"/>)";
    text.sections =
        R"(<laneSection s="0"><left><lane id="1" type="driving"><border sOffset="0" a="3" b="0" c="0" d="0"/></lane>
        <lane id="2" type="sidewalk"><border sOffset="0" a="5" b="0" c="0" d="0"/><height sOffset="0" inner="0.1" outer="0.2"/></lane></left>
        <center><lane id="0"/></center><right><lane id="-1" type="driving"><width sOffset="0" a="3" b="0.01" c="0" d="0"/>
        <width sOffset="50" a="3.5" b="0" c="0" d="0"/></lane>)" +
        RoadText::lane(-2, 2, "", "shoulder") + "</right></laneSection>";
    const Road road = road_of(text);
    const LanePose early = lane_pose(road, 0, -1, 10);
    CHECK(early.y == Catch::Approx(-1.55));
    CHECK(early.width == Catch::Approx(3.1));
    CHECK(early.z == Catch::Approx(1.2));
    CHECK(early.heading == Catch::Approx(std::atan(-0.005)));
    CHECK(early.road_heading == 0);
    const LanePose late = lane_pose(road, 0, -2, 60, LaneLine::outer);
    CHECK(late.y == Catch::Approx(0.9 - 5.5));
    CHECK(late.heading == Catch::Approx(std::atan(0.01)));
    CHECK(lane_pose(road, 0, -2, 60, LaneLine::inner).y == Catch::Approx(0.9 - 3.5));
    CHECK(lane_pose(road, 0, 0, 60).y == Catch::Approx(0.9));
    const LanePose walk = lane_pose(road, 0, 2, 10);
    CHECK(walk.y == Catch::Approx(4));
    CHECK(walk.width == Catch::Approx(2));
    CHECK(walk.z == Catch::Approx(1.35));
    CHECK(lane_type_of("offRamp") == LaneType::off_ramp);
    CHECK(is_driving(LaneType::off_ramp));
    CHECK_FALSE(is_driving(road.sections[0].find(2)->type));
    CHECK(road.sections[0].find(3) == nullptr);
    CHECK(road.sections[0].find(-3) == nullptr);
}

TEST_CASE("OpenDRIVE: at its end a section has its own lane offset and widths") {
    NEEDS_PUGIXML();
    RoadText text;
    text.offset = R"(<laneOffset s="0" a="0" b="0" c="0" d="0"/><laneOffset s="40" a="3" b="0" c="0" d="0"/>)";
    text.sections = "<laneSection s=\"0\">" + RoadText::lanes_of(3, 3) + "</laneSection><laneSection s=\"40\">" +
                    RoadText::lanes_of(4, 4) + "</laneSection>";
    const Road road = road_of(text);
    CHECK(lane_pose(road, 0, -1, 40).y == Catch::Approx(-1.5));
    CHECK(lane_pose(road, 1, -1, 40).y == Catch::Approx(1));
    CHECK(section_at(road, 39.9, -1) == 0);
    CHECK(section_at(road, 40, -1) == 1);
}

TEST_CASE("OpenDRIVE: a single-sided section leaves the lanes of the other side") {
    NEEDS_PUGIXML();
    RoadText text;
    text.sections = "<laneSection s=\"0\">" + RoadText::lanes_of(3, 3) +
                    "</laneSection><laneSection s=\"40\" singleSide=\"true\"><left>" +
                    RoadText::lane(1, 4, RoadText::both(1)) +
                    "</left><center><lane id=\"0\"/></center></laneSection><laneSection s=\"70\">" +
                    RoadText::lanes_of(5, 5) + "</laneSection>";
    const Road road = road_of(text);
    CHECK(road.sections[0].left_end == 40);
    CHECK(road.sections[0].right_end == 70);
    CHECK(road.sections[1].left_end == 70);
    CHECK(section_at(road, 50, 1) == 1);
    CHECK(section_at(road, 50, -1) == 0);
    CHECK(neighbour_section(road, 0, -1, Contact::end) == 2);
    CHECK(neighbour_section(road, 0, 1, Contact::end) == 1);
    CHECK(neighbour_section(road, 2, -1, Contact::start) == 0);
    CHECK(neighbour_section(road, 2, -1, Contact::end) == -1);
    CHECK(lane_joints({"", {road}, {}, {}}) ==
          std::vector<LaneJoint>{{{0, 0, -1, Contact::end}, {0, 2, -1, Contact::start}},
                                 {{0, 0, 1, Contact::end}, {0, 1, 1, Contact::start}},
                                 {{0, 1, 1, Contact::end}, {0, 2, 1, Contact::start}}});
}

TEST_CASE("OpenDRIVE: signals, references and controllers") {
    NEEDS_PUGIXML();
    RoadText first, second;
    first.signals =
        R"(<signal id="a" name="light" s="90" t="-5" dynamic="yes" orientation="+" type="1000001" subtype="-1" country="OpenDRIVE">
        <validity fromLane="-1" toLane="-2"/></signal>)";
    second.id = "2";
    second.signals = R"(<signalReference id="a" s="5" t="3" orientation="-"/>)";
    const RoadNetwork network = network_of(first.text() + second.text() +
                                           R"(<controller id="c"><control signalId="a" type="0"/></controller>)");
    const Signal &signal = network.roads[0].signals.at(0), &reference = network.roads[1].signals.at(0);
    CHECK(signal.is_dynamic);
    CHECK(signal.orientation == Signal::Orientation::forward);
    CHECK(signal.validity.at(0).from == -2);
    CHECK(signal.validity.at(0).to == -1);
    CHECK(reference.is_reference);
    CHECK(reference.type == "1000001");
    CHECK(reference.s == 5);
    CHECK(reference.orientation == Signal::Orientation::backward);
    CHECK(network.controllers.at(0).signals == std::vector<std::string>{"a"});
}
