#pragma once

#include <string>
#include <vector>

#include "envs/driving/road_reduction.h"
#include "sim/contract/pool.h"

/// Scenes as the simulator reads them: flat arrays in float32 around each scene's mean, of one scene (PackedScene,
/// host) or of a pool (ScenePool, in Shared). A scene of 60 agents, 91 frames and 700 boxes takes 137 KB.
///
///   const SceneView scene = shared.scenes.view(world.state.scene[0]);
///   const LoggedState& logged = scene.state(frame, agent);  // agent: a row of scene.agents
///   if (scene.is_valid(frame, agent)) ...
namespace flockstep::driving {

/// Where a track was in a frame, as its file has it: from the mean; m, radians, m/s. An invalid frame of GPUDrive's
/// files is at -10000 - mean, with heading and velocity -10000; frames that a shorter track lacks are the same.
struct LoggedState {
    float x, y, heading, vx, vy;
};

/// Marks of an agent.
enum AgentFlags : uint8_t {
    is_expert = 1,       // mark_as_expert
    is_sdc = 2,          // the recording car
    is_of_interest = 4,  // among objects_of_interest
    is_to_predict = 8,   // among tracks_to_predict
    starts_valid = 16    // valid in frame 0
};

/// A track, but for its states.
struct LoggedAgent {
    float length, width, height;  // m, of the whole box; height 0: unknown
    float goal_x, goal_y;         // m, from the mean
    float goal_distance;          // m, from the position in frame 0, valid or not
    int32_t id, object;           // the file's; index in the file
    uint8_t flags;                // AgentFlags
    AgentType type;
    int16_t difficulty;  // of a track to predict: 0, 1 or 2; else 0

    SIM_HD bool has(AgentFlags flag) const { return flags & flag; }
};

/// The box of a road entity, as collisions and distances want it.
struct RoadBox {
    Vec2 center;                    // m, from the mean
    float half_length, half_width;  // m
    Vec2 ahead;                     // (cos, sin) of the heading
};
/// The rest of a road entity.
struct RoadInfo {
    float heading;  // radians
    int32_t id;     // the road's
    RoadType type;
    int8_t map_element_id;  // -1: unknown
    int16_t road;           // index in the file: entities of one road follow each other
};

/// A traffic light, at its position in the first frame that shows it.
struct TrafficLight {
    float x, y;    // m, from the mean
    int32_t lane;  // id_of_text of the lane's id: the id of a road
};

/// What there is once in a scene.
struct SceneInfo {
    Vec2 mean;  // m, in the file's frame; add it to get back there
    int32_t num_agents = 0, num_frames = 0, num_boxes = 0, num_lights = 0;  // packed
    int32_t num_objects = 0, num_roads = 0;                                 // in the file
    int32_t num_road_segments = 0;  // GPUDrive's numRoadSegments: before the limit, with driveways and unknown roads
    int32_t boxes_left_out = 0;     // beyond the limit
};

/// Read-only access to one scene, host or device. Cheap to make.
struct SceneView {
    SceneInfo info;
    const LoggedAgent* agents;       // [num_agents], in GPUDrive's order: see pack_scene
    const LoggedState* states;       // [num_frames, num_agents]: the agents of a frame lie together
    const uint32_t* valid;           // [num_frames, words] a bit per agent
    const RoadBox* boxes;            // [num_boxes], in the file's order
    const RoadInfo* roads;           // [num_boxes]
    const TrafficLight* lights;      // [num_lights]
    const LightState* light_states;  // [num_frames, num_lights]; unknown where the file says nothing

    /// 0 <= frame < num_frames, 0 <= agent < num_agents, unchecked.
    SIM_HD const LoggedState& state(int frame, int agent) const { return states[frame * info.num_agents + agent]; }
    SIM_HD bool is_valid(int frame, int agent) const {
        return valid[frame * words(info.num_agents) + agent / 32] >> (agent % 32) & 1;
    }
    /// Words of the valid bits of one frame.
    SIM_HD static int words(int num_agents) { return (num_agents + 31) / 32; }
};

/// How scenes are packed. The limits are GPUDrive's.
struct PackOptions {
    RoadOptions roads;
    int max_agents = 515;  // of a scene, the first ones in GPUDrive's order; at most 32767
    int max_frames = 91;   // of a track, the first ones

    bool operator==(const PackOptions&) const = default;
};

/// One scene, on the host.
struct PackedScene {
    SceneInfo info;
    std::vector<LoggedAgent> agents;
    std::vector<LoggedState> states;
    std::vector<uint32_t> valid;
    std::vector<RoadBox> boxes;
    std::vector<RoadInfo> roads;
    std::vector<TrafficLight> lights;
    std::vector<LightState> light_states;
    std::string name, scenario_id;

    SceneView view() const {
        return {info,         agents.data(), states.data(), valid.data(),
                boxes.data(), roads.data(),  lights.data(), light_states.data()};
    }
    /// Bytes of the arrays in a pool.
    int64_t bytes() const;
};

/// Packs a scene. Agents come in GPUDrive's order: the SDC, tracks to predict, objects of interest, the rest; within
/// each group in the file's order. rules = pufferlib: agents in the file's order, and those that are no vehicles are
/// not shifted by the mean. source: the start of messages. Throws std::invalid_argument for roads that keep too many
/// points (see road_entities).
PackedScene pack_scene(const Scene& scene, const PackOptions& options, const std::string& source);

/// A pool of scenes, for Shared.
struct ScenePool {
    View<SceneInfo> info;  // [scenes]
    Ragged<LoggedAgent> agent;
    Ragged<LoggedState> state;
    Ragged<uint32_t> valid;
    Ragged<RoadBox> box;
    Ragged<RoadInfo> road;
    Ragged<TrafficLight> light;
    Ragged<LightState> light_state;
    Ragged<char> name, scenario_id;  // without terminating zeros

    /// Number of scenes.
    SIM_HD int64_t size() const { return info.size(); }
    /// 0 <= scene < size(), unchecked.
    SIM_HD SceneView view(int64_t scene) const {
        return {info[scene],    agent.row(scene), state.row(scene), valid.row(scene),
                box.row(scene), road.row(scene),  light.row(scene), light_state.row(scene)};
    }
    /// For Shared::fields.
    template <class V>
    void fields(V& visit) {
        visit("info", info), visit("agent", agent), visit("state", state), visit("valid", valid), visit("box", box);
        visit("road", road), visit("light", light), visit("light_state", light_state);
        visit("name", name), visit("scenario_id", scenario_id);
    }
};

/// Host only: a scene's name and id. Not bounded by GPUDrive's 32 characters.
std::string name_of(const ScenePool& pool, int64_t scene);
std::string scenario_id_of(const ScenePool& pool, int64_t scene);

}  // namespace flockstep::driving
