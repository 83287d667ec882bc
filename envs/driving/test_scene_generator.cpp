#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <set>

#include "envs/common/geometry.h"
#include "envs/driving/road_reduction.h"
#include "envs/driving/scene_generator.h"
#include "io/read_file.h"
#include "tests/catch.h"

using namespace flockstep;
using namespace flockstep::driving;

namespace {

constexpr int frames = 91, num_seeds = 50;
constexpr double two_pi = 6.283185307179586;

std::vector<SceneKind> plain_kinds() {
    std::vector<SceneKind> kinds;
    for (int k = 0; k + 1 < num_scene_kinds; ++k) kinds.push_back(SceneKind(k));
    return kinds;
}

Scene scene_of(SceneKind kind, uint64_t seed) {
    SceneGeneratorConfig config;
    config.kind = kind;
    return generate_scene(config, seed);
}

uint64_t hash_of(const Scene& scene) {
    uint64_t hash = 14695981039346656037ull;
    for (const char c : to_json(scene)) hash = (hash ^ uint8_t(c)) * 1099511628211ull;
    return hash;
}

OrientedBox box_at_frame(const SceneObject& object, int t) {
    const ScenePoint& p = object.position[size_t(t)];
    return {frame_at({float(p.x), float(p.y)}, float(object.heading[size_t(t)])), float(object.length / 2),
            float(object.width / 2)};
}

double speed_at(const SceneObject& object, int t) {
    return std::hypot(object.velocity[size_t(t)].x, object.velocity[size_t(t)].y);
}
bool is_valid(const SceneObject& object, int t) { return t >= 0 && t < frames && object.valid[size_t(t)]; }

int first_frame(const SceneObject& object) {
    return int(std::find(object.valid.begin(), object.valid.end(), 1) - object.valid.begin());
}
double distance_to_goal(const SceneObject& object) {
    const ScenePoint& start = object.position[size_t(first_frame(object))];
    return std::hypot(object.goal.x - start.x, object.goal.y - start.y);
}

int count_overlaps(const Scene& scene) {
    int count = 0;
    for (int t = 0; t < frames; ++t)
        for (size_t i = 0; i < scene.objects.size(); ++i)
            for (size_t j = 0; j < i; ++j)
                if (is_valid(scene.objects[i], t) && is_valid(scene.objects[j], t))
                    count += overlaps(box_at_frame(scene.objects[i], t), box_at_frame(scene.objects[j], t));
    return count;
}

int count_edge_contacts(const Scene& scene) {
    std::vector<std::pair<Vec2, Vec2>> edges;
    for (const SceneRoad& road : scene.roads)
        for (size_t k = 1; k < road.geometry.size() && road.type == RoadType::road_edge; ++k)
            edges.push_back({{float(road.geometry[k - 1].x), float(road.geometry[k - 1].y)},
                             {float(road.geometry[k].x), float(road.geometry[k].y)}});
    int count = 0;
    for (const SceneObject& object : scene.objects) {
        if (object.type == AgentType::pedestrian) continue;
        for (int t = 0; t < frames; ++t) {
            if (!is_valid(object, t)) continue;
            const OrientedBox box = box_at_frame(object, t);
            for (const auto& [a, b] : edges) count += overlaps(box, a, b);
        }
    }
    return count;
}

/// The worst of what was seen.
struct Motion {
    double top_speed = 0, acceleration = 0, braking = 0, lateral = 0, heading_error = 0, velocity_error = 0;

