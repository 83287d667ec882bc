#include "envs/driving/road_reduction.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace flockstep::driving {

namespace {

constexpr int min_reduced_points = 11;
constexpr float segment_half_width = 0.1f, sign_half_width = 0.2f;
constexpr size_t puffer_frames = 91;

template <class Point, class Real>
std::vector<int> reduce(const std::vector<Point>& points, Real threshold) {
    const int n = int(points.size());
    std::vector<int> next(points.size());  // the next point that is kept; n: none
    for (int k = 0; k < n; ++k) next[size_t(k)] = k + 1;
    const auto area = [&](const Point& a, const Point& b, const Point& c) {
        return Real(0.5) * std::abs((a.x - c.x) * (b.y - a.y) - (a.x - b.x) * (c.y - a.y));
    };
    for (bool dropped = n >= min_reduced_points; dropped;) {
        dropped = false;
        for (int k = 0; k < n - 1;) {
            const int first = next[size_t(k)];
            if (first >= n - 1) break;
            const int second = next[size_t(first)];
            if (second >= n) break;
            const bool is_flat = area(points[size_t(k)], points[size_t(first)], points[size_t(second)]) < threshold;
            if (is_flat) next[size_t(k)] = second, dropped = true;
            k = is_flat ? second : first;
        }
    }
    std::vector<int> kept;
    for (int k = 0; k < n; k = next[size_t(k)]) kept.push_back(k);
    return kept;
}

bool is_line(RoadType type) {
    return type == RoadType::lane || type == RoadType::road_line || type == RoadType::road_edge;
}

/// The type by which a road is treated, and its element.
struct Kind {
    RoadType type;
    int8_t map_element_id;
};
Kind kind_of(const SceneRoad& road, SceneRules rules) {
    const int element = road.map_element_id;
    const bool is_known = element >= 0 && element <= 20 && element != 4;
    if (rules == SceneRules::gpudrive) return {road.type, int8_t(is_known ? element : -1)};
    if (road.type == RoadType::lane) return {RoadType::lane, 2};
    if (road.type == RoadType::road_edge) return {RoadType::road_edge, 15};
    const RoadType type = element < 0     ? RoadType::unknown
                          : element <= 3  ? RoadType::lane
                          : element <= 4  ? RoadType::unknown
                          : element <= 13 ? RoadType::road_line
                          : element <= 16 ? RoadType::road_edge
                          : element == 17 ? RoadType::stop_sign
                          : element == 18 ? RoadType::crosswalk
                          : element == 19 ? RoadType::speed_bump
                                          : RoadType::unknown;
    return {type, int8_t(is_known ? element : -1)};
}

/// Indices of the road's points that are kept.
std::vector<int> kept_points(const SceneRoad& road, const RoadOptions& options) {
    const Kind kind = kind_of(road, options.rules);
    const bool is_puffer = options.rules == SceneRules::pufferlib;
    const bool is_reduced = is_puffer ? kind.map_element_id <= 16 : is_line(kind.type);
    const float threshold = is_reduced ? options.reduction_threshold : 0.0f;
    if (is_puffer) return reduce_polyline(road.geometry, double(threshold));
    std::vector<Vec2> points;
    points.reserve(road.geometry.size());
    for (const ScenePoint& point : road.geometry) points.push_back({float(point.x), float(point.y)});
    return reduce_polyline(points, threshold);
}

/// A mean that moves with every sample.
struct RunningMean {
    Vec2 mean{0, 0};
    int64_t count = 0;
    void add(const ScenePoint& point) {
        ++count;
        mean.x += (float(point.x) - mean.x) / float(count);
        mean.y += (float(point.y) - mean.y) / float(count);
    }
};

/// Appends the boxes of one road.
class EntityBuilder {
  public:
    EntityBuilder(RoadEntities& out, const RoadOptions& options) : out_(out), options_(options) {}

