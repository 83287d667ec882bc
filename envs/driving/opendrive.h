#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Roads of an OpenDRIVE file: plain data, host only. Metres, radians, right-handed: x east, y north, headings
/// counterclockwise from x. Source: ASAM OpenDRIVE 1.8.1, chapters 7 to 14; files from 1.4 on read the same way.
///
/// Read: plan view (line, arc, spiral, poly3, paramPoly3), elevation, lane offsets, lane sections, lanes with widths or
/// borders, heights, types and links, junctions (common and direct), signals, signal references, controllers.
/// Passed over: superelevation and crossfall (roads are level across, but for lane heights), objects, road marks,
/// speeds, access rules, railways, and virtual junctions, which are listed without their connections.
namespace flockstep {

/// Limits of what is read; malformed files ask for more.
constexpr double max_road_length = 1e5, max_coordinate = 1e7;      // m
constexpr double max_curvature = 1e3, max_turn_of_geometry = 1e3;  // 1/m; rad in one geometry record
constexpr int max_lane_id = 255;

enum class LaneType : uint8_t {
    none,
    driving,
    stop,
    shoulder,
    biking,
    sidewalk,
    border,
    restricted,
    parking,
    curb,
    median,
    bidirectional,
    special,
    road_works,
    tram,
    rail,
    entry,
    exit,
    off_ramp,
    on_ramp,
    connecting_ramp,
    slip_lane,
    bus,
    taxi,
    hov,
    walking,
    shared,
    other,  // a type that the standard does not name
};          // clang-format off

/// The standard's word for it, "offRamp", and back; an unknown word is `other`.
const char* lane_type_name(LaneType type);
LaneType lane_type_of(std::string_view name);
/// Whether cars drive there: driving, bidirectional, entry, exit, ramps, slip lanes, bus, taxi and car pool lanes.
bool is_driving(LaneType type);

/// a + b d + c d^2 + d d^3 at d = s - start; valid up to the next piece's start. Pieces lie in the order of `start`.
struct Cubic {
    double start = 0, a = 0, b = 0, c = 0, d = 0;

    double value(double s) const { return a + (s - start) * (b + (s - start) * (c + (s - start) * d)); }
    double slope(double s) const { return b + (s - start) * (2 * c + (s - start) * 3 * d); }
};

/// One record of the plan view: the reference line from `start` for `length` metres.
struct Geometry {
    enum class Shape : uint8_t { line, arc, spiral, poly3, param_poly3 };
    Shape shape = Shape::line;
    bool is_normalized = false;                     // paramPoly3: p runs from 0 to 1, else over the length in metres
    double start = 0, length = 0;                   // along the road
    double x = 0, y = 0, heading = 0;               // where it starts
    double curvature_start = 0, curvature_end = 0;  // arc (both the same), spiral; 1/m, positive to the left
    Cubic u, v;                                     // paramPoly3: u(p), v(p); poly3: v(u)
};

enum class Contact : uint8_t { start, end };

/// What lies beyond an end of a road.
struct RoadLink {
    enum class Kind : uint8_t { none, road, junction };
    Kind kind = Kind::none;
    int index = -1;                    // into RoadNetwork::roads or junctions
    Contact contact = Contact::start;  // of a road: its end that is touched
};

struct Lane {
    int id = 0;  // positive to the left of the centre lane 0, negative to its right
    LaneType type = LaneType::none;
    enum class Direction : uint8_t { standard, reversed, both } direction = Direction::standard;
    std::vector<Cubic> width;        // by the road's s; of lanes but 0 this or `border` has a piece at the section's start
    std::vector<Cubic> border;       // instead of widths: the outer border's t, from the centre lane
    std::vector<Cubic> inner_height, outer_height;  // above the road's surface; may be empty
    std::vector<int> predecessor, successor;  // lane ids where the section starts and ends; mostly one
};

/// Lanes between two values of s. A single-sided section replaces the lanes of one side and leaves the other's.
struct LaneSection {
    double start = 0;
    double left_end = 0, right_end = 0;         // where the next section of that side starts
    bool has_left = true, has_right = true;     // the sides that it describes
    std::vector<Lane> lanes;                    // from left to right: descending ids, 0 among them
    const Lane* find(int lane_id) const;        // nullptr if there is none
    double end(int lane_id) const { return lane_id > 0 ? left_end : right_end; }
    bool covers(int lane_id) const { return lane_id > 0 ? has_left : lane_id < 0 ? has_right : true; }
};

struct Signal {
    std::string id, name, type, subtype, country;  // as in the file; type 1000001 is a traffic light, 206 a stop sign
    double s = 0, t = 0;
    enum class Orientation : uint8_t { both, forward, backward } orientation = Orientation::both;  // + is forward
    bool is_dynamic = false;    // it changes, as lights do
    bool is_reference = false;  // another road's signal, which holds here too
    struct Validity {
        int from = 0, to = 0;  // lane ids, from <= to
    };
    std::vector<Validity> validity;  // empty: all lanes of its orientation
};

struct Road {
    std::string id, name;
    double length = 0;
    int junction = -1;  // index of the junction whose connecting road this is, or -1
    bool is_left_hand = false;  // traffic keeps left: lanes with positive ids run along increasing s
    RoadLink predecessor, successor;
    std::vector<Geometry> geometry;
    std::vector<Cubic> elevation, lane_offset;  // may be empty
    std::vector<LaneSection> sections;
    std::vector<Signal> signals;

    const RoadLink& link(Contact end) const { return end == Contact::start ? predecessor : successor; }
};

struct LaneLink {
    int from = 0, to = 0;  // ids of a lane of the incoming road and of the connecting (direct junction: linked) road
};

struct Connection {
    int incoming_road = -1, connecting_road = -1;  // indices; the linked road of a direct junction
    Contact contact = Contact::start;              // the connecting road's end that touches the incoming road
    std::vector<LaneLink> lane_links;
};

struct Junction {
    std::string id, name;
    enum class Kind : uint8_t { common, direct, is_virtual } kind = Kind::common;
    std::vector<Connection> connections;
};

/// Signals that switch together, by id.
struct Controller {
    std::string id, name;
    std::vector<std::string> signals;
};

struct RoadNetwork {
    std::string name;  // of the header
    std::vector<Road> roads;
    std::vector<Junction> junctions;
    std::vector<Controller> controllers;

    int find_road(std::string_view id) const;      // index, or -1
    int find_junction(std::string_view id) const;  // index, or -1
};

/// Whether this build reads OpenDRIVE: it takes pugixml.
bool can_read_opendrive();

/// Reads a file. Everything in the result is finite, within the limits above, ordered, and every index and lane link
/// names what exists. Throws std::invalid_argument, one sentence with the file, the line, what was found and what is
/// wanted; also in a build without pugixml.
RoadNetwork read_opendrive(const std::string& path);
/// The same from text; `source` stands in messages for the file.
RoadNetwork parse_opendrive(std::string_view text, const std::string& source = "OpenDRIVE");

}  // namespace flockstep