    void add(const SceneObject& object) {
        for (int t = 0; t < frames; ++t) {
            if (!is_valid(object, t)) continue;
            const double speed = speed_at(object, t);
            top_speed = std::max(top_speed, speed);
            if (is_valid(object, t + 1)) add_step(object, t, speed);
            if (is_valid(object, t - 1) && is_valid(object, t + 1)) add_derivative(object, t);
        }
    }
    void add_step(const SceneObject& object, int t, double speed) {
        const double change = (speed_at(object, t + 1) - speed) / 0.1;
        acceleration = std::max(acceleration, change), braking = std::max(braking, -change);
        const double turn = std::remainder(object.heading[size_t(t) + 1] - object.heading[size_t(t)], two_pi) / 0.1;
        lateral = std::max(lateral, std::abs(turn) * (speed + speed_at(object, t + 1)) / 2);
        if (speed < 1) return;
        const ScenePoint &a = object.position[size_t(t)], &b = object.position[size_t(t) + 1];
        const double direction = std::atan2(b.y - a.y, b.x - a.x);
        heading_error =
            std::max(heading_error, std::abs(std::remainder(direction - object.heading[size_t(t)], two_pi)));
    }
    void add_derivative(const SceneObject& object, int t) {
        const ScenePoint &a = object.position[size_t(t) - 1], &b = object.position[size_t(t) + 1];
        const ScenePoint& v = object.velocity[size_t(t)];
        velocity_error = std::max(velocity_error, std::hypot((b.x - a.x) / 0.2 - v.x, (b.y - a.y) / 0.2 - v.y));
    }
};

void check_form(const Scene& scene) {
    std::set<int32_t> ids;
    for (const SceneObject& object : scene.objects) {
        REQUIRE(object.position.size() == frames);
        REQUIRE(object.heading.size() == frames);
        REQUIRE(object.velocity.size() == frames);
        REQUIRE(object.valid.size() == frames);
        REQUIRE(first_frame(object) < frames);
        CHECK(!object.mark_as_expert);
        int last = frames - 1;
        while (!object.valid[size_t(last)]) --last;
        CHECK(object.goal == object.position[size_t(last)]);
        const double distance = distance_to_goal(object);
        CHECK((distance == 0 || distance >= 3));
        CHECK(ids.insert(object.id).second);
    }
    for (const int32_t id : scene.objects_of_interest) CHECK(ids.count(id) == 1);
    for (const TrackToPredict& track : scene.tracks_to_predict) {
        const SceneObject& object = scene.objects[size_t(track.track_index)];
        CHECK((object.valid[10] && distance_to_goal(object) >= 3));
    }
    REQUIRE(scene.sdc_track_index == int(scene.objects.size()) - 1);
    CHECK(scene.objects.back().type == AgentType::vehicle);
    CHECK(scene.name.size() < 32);
}

/// Numbers of agents, of those that move, and of segments after GPUDrive's reduction.
struct Range {
    int low, high;
};
struct Expected {
    Range agents, moving, segments;
};
const std::map<SceneKind, Expected> expected = {{SceneKind::straight, {{18, 45}, {8, 17}, {80, 300}}},
                                                {SceneKind::curve, {{18, 45}, {8, 17}, {150, 1200}}},
                                                {SceneKind::t_junction, {{20, 45}, {9, 18}, {150, 500}}},
                                                {SceneKind::four_way, {{20, 45}, {9, 18}, {220, 700}}},
                                                {SceneKind::roundabout, {{18, 38}, {8, 15}, {300, 700}}},
                                                {SceneKind::merge, {{14, 28}, {14, 26}, {200, 600}}},
                                                {SceneKind::parking, {{22, 46}, {5, 10}, {70, 200}}},
                                                {SceneKind::jam, {{64, 80}, {64, 80}, {200, 500}}},
                                                {SceneKind::pedestrians_cyclists, {{14, 26}, {14, 26}, {80, 300}}}};

bool is_within(int value, const Range& range) { return value >= range.low && value <= range.high; }

}  // namespace

