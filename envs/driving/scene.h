#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Recorded traffic scenes as their files have them: host only, plain data, in the file's own frame and precision.
/// The files are GPUDrive's scenario JSON (Kazemkhani et al. 2024; from the Waymo Open Motion Dataset, nuPlan, ...).
///
///   const Scene scene = read_scene(read_file("tfrecord-00000-of-01000_325.json"), "tfrecord-00000-of-01000_325.json");
///   // packed_scene.h makes of it what the simulator reads
namespace flockstep::driving {

/// A point of a file: x to the right, y up, z upward; m.
struct ScenePoint {
    double x = 0, y = 0, z = 0;
    bool operator==(const ScenePoint&) const = default;
};

/// What drives or walks. Values as in the Waymo Open Motion Dataset.
enum class AgentType : uint8_t { unset, vehicle, pedestrian, cyclist, other };
/// What a road element is. Values as in GPUDrive's entity types, but for `driveway`, which is there as `unknown`.
enum class RoadType : uint8_t { unknown, road_edge, road_line, lane, crosswalk, speed_bump, stop_sign, driveway };
/// What a traffic light shows. Values as in the Waymo Open Motion Dataset.
enum class LightState : uint8_t {
    unknown,
    arrow_stop,
    arrow_caution,
    arrow_go,
    stop,
    caution,
    go,
    flashing_stop,
    flashing_caution
};
/// The name in a file: `vehicle`, `road_edge`, `arrow_stop`.
const char* name_of(AgentType type);
const char* name_of(RoadType type);
const char* name_of(LightState state);

/// A track. The four lists have one item per frame, 0.1 s apart, any number of them. Where `valid` is 0 the others hold
/// whatever the file has, -10000 as a rule.
struct SceneObject {
    std::vector<ScenePoint> position;
    std::vector<double> heading;               // radians, counter-clockwise from x
    std::vector<ScenePoint> velocity;          // m/s; z is 0
    std::vector<uint8_t> valid;                // 0 or 1
    double width = 0, length = 0, height = 0;  // m; height 0: the file has none
    ScenePoint goal;                           // GPUDrive's files: the last valid position
    AgentType type = AgentType::unset;
    int32_t id = 0;
    bool mark_as_expert = false;  // to be replayed, not controlled
    bool operator==(const SceneObject&) const = default;
};

/// A polyline (lane, road_line, road_edge), a polygon (crosswalk, speed_bump, driveway) or a point (stop_sign).
struct SceneRoad {
    std::vector<ScenePoint> geometry;  // at least 1
    RoadType type = RoadType::unknown;
    int32_t map_element_id = -1;  // Waymax's: 0-3 lane, 5-13 line, 14-16 edge, 17 stop sign, 18 crosswalk, 19 bump
    int32_t id = 0;
    bool operator==(const SceneRoad&) const = default;
};

/// A traffic light: lists of one item per frame in which it was seen, all of the same length.
struct SceneLight {
    std::string lane;  // id of the lane that it controls
    std::vector<LightState> state;
    std::vector<ScenePoint> position;
    std::vector<int32_t> time_index;  // frames
    bool operator==(const SceneLight&) const = default;
};

struct TrackToPredict {
    int32_t track_index = 0, difficulty = 0;  // index into objects; 0 none, 1, 2
    bool operator==(const TrackToPredict&) const = default;
};

struct Scene {
    std::string name, scenario_id;  // empty where the file has none
    std::vector<SceneObject> objects;
    std::vector<SceneRoad> roads;
    std::vector<SceneLight> lights;
    int32_t sdc_track_index = -1;              // index into objects of the recording car; -1: none
    std::vector<int32_t> objects_of_interest;  // ids
    std::vector<TrackToPredict> tracks_to_predict;
    bool operator==(const Scene&) const = default;
};

/// Greatest number of any kind in a file, in size: of coordinates in m, speeds in m/s, angles in radians.
inline constexpr double max_scene_number = 1e9;

/// Reads a scene. What GPUDrive reads is read; beyond it:
///   - `metadata`, `scenario_id`, `name`, `tl_states`, `height`, `mark_as_expert`, `z`, ids and map_element_id may be
///     missing (Nocturne's files); unknown keys are ignored (ScenarioMax's); `valid` may hold 0 and 1.
///   - ids may be texts: `"12"` is 12, and an id that is no 32-bit integer counts as a hash of its text.
///   - types that are not known are `other` among objects and `unknown` among roads; unknown light states `unknown`.
///   - an object without id has its index in the file as id, a road without one 0; without sdc_track_index it is -1.
/// file_name: for messages. Throws std::invalid_argument for anything else, in one sentence with the file, the key,
/// what was found and what was wanted: "a.json: objects[3].position[7].x: got NaN, want a number". About 1.3 ns a byte.
Scene read_scene(std::string_view text, std::string_view file_name);

/// GPUDrive's JSON, on one line, numbers in the fewest digits that read back the same: read_scene(to_json(scene)) is
/// the same scene. Names must be UTF-8.
std::string to_json(const Scene& scene);

/// The number that an id written as text counts as: its value if it is a 32-bit integer, else the lower 31 bits of its
/// FNV-1a hash, which two ids of one scene share with a probability of about 1e-6.
int32_t id_of_text(std::string_view text);

}  // namespace flockstep::driving
