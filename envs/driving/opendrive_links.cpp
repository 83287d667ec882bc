#include "envs/driving/opendrive_links.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "envs/driving/opendrive_geometry.h"
#include "io/quote.h"

namespace flockstep {

namespace {

/// The section that holds a lane at an end of a road; -1 if that lane is not there.
int section_with(const Road& road, Contact end, int lane_id) {
    const int first = end == Contact::start ? -1 : static_cast<int>(road.sections.size());
    const int section = neighbour_section(road, first, lane_id, end == Contact::start ? Contact::end : Contact::start);
    return section >= 0 && road.sections[section].find(lane_id) ? section : -1;
}

/// Whether the road's end touches a common junction, so that a connection may start there.
bool touches(const Road& road, Contact end, int junction) {
    const RoadLink& link = road.link(end);
    return link.kind == RoadLink::Kind::junction && link.index == junction;
}

/// The end of the incoming road that a connection touches: the one that the connecting road names, or else the one that
/// leads into the junction.
Contact incoming_end(const RoadNetwork& network, const Connection& connection, int junction) {
    const RoadLink& link = network.roads[connection.connecting_road].link(connection.contact);
    if (link.kind == RoadLink::Kind::road && link.index == connection.incoming_road) return link.contact;
    const Road& road = network.roads[connection.incoming_road];
    return touches(road, Contact::end, junction) ? Contact::end : Contact::start;
}

/// Finds all joints: joined(end, end, junction or -1), missing(place, lane id, where it should be).
template <class Joined, class Missing>
class Walk {
  public:
    Walk(const RoadNetwork& network, Joined joined, Missing missing)
        : network_(network), joined_(joined), missing_(missing) {}

    void run() {
        for (size_t road = 0; road < network_.roads.size(); ++road) {
            const Road& of = network_.roads[road];
            for (size_t section = 0; section < of.sections.size(); ++section) {
                for (const Lane& lane : of.sections[section].lanes) {
                    if (lane.id == 0) continue;
                    const LaneEnd at{static_cast<int>(road), static_cast<int>(section), lane.id, Contact::start};
                    walk_end(at, lane.predecessor);
                    walk_end({at.road, at.section, at.lane, Contact::end}, lane.successor);
                }
            }
        }
        for (size_t junction = 0; junction < network_.junctions.size(); ++junction) {
            for (const Connection& connection : network_.junctions[junction].connections)
                walk_connection(static_cast<int>(junction), connection);
        }
    }

  private:
    void walk_end(const LaneEnd& at, const std::vector<int>& ids) {
        const Road& road = network_.roads[at.road];
        const int next = neighbour_section(road, at.section, at.lane, at.end);
        const Contact other = at.end == Contact::end ? Contact::start : Contact::end;
        for (const int id : ids) {
            if (next >= 0) {
                if (road.sections[next].find(id))
                    joined_(at, LaneEnd{at.road, next, id, other}, -1);
                else
                    missing_(at, id, "a lane of its next section");
            } else if (const RoadLink& link = road.link(at.end); link.kind == RoadLink::Kind::road) {
                join(at, link.index, link.contact, id, road.junction);
            }
        }
    }

    void walk_connection(int junction, const Connection& connection) {
        for (const LaneLink& link : connection.lane_links) {
            if (link.from == 0 || link.to == 0) continue;
            const Road& road = network_.roads[connection.incoming_road];
            const Contact end = incoming_end(network_, connection, junction);
            const int section = section_with(road, end, link.from);
            const LaneEnd at{connection.incoming_road, section, link.from, end};
            if (section < 0)
                missing_(at, link.from, "a lane of the incoming road");
            else
                join(at, connection.connecting_road, connection.contact, link.to, junction);
        }
    }

    void join(const LaneEnd& at, int road, Contact contact, int id, int junction) {
        const int section = section_with(network_.roads[road], contact, id);
        if (section < 0)
            missing_(at, id, "a lane at the end of the road that it leads to");
        else
            joined_(at, LaneEnd{road, section, id, contact}, junction);
    }

    const RoadNetwork& network_;
    Joined joined_;
    Missing missing_;
};

template <class Joined, class Missing>
void walk(const RoadNetwork& network, Joined joined, Missing missing) {
    Walk<Joined, Missing>(network, joined, missing).run();
}

constexpr auto passed_over = [](const LaneEnd&, int, const char*) {};

}  // namespace

std::vector<LaneJoint> lane_joints(const RoadNetwork& network) {
    std::vector<LaneJoint> joints;
    walk(
        network,
        [&](const LaneEnd& a, const LaneEnd& b, int) {
            joints.push_back({std::min(a, b), std::max(a, b)});
        },
        passed_over);
    std::sort(joints.begin(), joints.end());
    joints.erase(std::unique(joints.begin(), joints.end()), joints.end());
    return joints;
}

std::vector<JunctionLink> junction_links(const RoadNetwork& network) {
    std::set<JunctionLink> links;
    const auto add = [&](const LaneEnd& incoming, const LaneEnd& connecting, int junction) {
        links.insert({junction, incoming.road, connecting.road, connecting.end, incoming.lane, connecting.lane});
    };
    walk(
        network,
        [&](const LaneEnd& a, const LaneEnd& b, int junction) {
            if (junction < 0) return;
            const bool is_direct = network.junctions[junction].kind == Junction::Kind::direct;
            if (is_direct || network.roads[b.road].junction == junction) add(a, b, junction);
            if (is_direct || network.roads[a.road].junction == junction) add(b, a, junction);
        },
        passed_over);
    return {links.begin(), links.end()};
}

void opendrive::check_links(const RoadNetwork& network, const std::string& source) {
    walk(
        network, [](const LaneEnd&, const LaneEnd&, int) {},
        [&](const LaneEnd& at, int id, const char* want) {
            throw std::invalid_argument(path_text(source) + ": road " + in_quotes(network.roads[at.road].id) +
                                        " lane " + std::to_string(at.lane) + ", " +
                                        (at.end == Contact::start ? "predecessor" : "successor") + ": got lane " +
                                        std::to_string(id) + ", want " + want);
        });
}

}  // namespace flockstep