TEST_CASE("scene generator: nobody touches another or leaves the road, and motion is plausible") {
    std::vector<double> all_agents, all_moving;
    for (const SceneKind kind : plain_kinds()) {
        INFO("kind " << name_of(kind));
        Motion motion;
        int64_t segments = 0, agents = 0, moving = 0;
        double longest = 0;
        for (int seed = 0; seed < num_seeds; ++seed) {
            INFO("seed " << seed);
            const Scene scene = scene_of(kind, uint64_t(seed));
            check_form(scene);
            CHECK(count_overlaps(scene) == 0);
            CHECK(count_edge_contacts(scene) == 0);
            int scene_moving = 0;
            for (const SceneObject& object : scene.objects) {
                motion.add(object);
                scene_moving += distance_to_goal(object) > 0.2;
            }
            const RoadEntities roads = road_entities(scene, mean_of(scene, {}), {});
            for (const RoadEntity& entity : roads.entities)
                if (entity.type != RoadType::crosswalk) longest = std::max(longest, 2.0 * entity.half_length);
            const Expected& wanted = expected.at(kind);
            CHECK(is_within(int(scene.objects.size()), wanted.agents));
            CHECK(is_within(scene_moving, wanted.moving));
            CHECK(is_within(int(roads.entities.size()), wanted.segments));
            segments += int64_t(roads.entities.size());
            agents += int64_t(scene.objects.size()), moving += scene_moving;
        }
        std::cout << name_of(kind) << ": " << agents / num_seeds << " agents, " << moving / num_seeds << " move, "
                  << segments / num_seeds << " segments\n";
        CHECK(motion.top_speed <= 30);
        CHECK(motion.acceleration <= 4);
        CHECK(motion.braking <= 8);
        CHECK(motion.lateral < 3);
        CHECK(motion.heading_error < 0.2);
        CHECK(motion.velocity_error < 0.5);
        CHECK(longest < 20.1);
        all_agents.push_back(double(agents) / num_seeds), all_moving.push_back(double(moving) / num_seeds);
    }
}

TEST_CASE("scene generator: a scene is read back as it was written") {
    for (const SceneKind kind : plain_kinds()) {
        const Scene scene = scene_of(kind, 7);
        CHECK((read_scene(to_json(scene), "scene.json") == scene));
    }
}

TEST_CASE("scene generator: the same seed gives the same bytes, another one another scene") {
    for (int k = 0; k < num_scene_kinds; ++k) {
        const SceneKind kind = SceneKind(k);
        std::set<uint64_t> hashes;
        for (uint64_t seed = 0; seed < 8; ++seed) hashes.insert(hash_of(scene_of(kind, seed)));
        CHECK(hashes.size() == 8);
        CHECK(hash_of(scene_of(kind, 3)) == hash_of(scene_of(kind, 3)));
    }
}

TEST_CASE("scene generator: settings set the numbers of agents, and those out of range are named") {
    SceneGeneratorConfig config;
    config.kind = SceneKind::straight, config.num_agents = 12, config.num_moving = 5;
    const Scene scene = generate_scene(config, 5);
    CHECK(scene.objects.size() == 12);
    CHECK(std::count_if(scene.objects.begin(), scene.objects.end(),
                        [](const SceneObject& object) { return distance_to_goal(object) > 0.2; }) == 5);
    config.road_length = 7;
    REQUIRE_THROWS_WITH(generate_scene(config, 5), "road_length: got 7, want 0 or 40 to 1000");
}

TEST_CASE("scene generator: lights of a junction never let both roads go, and nobody passes a red one") {
    int num_lights = 0, num_scenes = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        const Scene scene = scene_of(SceneKind::four_way, seed);
        num_scenes += !scene.lights.empty();
        for (const SceneLight& light : scene.lights) {
            ++num_lights;
            REQUIRE(light.state.size() == frames);
            const auto road = std::find_if(scene.roads.begin(), scene.roads.end(),
                                           [&](const SceneRoad& r) { return std::to_string(r.id) == light.lane; });
            REQUIRE(road != scene.roads.end());
            CHECK(road->type == RoadType::lane);
            const ScenePoint &from = road->geometry[road->geometry.size() - 2], &to = road->geometry.back();
            const double size = std::hypot(to.x - from.x, to.y - from.y);
            const double c = (to.x - from.x) / size, s = (to.y - from.y) / size;
            for (const SceneLight& other : scene.lights) {
                for (size_t t = 0; t < frames && light.state != other.state; ++t)
                    CHECK((light.state[t] == LightState::stop || other.state[t] == LightState::stop));
            }
            for (const SceneObject& object : scene.objects) {
                for (int t = 0; t + 1 < frames && object.type == AgentType::vehicle; ++t) {
                    if (!is_valid(object, t) || !is_valid(object, t + 1)) continue;
                    const auto seen = [&](int frame) {  // the front, ahead of the line and beside it
                        const ScenePoint &p = object.position[size_t(frame)], &line = light.position[0];
                        const double dx = p.x - line.x, dy = p.y - line.y;
                        return std::pair{dx * c + dy * s + object.length / 2, dx * s - dy * c};
                    };
                    const bool is_along =
                        std::cos(object.heading[size_t(t)]) * c + std::sin(object.heading[size_t(t)]) * s > 0.9;
                    if (!is_along || std::abs(seen(t).second) > 1 || seen(t).first > 0 || seen(t + 1).first <= 0)
                        continue;
                    INFO("seed " << seed << " frame " << t << " light " << light.lane);
                    CHECK(light.state[size_t(t)] != LightState::stop);
                }
            }
        }
    }
    CHECK(num_scenes > 4);
    CHECK(num_lights >= 4 * num_scenes);
}

