#pragma once

#include <compare>
#include <string>
#include <vector>

#include "envs/driving/opendrive.h"

/// Which lanes touch: lane links within roads, between roads and through junctions, as one list.
namespace flockstep {

/// One end of a lane of one section, by the road's s.
struct LaneEnd {
    int road = 0, section = 0, lane = 0;  // indices of road and section, id of the lane
    Contact end = Contact::start;

    auto operator<=>(const LaneEnd&) const = default;
};

/// Two lane ends that touch; a < b.
struct LaneJoint {
    LaneEnd a, b;

    auto operator<=>(const LaneJoint&) const = default;
};

/// Every joint once, in order: a link that only one of the two lanes states counts. Lane links at an end of a road
/// where the road has no link, or a junction, have no target and are passed over; what junctions connect, their lane
/// links and the road links of their connecting roads say.
std::vector<LaneJoint> lane_joints(const RoadNetwork& network);

/// A lane of a road that enters or leaves a junction, and the lane of a connecting (direct junction: linked) road
/// there.
struct JunctionLink {
    int junction = 0, incoming_road = 0, connecting_road = 0;  // indices
    Contact contact = Contact::start;                          // the connecting road's end
    int from = 0, to = 0;                                      // lane ids on the incoming and on the connecting road

    auto operator<=>(const JunctionLink&) const = default;
};

/// Every link at both ends of every connecting road (of a direct junction: seen from both roads), once, in order.
std::vector<JunctionLink> junction_links(const RoadNetwork& network);

namespace opendrive {
/// Internal: throws std::invalid_argument where a lane link names a lane that is not there.
void check_links(const RoadNetwork& network, const std::string& source);
}  // namespace opendrive

}  // namespace flockstep
