#include <limits>

#include "envs/driving/opendrive_lines.h"
#include "envs/driving/test_opendrive.h"

using namespace flockstep;
using namespace flockstep::opendrive_test;

namespace {

/// The refusal of a good file with `old` replaced, once.
std::string error_with(std::string old, const std::string& now, RoadText road = {}) {
    std::string text = file_of(road.text());
    const size_t at = text.find(old);
    REQUIRE(at != text.npos);
    return error_of(text.replace(at, old.size(), now));
}

}  // namespace

TEST_CASE("OpenDRIVE: without pugixml reading says what is missing") {
    if (can_read_opendrive()) return;
    CHECK(error_of("") ==
          "town.xodr: got a build without pugixml, want one with it: scripts/setup.sh installs it, and `make travel` "
          "copies it "
          "for machines without packages");
}

TEST_CASE("OpenDRIVE: a malformed file is refused in one sentence") {
    NEEDS_PUGIXML();
    CHECK(error_of(file_of(RoadText{}.text())) == "no error");
    CHECK(error_of("") == "town.xodr line 1: got no XML (No document element found), want an OpenDRIVE file");
    CHECK(error_of("<OpenDRIVE>\n<road>\n</OpenDRIVE>") ==
          "town.xodr line 3: got no XML (Start-end tags mismatch), want an OpenDRIVE file");
    CHECK(error_of("<svg/>") == "town.xodr: got the root element \"svg\", want OpenDRIVE");
    CHECK(error_of("<OpenDRIVE/>") == "town.xodr line 1: <OpenDRIVE> road: got none, want at least one");
    CHECK(error_with("length=\"100\" junction", "length=\"-3\" junction") ==
          "town.xodr line 4: <road> length: got \"-3\", want metres along the road, 0 to 1e5");
    CHECK(error_with("length=\"100\" junction", "length=\"nan\" junction") ==
          "town.xodr line 4: <road> length: got \"nan\", want metres along the road, 0 to 1e5");
    CHECK(error_with("length=\"100\" junction", "junction") ==
          "town.xodr line 4: <road> length: got none, want this attribute");
    CHECK(error_with("length=\"100\">", "length=\"50\">") ==
          "town.xodr line 6: <planView> length: got 50.000000, want 100.000000, the road's");
    CHECK(error_with("<line/>", "<circle/>") ==
          "town.xodr line 7: <geometry> shape: got none, want one of line, arc, spiral, poly3, paramPoly3");
    CHECK(error_with("<line/>", "<arc curvature=\"500\"/>") ==
          "town.xodr line 7: <geometry> curvature: got 500.000000 per metre over 100.000000 m, want a turn of at most "
          "1000 rad");
    CHECK(error_with("<line/>", "<arc curvature=\"1e5\"/>") ==
          "town.xodr line 7: <arc> curvature: got \"1e5\", want a curvature of at most 1000 per metre");
    CHECK(error_with("<line/>", "<poly3 a=\"0\" b=\"0\" c=\"x\" d=\"0\"/>") ==
          "town.xodr line 7: <poly3> c: got \"x\", want a number of at most 1e9");
    CHECK(error_with("junction=\"-1\"", "junction=\"7\"") ==
          "town.xodr line 4: <road> junction: got \"7\", want -1 or the id of a junction");
    CHECK(error_with("id=\"-1\" type", "id=\"-2\" type") ==
          "town.xodr line 10: <laneSection> lanes: got -2 next to 0, want ids in sequence, each once");
    CHECK(error_with("id=\"-1\" type", "id=\"5\" type") == "town.xodr line 11: <lane> id: got 5, want a negative id");
    CHECK(error_with("id=\"-1\" type", "id=\"-300\" type") ==
          "town.xodr line 11: <lane> id: got \"-300\", want an integer in -255..255");
    CHECK(error_with("<width sOffset=\"0\" a=\"3.500000\" b=\"0\" c=\"0\" d=\"0\"/>", "") ==
          "town.xodr line 10: <lane> width: got none, want a width or a border");
    CHECK(
        error_with("<laneSection s=\"0\">", "<laneSection s=\"50\">") ==
        "town.xodr line 10: <laneSection> s: got 50.000000, want sections in their order along the road, the first at "
        "0");
    RoadText left;
    left.attributes = "rule=\"LEFT\"";
    CHECK(error_of(file_of(left.text())) == "town.xodr line 4: <road> rule: got \"LEFT\", want RHT or LHT");
    CHECK(error_of(file_of(RoadText{}.text() + RoadText{}.text())) ==
          "town.xodr line 15: <road> id: got \"1\" again, want another id for each");
}

TEST_CASE("OpenDRIVE: links must name what exists, and may go round in circles") {
    NEEDS_PUGIXML();
    RoadText road;
    road.link = R"(<successor elementType="road" elementId="9" contactPoint="start"/>)";
    CHECK(error_of(file_of(road.text())) ==
          "town.xodr line 5: <successor> elementId: got \"9\", want the id of a road");
    road.link = R"(<successor elementType="road" elementId="1" contactPoint="middle"/>)";
    CHECK(error_of(file_of(road.text())) ==
          "town.xodr line 5: <successor> contactPoint: got \"middle\", want start or end");
    road.link = R"(<successor elementType="road" elementId="1" contactPoint="start"/>)";
    CHECK(error_of(file_of(road.text())) == "no error");
    CHECK(error_with("<successor id=\"-1\"/>", "<successor id=\"-7\"/>", road) ==
          "town.xodr: road \"1\" lane -1, successor: got lane -7, want a lane at the end of the road that it leads to");
    CHECK(
        error_of(file_of(
            RoadText{}.text() +
            R"(<junction id="5"><connection id="0" incomingRoad="1" connectingRoad="8" contactPoint="start"/></junction>)")) ==
        "town.xodr line 15: <connection> connectingRoad: got \"8\", want the id of a road");
    CHECK(error_of(
              file_of(RoadText{}.text() +
                      R"(<junction id="5"><connection id="0" incomingRoad="1" connectingRoad="1" contactPoint="start">
            <laneLink from="4" to="-1"/></connection></junction>)")) ==
          "town.xodr: road \"1\" lane 4, predecessor: got lane 4, want a lane of the incoming road");
}

TEST_CASE("OpenDRIVE: lines of a network are bounded, and their options judged") {
    NEEDS_PUGIXML();
    const RoadNetwork network = network_of(RoadText{}.text());
    LineOptions options;
    options.max_points = 10;
    CHECK_THROWS_WITH(
        lane_polylines(network, options),
        "road \"1\": got more than 10 points of lines, want fewer: a larger max_segment or max_deviation");
    options = {0, 0.05, 1000};
    CHECK_THROWS_WITH(lane_polylines(network, options), "max_segment: got 0.000000, want metres > 0");
    options = {20, std::numeric_limits<double>::quiet_NaN(), 1000};
    CHECK_THROWS_WITH(lane_polylines(network, options), "max_deviation: got nan, want metres > 0");
    RoadText wild;
    wild.offset = R"(<laneOffset s="0" a="0" b="0" c="0" d="1000"/>)";
    CHECK_THROWS_WITH(lane_polylines(network_of(wild.text())),
                      "road \"1\" lane 1: got a point out of reach, want lanes within 1e7 m of the origin");
}