    void add_polyline(const std::vector<Vec2>& points, RoadEntity entity) {
        for (size_t k = 0; k + 1 < points.size(); ++k) add_segment(points[k], points[k + 1], entity);
    }
    void add_polygon(const std::vector<Vec2>& points, Vec2 mean, RoadEntity entity) {
        const size_t n = std::min<size_t>(points.size(), 4);
        if (n < 3) return;
        Vec2 sum{0, 0}, along{0, 0};
        float longest = -1, shortest = INFINITY;
        for (size_t k = 0; k < n; ++k) {
            const Vec2 side = points[(k + 1) % n] - points[k];
            const float length_of_side = float(std::hypot(double(side.x), double(side.y)));
            sum = sum + points[k], shortest = std::min(shortest, length_of_side);
            if (length_of_side > longest) longest = length_of_side, along = side;
        }
        entity.center = Vec2{sum.x / float(n), sum.y / float(n)} - mean;
        entity.half_length = longest / 2, entity.half_width = shortest / 2;
        entity.heading = std::atan2(along.y, along.x);
        add(entity);
    }
    void add_sign(Vec2 point, RoadEntity entity) {
        entity.center = point, entity.half_length = entity.half_width = sign_half_width, entity.heading = 0.0f;
        add(entity);
    }

  private:
    void add_segment(Vec2 from, Vec2 to, RoadEntity entity) {
        const Vec2 along = to - from;
        const float full = length(along), most = options_.max_segment_length;
        const float limit = float(options_.max_entities + 1);
        const int pieces = most > 0.0f ? int(std::clamp(std::ceil(full / most), 1.0f, limit)) : 1;
        entity.half_length = full / 2 / float(pieces), entity.half_width = segment_half_width;
        entity.heading = std::atan2(along.y, along.x);
        for (int k = 0; k < pieces; ++k) {
            const float middle = (float(k) + 0.5f) / float(pieces);
            entity.center = pieces == 1 ? Vec2{(from.x + to.x) / 2, (from.y + to.y) / 2} : from + middle * along;
            add(entity);
        }
    }
    void add(const RoadEntity& entity) {
        if (int64_t(out_.entities.size()) < options_.max_entities)
            out_.entities.push_back(entity);
        else
            ++out_.left_out;
    }
    RoadEntities& out_;
    const RoadOptions& options_;
};

}  // namespace

std::vector<int> reduce_polyline(const std::vector<Vec2>& points, float threshold) { return reduce(points, threshold); }
std::vector<int> reduce_polyline(const std::vector<ScenePoint>& points, double threshold) {
    return reduce(points, threshold);
}

Vec2 mean_of(const Scene& scene, const RoadOptions& options) {
    const bool is_puffer = options.rules == SceneRules::pufferlib;
    RunningMean mean;
    for (const SceneObject& object : scene.objects) {
        if (is_puffer && object.type != AgentType::vehicle) continue;
        const size_t frames = std::min(object.position.size(), is_puffer ? puffer_frames : SIZE_MAX);
        for (size_t t = 0; t < frames; ++t)
            if (object.valid[t]) mean.add(object.position[t]);
    }
    for (const SceneRoad& road : scene.roads) {
        if (is_puffer)
            for (const int k : kept_points(road, options)) mean.add(road.geometry[size_t(k)]);
        else
            for (const ScenePoint& point : road.geometry) mean.add(point);
    }
    return mean.mean;
}

RoadEntities road_entities(const Scene& scene, Vec2 mean, const RoadOptions& options) {
    RoadEntities out;
    EntityBuilder builder(out, options);
    const size_t num_roads = std::min({scene.roads.size(), size_t(options.max_roads), size_t(INT16_MAX)});
    std::vector<Vec2> points;
    for (size_t k = 0; k < num_roads; ++k) {
        const SceneRoad& road = scene.roads[k];
        const Kind kind = kind_of(road, options.rules);
        points.clear();
        // An area is boxed in the file's coordinates, in float32 as the original.
        const bool is_area = kind.type == RoadType::crosswalk || kind.type == RoadType::speed_bump;
        for (const int point : kept_points(road, options))
            points.push_back(from_mean(road.geometry[size_t(point)], is_area ? Vec2{0, 0} : mean));
        if (points.size() > size_t(max_road_points))
            throw std::invalid_argument("roads[" + std::to_string(k) + "].geometry: got " +
                                        std::to_string(points.size()) + " points after the reduction, want at most " +
                                        std::to_string(max_road_points));
        const RoadEntity entity{{}, 0, 0, 0, kind.type, kind.map_element_id, int16_t(k), road.id};
        out.num_segments += is_area || kind.type == RoadType::stop_sign ? 1 : int64_t(points.size()) - 1;
        if (is_line(kind.type)) builder.add_polyline(points, entity);
        if (is_area) builder.add_polygon(points, mean, entity);
        if (kind.type == RoadType::stop_sign) builder.add_sign(points[0], entity);
    }
    return out;
}

}  // namespace flockstep::driving
