#include "envs/driving/opendrive_reader.h"

#include <stdexcept>

#include "io/quote.h"

#ifndef FLOCKSTEP_WITH_PUGIXML
namespace flockstep {
bool can_read_opendrive() { return false; }
RoadNetwork opendrive::parse_xml(std::string_view, const std::string& source) {
    throw std::invalid_argument(path_text(source) +
                                ": got a build without pugixml, want one with it: scripts/setup.sh installs it, and "
                                "`make travel` copies it for machines without packages");
}
}  // namespace flockstep
#else

#include <algorithm>
#include <map>

#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_xml.h"

namespace flockstep {

bool can_read_opendrive() { return true; }

namespace opendrive {
namespace {

constexpr size_t max_text_bytes = size_t{1} << 28;
constexpr double joint_tolerance = 1.0;  // m of s by which records of a road may miss its length

constexpr Bounds along_road{0, max_road_length, "metres along the road, 0 to 1e5"};
constexpr Bounds coordinate{-max_coordinate, max_coordinate, "metres within 1e7 of the origin"};
constexpr Bounds curvature{-max_curvature, max_curvature, "a curvature of at most 1000 per metre"};

using Ids = std::map<std::string, int, std::less<> >;

/// Indices of the elements of a name by their ids, which must differ.
Ids ids_of(const Element& root, const char* name) {
    Ids ids;
    root.each(name, [&](const Element& element) {
        const std::string id = element.text("id");
        if (!ids.emplace(id, static_cast<int>(ids.size())).second)
            element.fail("id", in_quotes(id) + " again", "another id for each");
    });
    return ids;
}

int look_up(const Ids& ids, const Element& element, const char* attribute, const char* wanted) {
    const std::string id = element.text(attribute);
    const auto found = ids.find(id);
    if (found == ids.end()) element.fail(attribute, in_quotes(id), wanted);
    return found->second;
}

Contact contact_of(const Element& element) {
    const std::string word = element.text("contactPoint");
    if (word != "start" && word != "end") element.fail("contactPoint", in_quotes(word), "start or end");
    return word == "start" ? Contact::start : Contact::end;
}

/// A cubic whose place is the attribute `position`, from `origin` on.
Cubic cubic_of(const Element& element, const char* position, double origin) {
    return {origin + element.number(position, along_road), element.number("a"), element.number("b"),
            element.number("c"), element.number("d")};
}

void add_in_order(std::vector<Cubic>& pieces, const Cubic& piece, const Element& element) {
    if (!pieces.empty() && piece.start < pieces.back().start)
        element.fail("place", "one before the record above it", "records in their order along the road");
    pieces.push_back(piece);
}

/// The cubics of a road. What precedes the first is 0.
std::vector<Cubic> profile_of(const Element& parent, const char* name) {
    std::vector<Cubic> pieces;
    parent.each(name, [&](const Element& element) { add_in_order(pieces, cubic_of(element, "s", 0), element); });
    if (!pieces.empty() && pieces.front().start > 0) pieces.insert(pieces.begin(), Cubic{});
    return pieces;
}

/// The cubics of a lane, which start with its section.
std::vector<Cubic> lane_profile_of(const Element& lane, const char* name, double section_start) {
    std::vector<Cubic> pieces;
    lane.each(name, [&](const Element& element) {
        add_in_order(pieces, cubic_of(element, "sOffset", section_start), element);
        if (pieces.size() == 1 && pieces[0].start > section_start + 0.01)
            element.fail("sOffset", std::to_string(pieces[0].start - section_start) + " in the first of them", "0");
    });
    return pieces;
}

// --- Plan view ---

void read_spiral(Geometry& geometry, const Element& shape) {
    geometry.curvature_start = shape.number("curvStart", curvature);
    geometry.curvature_end = shape.number("curvEnd", curvature);
}

void read_param_poly3(Geometry& geometry, const Element& shape) {
    const std::string range = shape.text_or("pRange", "normalized");
    if (range != "normalized" && range != "arcLength")
        shape.fail("pRange", in_quotes(range), "normalized or arcLength");
    geometry.is_normalized = range == "normalized";
    geometry.u = {0, shape.number("aU"), shape.number("bU"), shape.number("cU"), shape.number("dU")};
    geometry.v = {0, shape.number("aV"), shape.number("bV"), shape.number("cV"), shape.number("dV")};
}

void read_shape(Geometry& geometry, const Element& element) {
    using Shape = Geometry::Shape;
    if (element.child("line")) {
        geometry.shape = Shape::line;
    } else if (const Element arc = element.child("arc")) {
        geometry.shape = Shape::arc;
        geometry.curvature_start = geometry.curvature_end = arc.number("curvature", curvature);
    } else if (const Element spiral = element.child("spiral")) {
        geometry.shape = Shape::spiral;
        read_spiral(geometry, spiral);
    } else if (const Element poly3 = element.child("poly3")) {
        geometry.shape = Shape::poly3;
        geometry.v = {0, poly3.number("a"), poly3.number("b"), poly3.number("c"), poly3.number("d")};
    } else if (const Element param = element.child("paramPoly3")) {
        geometry.shape = Shape::param_poly3;
        read_param_poly3(geometry, param);
    } else {
        element.fail("shape", "none", "one of line, arc, spiral, poly3, paramPoly3");
    }
    const double most = std::max(std::abs(geometry.curvature_start), std::abs(geometry.curvature_end));
    if (most * geometry.length > max_turn_of_geometry)
        element.fail("curvature", std::to_string(most) + " per metre over " + std::to_string(geometry.length) + " m",
                     "a turn of at most 1000 rad");
}

void check_end(const Geometry& geometry, const Element& element) {
    const LinePose end = geometry_pose(geometry, geometry.length);
    if (!(std::abs(end.x) <= 2 * max_coordinate && std::abs(end.y) <= 2 * max_coordinate && std::isfinite(end.heading)))
        element.fail("end", "one that is out of reach", coordinate.words);
}

/// Length that may be missing or too much where records meet: files are often written with few digits.
bool meets(double a, double b) { return std::abs(a - b) <= std::max(joint_tolerance, 0.01 * std::max(a, b)); }

void read_plan_view(Road& road, const Element& element) {
    const Element plan_view = element.child("planView");
    if (!plan_view) element.fail("planView", "none", "one");
    double reached = 0;
    plan_view.each("geometry", [&](const Element& record) {
        Geometry geometry;
        geometry.start = record.number("s", along_road);
        geometry.length = record.number("length", along_road);
        geometry.x = record.number("x", coordinate);
        geometry.y = record.number("y", coordinate);
        geometry.heading = record.number("hdg", {-1e4, 1e4, "radians within 1e4"});
        if (!meets(geometry.start, reached) || (!road.geometry.empty() && geometry.start < road.geometry.back().start))
            record.fail("s", std::to_string(geometry.start),
                        std::to_string(reached) + ", where the one before it ends");
        read_shape(geometry, record);
        check_end(geometry, record);
        reached = geometry.start + geometry.length;
        road.geometry.push_back(geometry);
    });
    if (road.geometry.empty()) plan_view.fail("geometry", "none", "at least one");
    if (!meets(reached, road.length))
        plan_view.fail("length", std::to_string(reached), std::to_string(road.length) + ", the road's");
}

// --- Lanes ---

std::vector<int> lane_link_of(const Element& link, const char* name) {
    std::vector<int> ids;
    link.each(name, [&](const Element& element) {
        const int id = element.integer("id", -max_lane_id, max_lane_id);
        if (id != 0) ids.push_back(id);
    });
    return ids;
}

void read_heights(Lane& lane, const Element& element, double section_start) {
    element.each("height", [&](const Element& height) {
        const double start = section_start + height.number("sOffset", along_road);
        add_in_order(lane.inner_height, {start, height.number("inner"), 0, 0, 0}, height);
        add_in_order(lane.outer_height, {start, height.number("outer"), 0, 0, 0}, height);
    });
}

Lane::Direction direction_of(const Element& element) {
    const std::string word = element.text_or("direction", "standard");
    if (word == "standard") return Lane::Direction::standard;
    if (word == "reversed") return Lane::Direction::reversed;
    if (word != "both") element.fail("direction", in_quotes(word), "standard, reversed or both");
    return Lane::Direction::both;
}

Lane read_lane(const Element& element, int side, double section_start) {
    Lane lane;
    lane.id = element.integer("id", -max_lane_id, max_lane_id);
    if (side == 0 ? lane.id != 0 : lane.id * side <= 0)
        element.fail("id", std::to_string(lane.id), side > 0 ? "a positive id" : side < 0 ? "a negative id" : "0");
    if (side == 0) return lane;  // a line without width, whatever type it is given
    lane.type = lane_type_of(element.text_or("type", "none"));
    lane.direction = direction_of(element);
    lane.predecessor = lane_link_of(element.child("link"), "predecessor");
    lane.successor = lane_link_of(element.child("link"), "successor");
    lane.width = lane_profile_of(element, "width", section_start);
    if (lane.width.empty()) lane.border = lane_profile_of(element, "border", section_start);
    if (lane.width.empty() && lane.border.empty()) element.fail("width", "none", "a width or a border");
    read_heights(lane, element, section_start);
    return lane;
}

void read_side(LaneSection& section, const Element& element, const char* name, int side) {
    element.child(name).each(
        "lane", [&](const Element& lane) { section.lanes.push_back(read_lane(lane, side, section.start)); });
}

LaneSection read_section(const Element& element) {
    LaneSection section;
    section.start = element.number("s", along_road);
    read_side(section, element, "left", 1);
    read_side(section, element, "center", 0);
    read_side(section, element, "right", -1);
    if (std::none_of(section.lanes.begin(), section.lanes.end(), [](const Lane& lane) { return lane.id == 0; }))
        section.lanes.push_back({});
    std::sort(section.lanes.begin(), section.lanes.end(), [](const Lane& a, const Lane& b) { return a.id > b.id; });
    for (size_t i = 1; i < section.lanes.size(); ++i) {
        if (section.lanes[i].id == section.lanes[i - 1].id - 1) continue;
        element.fail("lanes",
                     std::to_string(section.lanes[i].id) + " next to " + std::to_string(section.lanes[i - 1].id),
                     "ids in sequence, each once");
    }
    const std::string word = element.text_or("singleSide", "false");
    if (word == "true" || word == "1") {
        section.has_left = section.lanes.front().id > 0;
        section.has_right = section.lanes.back().id < 0;
    }
    return section;
}

void find_section_ends(Road& road) {
    double left_end = road.length, right_end = road.length;
    for (auto section = road.sections.rbegin(); section != road.sections.rend(); ++section) {
        section->left_end = std::max(left_end, section->start);
        section->right_end = std::max(right_end, section->start);
        if (section->has_left) left_end = section->start;
        if (section->has_right) right_end = section->start;
    }
}

void read_lanes(Road& road, const Element& element) {
    const Element lanes = element.child("lanes");
    if (!lanes) element.fail("lanes", "none", "them");
    road.lane_offset = profile_of(lanes, "laneOffset");
    lanes.each("laneSection", [&](const Element& record) {
        LaneSection section = read_section(record);
        if (section.start > road.length + joint_tolerance)
            record.fail("s", std::to_string(section.start),
                        "at most the road's length, " + std::to_string(road.length));
        if (road.sections.empty() ? section.start > joint_tolerance : section.start < road.sections.back().start)
            record.fail("s", std::to_string(section.start), "sections in their order along the road, the first at 0");
        road.sections.push_back(std::move(section));
    });
    if (road.sections.empty()) lanes.fail("laneSection", "none", "at least one");
    find_section_ends(road);
}

// --- Signals ---

Signal::Orientation orientation_of(const Element& element) {
    const std::string word = element.text_or("orientation", "none");
    if (word == "+") return Signal::Orientation::forward;
    if (word == "-") return Signal::Orientation::backward;
    if (word != "none") element.fail("orientation", in_quotes(word), "+, - or none");
    return Signal::Orientation::both;
}

void read_place(Signal& signal, const Element& element) {
    signal.id = element.text("id");
    signal.s = element.number("s", along_road);
    signal.t = element.number("t", coordinate);
    signal.orientation = orientation_of(element);
    element.each("validity", [&](const Element& validity) {
        const int a = validity.integer("fromLane", -max_lane_id, max_lane_id);
        const int b = validity.integer("toLane", -max_lane_id, max_lane_id);
        signal.validity.push_back({std::min(a, b), std::max(a, b)});
    });
}

bool is_yes(const Element& element, const char* attribute) {
    const std::string word = element.text_or(attribute, "no");
    if (word != "yes" && word != "no" && word != "true" && word != "false")
        element.fail(attribute, in_quotes(word), "yes or no");
    return word == "yes" || word == "true";
}

Signal read_signal(const Element& element) {
    Signal signal;
    read_place(signal, element);
    signal.name = element.text_or("name", "");
    signal.type = element.text_or("type", "");
    signal.subtype = element.text_or("subtype", "");
    signal.country = element.text_or("country", "");
    signal.is_dynamic = is_yes(element, "dynamic");
    return signal;
}

/// What a reference takes from the signal that it names.
void complete_reference(Signal& reference, const std::map<std::string, Signal, std::less<> >& signals,
                        const Element& element) {
    const auto found = signals.find(reference.id);
    if (found == signals.end()) element.fail("id", in_quotes(reference.id), "the id of a signal");
    const Signal& signal = found->second;
    reference.name = signal.name;
    reference.type = signal.type;
    reference.subtype = signal.subtype;
    reference.country = signal.country;
    reference.is_dynamic = signal.is_dynamic;
    reference.is_reference = true;
}

void read_signals(std::vector<Road>& roads, const Element& root) {
    std::map<std::string, Signal, std::less<> > signals;
    size_t index = 0;
    root.each("road", [&](const Element& road) {
        road.child("signals").each("signal", [&](const Element& element) {
            roads[index].signals.push_back(read_signal(element));
            signals.emplace(roads[index].signals.back().id, roads[index].signals.back());
        });
        ++index;
    });
    index = 0;
    root.each("road", [&](const Element& road) {
        road.child("signals").each("signalReference", [&](const Element& element) {
            Signal reference;
            read_place(reference, element);
            complete_reference(reference, signals, element);
            roads[index].signals.push_back(std::move(reference));
        });
        for (const Signal& signal : roads[index].signals) {
            if (signal.s > roads[index].length + joint_tolerance)
                road.fail("signals", "one at " + std::to_string(signal.s), "places on the road");
        }
        ++index;
    });
}

// --- Roads and junctions ---

RoadLink road_link_of(const Element& element, const Ids& roads, const Ids& junctions) {
    RoadLink link;
    if (!element || element.has("elementS")) return link;  // a place inside a road: virtual junctions
    const std::string type = element.text("elementType");
    if (type == "junction") {
        link.kind = RoadLink::Kind::junction;
        link.index = look_up(junctions, element, "elementId", "the id of a junction");
    } else if (type == "road") {
        link.kind = RoadLink::Kind::road;
        link.index = look_up(roads, element, "elementId", "the id of a road");
        link.contact = contact_of(element);
    } else {
        element.fail("elementType", in_quotes(type), "road or junction");
    }
    return link;
}

Road read_road(const Element& element, const Ids& roads, const Ids& junctions) {
    Road road;
    road.id = element.text("id");
    road.name = element.text_or("name", "");
    road.length = element.number("length", along_road);
    const std::string rule = element.text_or("rule", "RHT");
    if (rule != "RHT" && rule != "LHT") element.fail("rule", in_quotes(rule), "RHT or LHT");
    road.is_left_hand = rule == "LHT";
    if (element.text_or("junction", "-1") != "-1")
        road.junction = look_up(junctions, element, "junction", "-1 or the id of a junction");
    const Element link = element.child("link");
    road.predecessor = road_link_of(link.child("predecessor"), roads, junctions);
    road.successor = road_link_of(link.child("successor"), roads, junctions);
    read_plan_view(road, element);
    road.elevation = profile_of(element.child("elevationProfile"), "elevation");
    read_lanes(road, element);
    return road;
}

Connection read_connection(const Element& element, const Ids& roads, bool is_direct) {
    Connection connection;
    connection.incoming_road = look_up(roads, element, "incomingRoad", "the id of a road");
    connection.connecting_road =
        look_up(roads, element, is_direct ? "linkedRoad" : "connectingRoad", "the id of a road");
    connection.contact = contact_of(element);
    element.each("laneLink", [&](const Element& link) {
        connection.lane_links.push_back(
            {link.integer("from", -max_lane_id, max_lane_id), link.integer("to", -max_lane_id, max_lane_id)});
    });
    return connection;
}

Junction read_junction(const Element& element, const Ids& roads) {
    Junction junction;
    junction.id = element.text("id");
    junction.name = element.text_or("name", "");
    const std::string type = element.text_or("type", "default");
    if (type == "direct") junction.kind = Junction::Kind::direct;
    if (type == "virtual") junction.kind = Junction::Kind::is_virtual;
    if (junction.kind == Junction::Kind::is_virtual) return junction;
    element.each("connection", [&](const Element& connection) {
        junction.connections.push_back(read_connection(connection, roads, junction.kind == Junction::Kind::direct));
    });
    return junction;
}

Controller read_controller(const Element& element) {
    Controller controller{element.text("id"), element.text_or("name", ""), {}};
    element.each("control", [&](const Element& control) { controller.signals.push_back(control.text("signalId")); });
    return controller;
}

}  // namespace

RoadNetwork parse_xml(std::string_view text, const std::string& source_name) {
    const Source source{source_name, text};
    const std::string where = path_text(source_name);
    if (text.size() > max_text_bytes)
        throw std::invalid_argument(where + ": got " + std::to_string(text.size()) + " bytes, want at most " +
                                    std::to_string(max_text_bytes));
    pugi::xml_document document;
    const pugi::xml_parse_result result =
        document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!result) {
        const auto offset = std::min(static_cast<size_t>(std::max<ptrdiff_t>(result.offset, 0)), text.size());
        const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(offset), '\n');
        throw std::invalid_argument(where + " line " + std::to_string(line) + ": got no XML (" + result.description() +
                                    "), want an OpenDRIVE file");
    }
    const Element root(document.child("OpenDRIVE"), source);
    if (!root)
        throw std::invalid_argument(where + ": got the root element " +
                                    in_quotes(std::string(document.first_child().name())) + ", want OpenDRIVE");
    RoadNetwork network;
    network.name = root.child("header").text_or("name", "");
    const Ids roads = ids_of(root, "road"), junctions = ids_of(root, "junction");
    if (roads.empty()) root.fail("road", "none", "at least one");
    root.each("road", [&](const Element& element) { network.roads.push_back(read_road(element, roads, junctions)); });
    root.each("junction", [&](const Element& element) { network.junctions.push_back(read_junction(element, roads)); });
    root.each("controller", [&](const Element& element) { network.controllers.push_back(read_controller(element)); });
    read_signals(network.roads, root);
    return network;
}

}  // namespace opendrive
}  // namespace flockstep

#endif
