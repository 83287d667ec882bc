#include "envs/driving/scene_generator.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "envs/driving/scene_population.h"

namespace flockstep::driving {

using namespace scene_making;

namespace {

constexpr const char* kind_names[num_scene_kinds] = {
    "straight", "curve", "t_junction",           "four_way", "roundabout", "merge",
    "parking",  "jam",   "pedestrians_cyclists", "mixed"};
constexpr int most_unreduced_segments = 9, most_curve_segments = 1000;  // GPUDrive reduces roads of 11 points and more
constexpr int crosswalk_element = 18, stop_sign_element = 17;
constexpr double no_value = -10000;  // of a frame that is not valid
constexpr int most_predicted = 8;

double rounded(double value, double per_unit) { return std::floor(value * per_unit + 0.5) / per_unit + 0.0; }

/// From the plan's frame to the scene's.
struct Placement {
    double turn, c, s, x, y;
    explicit Placement(SceneDraws draws)
        : turn(draws.between(-path_pi, path_pi)),
          c(cosine(turn)),
          s(sine(turn)),
          x(draws.whole(-200, 200)),
          y(draws.whole(-200, 200)) {}
    ScenePoint operator()(double px, double py) const {
        return {rounded(c * px - s * py + x, 100), rounded(s * px + c * py + y, 100), 0};
    }
};

/// The points of a line, in roads that share their ends. Straight parts are roads of few points, which the reduction
/// leaves alone, so that their segments stay short.
std::vector<std::vector<PathPose>> pieces_of(const ScenePath& path, const SceneGeneratorConfig& config) {
    std::vector<std::vector<PathPose>> roads;
    bool was_curved = false;
    for (const ScenePath::Piece& piece : path.pieces()) {
        if (piece.length < 0.02) continue;
        const bool is_curved = piece.curvature != 0;
        const double longest = is_curved ? config.curve_point_spacing : config.max_segment_length;
        const int count = std::max(1, int(std::ceil(piece.length / longest - 1e-9)));
        const int most = is_curved ? most_curve_segments : most_unreduced_segments;
        if (roads.empty() || !is_curved || !was_curved) roads.push_back({path.at(piece.begin)});
        for (int k = 1; k <= count; ++k) {
            if (int(roads.back().size()) > most) roads.push_back({roads.back().back()});
            roads.back().push_back(path.at(piece.begin + piece.length * k / count));
        }
        was_curved = is_curved;
    }
    return roads;
}

class SceneBuilder {
  public:
    SceneBuilder(SceneKind kind, const SceneGeneratorConfig& config, uint64_t seed)
        : config_(config), seed_(seed), place_(SceneDraws(seed, SceneDraws::placement)) {
        SceneDraws layout(seed, SceneDraws::layout), agents(seed, SceneDraws::agents);
        plan_ = plan_scene(kind, config, layout);
        EdgeSegments edges;
        for (const PlannedLine& line : plan_.lines) {
            if (line.type != RoadType::road_edge) continue;
            for (const auto& road : pieces_of(line.path, config))
                for (size_t k = 1; k < road.size(); ++k)
                    edges.push_back(
                        {{float(road[k - 1].x), float(road[k - 1].y)}, {float(road[k].x), float(road[k].y)}});
        }
        population_ = populate(plan_, edges, config, agents);
    }

    Scene build() {
        char id[17];
        std::snprintf(id, sizeof id, "%016llx",
                      static_cast<unsigned long long>(SceneDraws(seed_, SceneDraws::name).bits()));
        scene_.scenario_id = id;
        scene_.name = "tfrecord-" + scene_.scenario_id + ".json";
        build_roads();
        build_lights();
        choose_recorder();
        hide_some();
        build_objects();
        build_metadata();
        return std::move(scene_);
    }

  private:
    int32_t add_road(std::vector<ScenePoint> geometry, RoadType type, int element) {
        scene_.roads.push_back({std::move(geometry), type, element, next_road_id_});
        return next_road_id_++;
    }

    void build_roads() {
        for (const PlannedLine& line : plan_.lines) {
            int32_t id = -1;
            for (const auto& road : pieces_of(line.path, config_)) {
                std::vector<ScenePoint> points;
                for (const PathPose& pose : road) points.push_back(place_(pose.x, pose.y));
                id = add_road(std::move(points), line.type, line.element);
            }
            last_road_of_line_.push_back(id);
        }
        for (const auto& polygon : plan_.crosswalks) {
            std::vector<ScenePoint> points;
            for (const ScenePoint& p : polygon) points.push_back(place_(p.x, p.y));
            add_road(std::move(points), RoadType::crosswalk, crosswalk_element);
        }
        for (const ScenePoint& p : plan_.stop_signs)
            add_road({place_(p.x, p.y)}, RoadType::stop_sign, stop_sign_element);
    }

