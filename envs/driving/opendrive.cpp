#include "envs/driving/opendrive.h"

#include <array>
#include <stdexcept>

#include "envs/driving/opendrive_links.h"
#include "envs/driving/opendrive_reader.h"
#include "io/quote.h"
#include "io/read_file.h"

namespace flockstep {

namespace {

struct TypeName {
    LaneType type;
    const char* name;
    bool is_driving;
};
constexpr std::array type_names{
    TypeName{LaneType::none, "none", false},
    TypeName{LaneType::driving, "driving", true},
    TypeName{LaneType::stop, "stop", false},
    TypeName{LaneType::shoulder, "shoulder", false},
    TypeName{LaneType::biking, "biking", false},
    TypeName{LaneType::sidewalk, "sidewalk", false},
    TypeName{LaneType::border, "border", false},
    TypeName{LaneType::restricted, "restricted", false},
    TypeName{LaneType::parking, "parking", false},
    TypeName{LaneType::curb, "curb", false},
    TypeName{LaneType::median, "median", false},
    TypeName{LaneType::bidirectional, "bidirectional", true},
    TypeName{LaneType::special, "special1", false},
    TypeName{LaneType::special, "special2", false},
    TypeName{LaneType::special, "special3", false},
    TypeName{LaneType::road_works, "roadWorks", false},
    TypeName{LaneType::tram, "tram", false},
    TypeName{LaneType::rail, "rail", false},
    TypeName{LaneType::entry, "entry", true},
    TypeName{LaneType::exit, "exit", true},
    TypeName{LaneType::off_ramp, "offRamp", true},
    TypeName{LaneType::on_ramp, "onRamp", true},
    TypeName{LaneType::connecting_ramp, "connectingRamp", true},
    TypeName{LaneType::slip_lane, "slipLane", true},
    TypeName{LaneType::bus, "bus", true},
    TypeName{LaneType::taxi, "taxi", true},
    TypeName{LaneType::hov, "HOV", true},
    TypeName{LaneType::walking, "walking", false},
    TypeName{LaneType::shared, "shared", false},
    TypeName{LaneType::other, "other", false},
};

template <class Item>
int index_of(const std::vector<Item>& items, std::string_view id) {
    for (size_t i = 0; i < items.size(); ++i) {
        if (items[i].id == id) return static_cast<int>(i);
    }
    return -1;
}

}  // namespace

const char* lane_type_name(LaneType type) {
    for (const TypeName& known : type_names) {
        if (known.type == type) return known.name;
    }
    return "other";
}

LaneType lane_type_of(std::string_view name) {
    for (const TypeName& known : type_names) {
        if (known.name == name) return known.type;
    }
    return LaneType::other;
}

bool is_driving(LaneType type) {
    for (const TypeName& known : type_names) {
        if (known.type == type) return known.is_driving;
    }
    return false;
}

const Lane* LaneSection::find(int lane_id) const {
    // Ids descend without gaps.
    const int64_t at = lanes.empty() ? 0 : int64_t{lanes.front().id} - lane_id;
    return at >= 0 && at < int64_t(lanes.size()) ? &lanes[at] : nullptr;
}

int RoadNetwork::find_road(std::string_view id) const { return index_of(roads, id); }
int RoadNetwork::find_junction(std::string_view id) const { return index_of(junctions, id); }

RoadNetwork parse_opendrive(std::string_view text, const std::string& source) {
    RoadNetwork network = opendrive::parse_xml(text, source);
    opendrive::check_links(network, source);
    return network;
}

RoadNetwork read_opendrive(const std::string& path) {
    if (!can_read_opendrive()) opendrive::parse_xml({}, path);  // throws: there is no need for the file
    return parse_opendrive(read_file(path), path);
}

}  // namespace flockstep
