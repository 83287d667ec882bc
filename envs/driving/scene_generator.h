#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "envs/driving/scene.h"

/// Synthetic traffic scenes in GPUDrive's format: roads of a kind and 91 frames at 10 Hz of agents that obey the rules
/// of the road. Host only. A scene is a pure function of configuration and seed, the same bytes on every machine.
///
/// What holds for each scene: no two agents' full boxes touch in any frame, nor does a vehicle's or cyclist's box touch
/// a road edge; speeds are 0 to 30 m/s, accelerations -8 to 4 m/s^2, lateral ones below 3; velocity is the derivative
/// of position and points along the heading; what moves ends at least `min_goal_distance` from where it was first seen.
/// Coordinates are multiples of 1 cm and 1 cm/s, angles of 1e-4 rad.
///
///   const Scene scene = generate_scene({.kind = SceneKind::four_way}, seed);
namespace flockstep::driving {

enum class SceneKind : int {
    straight,              // a road of 1 to 3 lanes each way
    curve,                 // the same, in one or two bends
    t_junction,            // a side road with a stop sign, crosswalks
    four_way,              // traffic lights, or stop signs on all arms; crosswalks
    roundabout,            // one lane, 3 or 4 arms
    merge,                 // an on-ramp joins a motorway of 2 or 3 lanes
    parking,               // rows of parked cars along an aisle; some cars pull in
    jam,                   // dense traffic in all lanes, 64 agents and more
    pedestrians_cyclists,  // crosswalks and bike lanes
    mixed                  // one of the above, by seed
};
inline constexpr int num_scene_kinds = 10;
/// The name: `four_way`.
const char* name_of(SceneKind kind);

struct SceneGeneratorConfig {
    SceneKind kind = SceneKind::mixed;
    int num_agents = 0;          // wanted, 1..512; fewer where they do not fit. 0: drawn, 31 on average, 64-80 in a jam
    int num_moving = 0;          // of these, those on the move. 0: drawn, 13 on average, all in a jam
    double road_length = 0;      // m, of a road or of a junction's arm, 40..1000. 0: drawn for the kind
    double lights_share = 0.5;   // of four_way: probability of traffic lights, 0..1
    double window_share = 0.15;  // of moving agents: probability to be seen late or to be lost early, 0..1
    double min_goal_distance = 3.0;     // m, of what moves, 0.2..20
    double max_segment_length = 20;     // m, of straight lines after GPUDrive's reduction, 1..1000
    double curve_point_spacing = 0.75;  // m, between the points of curves before the reduction, 0.1..5
};

/// Time: 5 to 50 ms, a jam more. Throws std::invalid_argument for a setting out of range: "road_length: got 7, want 0
/// or 40 to 1000".
Scene generate_scene(const SceneGeneratorConfig& config, uint64_t seed);

/// The scenes in envs/driving/scenes: one of each kind, with short roads and one to three agents.
struct ExampleScene {
    std::string file_name;  // tfrecord_four_way.json: GPUDrive reads names that begin so
    SceneGeneratorConfig config;
    uint64_t seed;
};
std::vector<ExampleScene> example_scenes();

}  // namespace flockstep::driving
