#pragma once

#include <cstdint>
#include <vector>

#include "envs/common/geometry.h"
#include "envs/driving/scene.h"

/// From a scene's polylines and polygons to the boxes that agents see and hit. Host only.
namespace flockstep::driving {

/// Whose rules a scene is read by.
enum class SceneRules : int {
    gpudrive,  // GPUDrive b2e575f
    pufferlib  // PufferLib's drive, ca74e12: other means, other road types
};

/// What becomes of a scene's roads. The limits are GPUDrive's.
struct RoadOptions {
    SceneRules rules = SceneRules::gpudrive;
    float reduction_threshold = 0.1f;  // m^2 of a triangle below which a point is dropped; 0: every point stays
    float max_segment_length = 0.0f;   // m; longer segments are cut into equal ones; 0: never, as in GPUDrive
    int max_roads = 956;               // of a file, the first ones are taken; at most 32767
    int max_entities = 10000;          // of a scene, the first ones are taken

    bool operator==(const RoadOptions&) const = default;
};
/// Most points that a road may keep.
inline constexpr int max_road_points = 1746;

/// A box on the ground: a segment of a lane, line or edge, a crosswalk, a speed bump or a stop sign.
struct RoadEntity {
    Vec2 center;                    // m, from the scene's mean
    float half_length, half_width;  // m; segments are 0.2 m wide
    float heading;  // radians, from the segment's first point to its second; of a polygon's longest side
    RoadType type;
    int8_t map_element_id;  // -1 where the file's is none of 0..3, 5..20
    int16_t road;           // index in the file
    int32_t id;             // the road's
};

struct RoadEntities {
    std::vector<RoadEntity> entities;  // in the file's order
    int64_t num_segments = 0;  // GPUDrive's numRoadSegments: driveways and unknown roads count too, the limit does not
    int64_t left_out = 0;      // beyond max_entities
};

/// Indices of the points that GPUDrive's reduction keeps, ascending; both ends among them. Polylines of less than 11
/// points are kept as they are. Not Visvalingam's algorithm, which drops the smallest triangle first, but a sweep: from
/// a kept point, if the triangle with the next two kept ones is smaller than `threshold` (m^2), the first of them is
/// dropped and the sweep goes on from the second; sweeps until none drops a point. Areas in the precision of the
/// points. Source: GPUDrive, json_serialization.hpp; in words: specification of the format. O(points) a sweep, few
/// sweeps.
std::vector<int> reduce_polyline(const std::vector<Vec2>& points, float threshold);
std::vector<int> reduce_polyline(const std::vector<ScenePoint>& points, double threshold);

/// The point that becomes the scene's origin: the running mean, in float32 and in the file's order, of the valid
/// positions of all objects (all frames) and of all road points before their reduction. (0, 0) without any.
/// pufferlib: of vehicles alone, frames 0 to 90, and of the points that the reduction keeps.
Vec2 mean_of(const Scene& scene, const RoadOptions& options);

/// A file's coordinate from the scene's mean: in float32, as the original subtracts.
inline Vec2 from_mean(const ScenePoint& point, Vec2 mean) { return Vec2{float(point.x), float(point.y)} - mean; }

/// The boxes of a scene's roads. Driveways and unknown roads have none; nor have roads of one point, but stop signs,
/// and polygons of one or two. A polygon's box is made of its first 4 points. Throws std::invalid_argument,
/// "roads[7].geometry: got 2000 points after the reduction, want at most 1746".
RoadEntities road_entities(const Scene& scene, Vec2 mean, const RoadOptions& options);

}  // namespace flockstep::driving