    void build_lights() {
        for (const PlannedLight& planned : plan_.lights) {
            SceneLight light;
            light.lane = std::to_string(last_road_of_line_[size_t(planned.line)]);
            for (int t = 0; t < scene_frames; ++t) {
                light.state.push_back(plan_.signals.at(planned.phase, warm_up_frames + t));
                light.position.push_back(place_(planned.stop.x, planned.stop.y));
                light.time_index.push_back(t);
            }
            scene_.lights.push_back(std::move(light));
        }
    }

    bool is_moving(int i) const { return population_.drivers[size_t(i)].route >= 0; }

    /// The recording car is the moving vehicle that is seen longest, and the last object, as in Waymo's files. The
    /// others come in any order.
    void choose_recorder() {
        SceneDraws draws(seed_, SceneDraws::order);
        const int n = int(population_.drivers.size());
        for (int i = 0; i < n; ++i) order_.push_back(i);
        for (int k = n; k > 1; --k) std::swap(order_[size_t(k) - 1], order_[size_t(draws.below(k))]);
        long longest = 0;
        size_t best = order_.size();
        for (size_t k = 0; k < order_.size(); ++k) {
            const int i = order_[k];
            const auto& visible = population_.tracks[size_t(i)].is_visible;
            const long seen = std::count(visible.begin(), visible.end(), 1);
            if (is_moving(i) && population_.drivers[size_t(i)].type == AgentType::vehicle && seen > longest)
                longest = seen, best = k;
        }
        if (best == order_.size()) return;
        std::rotate(order_.begin() + long(best), order_.begin() + long(best) + 1, order_.end());
        scene_.sdc_track_index = n - 1;
    }

    /// Some are seen late, and some are lost early.
    void hide_some() {
        SceneDraws draws(seed_, SceneDraws::windows);
        for (size_t k = 0; k < order_.size(); ++k) {
            DriverTrack& track = population_.tracks[size_t(order_[k])];
            const bool is_hidden = draws.chance(config_.window_share), is_late = draws.chance(0.5);
            const int late = draws.whole(5, 45), early = draws.whole(40, 85);
            if (!is_hidden || !is_moving(order_[k]) || int(k) == scene_.sdc_track_index) continue;
            DriverTrack cut = track;
            for (int t = 0; t < scene_frames; ++t)
                if (is_late ? t < late : t > early) cut.is_visible[size_t(t)] = 0;
            if (is_worth_showing(cut, config_.min_goal_distance)) track = cut;
        }
    }

    SceneObject object_of(int i, int32_t id) const {
        const Driver& driver = population_.drivers[size_t(i)];
        const DriverTrack& track = population_.tracks[size_t(i)];
        SceneObject object;
        object.type = driver.type, object.id = id;
        object.length = driver.length, object.width = driver.width, object.height = driver.height;
        for (size_t t = 0; t < size_t(scene_frames); ++t) {
            const PathPose& pose = track.pose[t];
            const bool is_valid = track.is_visible[t];
            const double heading = wrapped(pose.heading + place_.turn), speed = track.speed[t];
            object.valid.push_back(is_valid);
            if (is_valid) {
                object.position.push_back(place_(pose.x, pose.y)), object.goal = object.position.back();
                object.heading.push_back(rounded(heading, 1e4));
                object.velocity.push_back(
                    {rounded(speed * cosine(heading), 100), rounded(speed * sine(heading), 100), 0});
            } else {
                object.position.push_back({no_value, no_value, no_value});
                object.heading.push_back(no_value), object.velocity.push_back({no_value, no_value, 0});
            }
        }
        return object;
    }

    void build_objects() {
        SceneDraws draws(seed_, SceneDraws::ids);
        int32_t id = 100;
        for (const int i : order_) scene_.objects.push_back(object_of(i, id += draws.whole(1, 9)));
    }