TEST_CASE("scene generator: who passes a stop sign has stopped there") {
    int num_passed = 0;
    for (uint64_t seed = 0; seed < 40; ++seed) {
        const Scene scene = scene_of(SceneKind::t_junction, seed);
        for (const SceneRoad& road : scene.roads) {
            if (road.type != RoadType::stop_sign) continue;
            const ScenePoint sign = road.geometry[0];
            for (const SceneObject& object : scene.objects) {
                if (object.type != AgentType::vehicle || distance_to_goal(object) == 0) continue;
                double slowest = 100;
                for (int t = 0; t + 1 < frames; ++t) {
                    if (!is_valid(object, t) || !is_valid(object, t + 1)) continue;
                    const double c = std::cos(object.heading[size_t(t)]), s = std::sin(object.heading[size_t(t)]);
                    const auto seen = [&](int frame) {  // the sign from the front: ahead, to the right
                        const ScenePoint& p = object.position[size_t(frame)];
                        const double dx = sign.x - p.x, dy = sign.y - p.y;
                        return std::pair{dx * c + dy * s - object.length / 2, dx * s - dy * c};
                    };
                    const auto [ahead, right] = seen(t);
                    if (right < 3 || right > 12 || ahead > 12 || ahead < -0.5) continue;
                    slowest = std::min(slowest, speed_at(object, t));
                    const bool is_new = t < 40;  // it may have stopped before the first frame
                    if (is_new || ahead < -0.4 || seen(t + 1).first >= -0.4) continue;
                    ++num_passed;
                    INFO("seed " << seed << " object " << object.id << " frame " << t);
                    CHECK(slowest < 0.6);
                }
            }
        }
    }
    CHECK(num_passed > 3);
}

TEST_CASE("scene generator: scenes are those of before") {
    const uint64_t golden[num_scene_kinds] = {0xfe230c9837bb8f25ull, 0x26acb3799eeb8c28ull, 0x6b95b38eb1b09ab3ull,
                                              0x68a4f19dcc46e9a0ull, 0x964b282e11824893ull, 0x949b0b7069d7254full,
                                              0x3ec313fa95d3bf38ull, 0x4591e0c7ed6d4d7dull, 0xc3f422c4a584b316ull,
                                              0x6b95b38eb1b09ab3ull};
    for (int k = 0; k < num_scene_kinds; ++k) {
        INFO("kind " << name_of(SceneKind(k)));
        CHECK(hash_of(scene_of(SceneKind(k), 1)) == golden[k]);
    }
}

TEST_CASE("scene generator: the example files are what it gives") {
    size_t bytes = 0;
    for (const ExampleScene& example : example_scenes()) {
        INFO(example.file_name << "; `build/flockstep_driving_scenes envs/driving/scenes` writes them");
        const std::string text = read_file(std::string(FLOCKSTEP_DRIVING_SCENES) + "/" + example.file_name);
        const Scene scene = generate_scene(example.config, example.seed);
        CHECK((text == to_json(scene) + "\n"));
        CHECK(count_overlaps(scene) == 0);
        CHECK(count_edge_contacts(scene) == 0);
        check_form(scene);
        bytes += text.size();
    }
    CHECK(bytes < 150'000);
}
