// Prints what the OpenDRIVE reader makes of a file, for envs/driving/test_opendrive.py. Every line of the standard
// input is one job and gives one line of JSON:
//   network PATH             roads, lanes and the links at junctions
//   samples PATH COUNT       and COUNT lines ROAD SECTION LANE S: a lane's centre there, x y z heading width of each;
//                            the heading is the reference line's
//   graph PATH               driving lanes with their lengths, successors and neighbours
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_lines.h"
#include "envs/driving/opendrive_links.h"
#include "io/json.h"

using namespace flockstep;

namespace {

Json link_json(const RoadNetwork& network, const RoadLink& link) {
    if (link.kind == RoadLink::Kind::none) return nullptr;
    const bool is_road = link.kind == RoadLink::Kind::road;
    return {is_road ? "road" : "junction", is_road ? network.roads[link.index].id : network.junctions[link.index].id,
            is_road ? (link.contact == Contact::start ? "start" : "end") : ""};
}

Json lane_json(const Road& road, size_t section, const Lane& lane) {
    return {{"road", road.id},
            {"section", section},
            {"lane", lane.id},
            {"type", lane_type_name(lane.type)},
            {"driving", is_driving(lane.type)},
            {"predecessor", lane.predecessor},
            {"successor", lane.successor}};
}

Json network_json(const RoadNetwork& network) {
    Json roads = Json::array(), lanes = Json::array(), links = Json::array();
    for (const Road& road : network.roads) {
        roads.push_back({{"id", road.id},
                         {"length", road.length},
                         {"junction", road.junction < 0 ? "-1" : network.junctions[road.junction].id},
                         {"predecessor", link_json(network, road.predecessor)},
                         {"successor", link_json(network, road.successor)}});
        for (size_t section = 0; section < road.sections.size(); ++section) {
            for (const Lane& lane : road.sections[section].lanes) lanes.push_back(lane_json(road, section, lane));
        }
    }
    for (const JunctionLink& link : junction_links(network)) {
        links.push_back({network.junctions[link.junction].id, network.roads[link.incoming_road].id,
                         network.roads[link.connecting_road].id, link.contact == Contact::start ? "start" : "end",
                         link.from, link.to});
    }
    return {{"roads", roads}, {"lanes", lanes}, {"junction_links", links}};
}

Json samples_json(const RoadNetwork& network, int count) {
    Json samples = Json::array();
    for (std::string line; count > 0 && std::getline(std::cin, line); --count) {
        std::istringstream words(line);
        std::string road;
        int section = 0, lane = 0;
        double s = 0;
        words >> road >> section >> lane >> s;
        const int index = network.find_road(road);
        if (!words || index < 0) throw std::invalid_argument("not a sample: " + line);
        const LanePose pose = lane_pose(network.roads[index], section, lane, s);
        samples.push_back({pose.x, pose.y, pose.z, pose.road_heading, pose.width});
    }
    return samples;
}

Json graph_json(const RoadNetwork& network) {
    Json lanes = Json::array();
    for (const LanePath& lane : lane_polylines(network).lanes) {
        lanes.push_back({{"road", network.roads[lane.road].id},
                         {"section", lane.section},
                         {"lane", lane.lane},
                         {"length", lane.length},
                         {"successor", lane.successor},
                         {"left", lane.left_neighbour},
                         {"right", lane.right_neighbour}});
    }
    return lanes;
}

void run_job(const std::string& line) {
    std::istringstream words(line);
    std::string kind, path;
    int count = 0;
    words >> kind >> path;
    const RoadNetwork network = read_opendrive(path);
    if (kind == "network") {
        std::cout << network_json(network).dump() << "\n";
    } else if (kind == "graph") {
        std::cout << graph_json(network).dump() << "\n";
    } else if (kind == "samples" && words >> count) {
        std::cout << samples_json(network, count).dump() << "\n";
    } else {
        throw std::invalid_argument("not a job: " + line);
    }
}

}  // namespace

int main() try {
    for (std::string line; std::getline(std::cin, line);) run_job(line);
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