    void build_metadata() {
        for (int k = int(scene_.objects.size()) - 1; k >= 0 && int(scene_.tracks_to_predict.size()) < most_predicted;
             --k) {
            const SceneObject& object = scene_.objects[size_t(k)];
            if (!is_moving(order_[size_t(k)]) || !object.valid[10] || !object.valid[scene_frames - 1]) continue;
            scene_.tracks_to_predict.push_back({k, object.type == AgentType::vehicle ? 1 : 2});
        }
        // Of interest: the recorder and who comes nearest to it, if that is near.
        if (scene_.sdc_track_index < 0) return;
        const SceneObject& recorder = scene_.objects.back();
        double nearest = 12 * 12;
        int32_t found = -1;
        for (size_t k = 0; k + 1 < scene_.objects.size(); ++k) {
            if (!is_moving(order_[k])) continue;
            const SceneObject& object = scene_.objects[k];
            for (size_t t = 0; t < size_t(scene_frames); ++t) {
                if (!object.valid[t] || !recorder.valid[t]) continue;
                const double dx = object.position[t].x - recorder.position[t].x;
                const double dy = object.position[t].y - recorder.position[t].y;
                if (dx * dx + dy * dy < nearest) nearest = dx * dx + dy * dy, found = object.id;
            }
        }
        if (found >= 0) scene_.objects_of_interest = {recorder.id, found};
    }

    const SceneGeneratorConfig& config_;
    uint64_t seed_;
    Placement place_;
    ScenePlan plan_;
    Population population_;
    Scene scene_;
    std::vector<int> order_;  // drivers, in the order of objects
    std::vector<int32_t> last_road_of_line_;
    int32_t next_road_id_ = 1;
};

void check(const char* name, double value, double low, double high, bool may_be_zero = false) {
    if ((value >= low && value <= high) || (may_be_zero && value == 0)) return;
    std::ostringstream text;
    text << name << ": got " << value << ", want " << (may_be_zero ? "0 or " : "") << low << " to " << high;
    throw std::invalid_argument(text.str());
}

void check_config(const SceneGeneratorConfig& config) {
    check("kind", int(config.kind), 0, num_scene_kinds - 1);
    check("num_agents", config.num_agents, 1, 512, true);
    check("num_moving", config.num_moving, 1, 512, true);
    check("road_length", config.road_length, 40, 1000, true);
    check("lights_share", config.lights_share, 0, 1);
    check("window_share", config.window_share, 0, 1);
    check("min_goal_distance", config.min_goal_distance, 0.2, 20);
    check("max_segment_length", config.max_segment_length, 1, 1000);
    check("curve_point_spacing", config.curve_point_spacing, 0.1, 5);
}

}  // namespace

const char* name_of(SceneKind kind) { return kind_names[int(kind)]; }

Scene generate_scene(const SceneGeneratorConfig& config, uint64_t seed) {
    check_config(config);
    SceneKind kind = config.kind;
    if (kind == SceneKind::mixed) kind = SceneKind(SceneDraws(seed, SceneDraws::kind).below(num_scene_kinds - 1));
    // Scenes of different kinds have different draws.
    return SceneBuilder(kind, config, seed * uint64_t(num_scene_kinds) + uint64_t(kind)).build();
}

std::vector<ExampleScene> example_scenes() {
    struct Example {
        SceneKind kind;
        int num_agents;
        double road_length, curve_point_spacing;
        uint64_t seed;  // of a scene whose agents are seen nearly all the time
    };
    constexpr Example list[] = {{SceneKind::straight, 2, 60, 3, 33},
                                {SceneKind::curve, 1, 60, 5, 31},
                                {SceneKind::t_junction, 1, 40, 3, 15},
                                {SceneKind::four_way, 2, 40, 3, 26},
                                {SceneKind::roundabout, 1, 40, 3, 76},
                                {SceneKind::merge, 2, 60, 3, 69},
                                {SceneKind::parking, 2, 60, 3, 35},
                                {SceneKind::jam, 2, 60, 5, 58},
                                {SceneKind::pedestrians_cyclists, 3, 60, 3, 77}};
    std::vector<ExampleScene> examples;
    for (const auto& [kind, num_agents, road_length, curve_point_spacing, seed] : list) {
        SceneGeneratorConfig config;
        config.kind = kind, config.num_agents = num_agents;
        config.num_moving = kind == SceneKind::parking ? 1 : num_agents;
        config.road_length = road_length, config.curve_point_spacing = curve_point_spacing, config.window_share = 0;
        config.lights_share = 1;
        examples.push_back({std::string("tfrecord_") + name_of(kind) + ".json", config, seed});
    }
    return examples;
}

}  // namespace flockstep::driving
