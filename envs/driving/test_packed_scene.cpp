#include <cmath>
#include <numeric>

#include "envs/driving/inverse_actions.h"
#include "envs/driving/selection.h"
#include "envs/driving/test_scene.h"
#include "tests/catch.h"

using namespace flockstep;
using namespace flockstep::driving;
using namespace flockstep::driving::scene_test;

namespace {

/// Reduced in both precisions, which agree here.
std::vector<int> kept(const std::vector<ScenePoint>& points, double threshold = 0.1) {
    std::vector<Vec2> floats;
    for (const ScenePoint& p : points) floats.push_back({float(p.x), float(p.y)});
    const std::vector<int> result = reduce_polyline(points, threshold);
    CHECK(reduce_polyline(floats, float(threshold)) == result);
    return result;
}
std::vector<ScenePoint> straight(int count) {
    std::vector<ScenePoint> points;
    for (int k = 0; k < count; ++k) points.push_back({double(k), 0, 0});
    return points;
}
std::vector<ScenePoint> arc(int count, double radius, double step) {
    std::vector<ScenePoint> points;
    for (int k = 0; k < count; ++k)
        points.push_back({radius * std::cos(k * step / radius), radius * std::sin(k * step / radius), 0});
    return points;
}
SceneRoad road_of(std::vector<ScenePoint> points, RoadType type) { return {std::move(points), type, 2, 5}; }
Scene scene_of(SceneRoad road) {
    Scene scene;
    scene.roads.push_back(std::move(road));
    return scene;
}
RoadEntities entities_of(SceneRoad road, const RoadOptions& options = {}) {
    return road_entities(scene_of(std::move(road)), {0, 0}, options);
}

}  // namespace

TEST_CASE("driving: polylines are reduced as in the examples of the specification") {
    CHECK(kept(straight(12)) == std::vector<int>{0, 11});
    auto spike = straight(12);
    spike[5].y = 1;
    CHECK(kept(spike) == std::vector<int>{0, 4, 5, 6, 11});
    CHECK(kept(arc(21, 50, 0.5)) == std::vector<int>{0, 8, 16, 20});
    CHECK(kept(arc(41, 10, 0.5)) == std::vector<int>{0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40});
    CHECK(kept(straight(10)).size() == 10);
    CHECK(kept(straight(11)) == std::vector<int>{0, 10});
    CHECK(kept(straight(12), 0).size() == 12);
    CHECK(kept({{0, 0, 0}}) == std::vector<int>{0});
    CHECK(kept({}).empty());
}

TEST_CASE("driving: roads become boxes") {
    const auto line = entities_of(road_of({{0, 0, 0}, {3, 4, 0}, {3, 10, 0}}, RoadType::road_edge));
    REQUIRE(line.entities.size() == 2);
    CHECK((line.entities[0].center == Vec2{1.5f, 2} && line.entities[0].half_length == 2.5f));
    CHECK((line.entities[0].half_width == 0.1f && line.entities[0].id == 5 && line.entities[0].map_element_id == 2));
    CHECK(line.entities[0].heading == Catch::Approx(std::atan2(4.0, 3.0)));
    const std::vector<ScenePoint> square{{0, 0, 0}, {8, 0, 0}, {8, 3, 0}, {0, 3, 0}, {-9, -9, 0}};
    const auto walk = entities_of(road_of(square, RoadType::crosswalk));
    REQUIRE(walk.entities.size() == 1);
    CHECK((walk.entities[0].center == Vec2{4, 1.5f} && walk.entities[0].half_length == 4 &&
           walk.entities[0].half_width == 1.5f));
    const auto sign = entities_of(road_of({{2, 1, 0}}, RoadType::stop_sign));
    CHECK((sign.entities[0].center == Vec2{2, 1} && sign.entities[0].half_length == 0.2f));
    for (const RoadType type : {RoadType::driveway, RoadType::unknown}) {
        const auto none = entities_of(road_of(square, type));
        CHECK((none.entities.empty() && none.num_segments == 4));
    }
    CHECK(entities_of(road_of({{2, 1, 0}}, RoadType::lane)).entities.empty());
    CHECK(entities_of(road_of({{2, 1, 0}, {3, 1, 0}}, RoadType::speed_bump)).entities.empty());
}

TEST_CASE("driving: long segments are cut into equal ones if that is asked for") {
    RoadOptions options;
    options.max_segment_length = 20;
    const auto cut = entities_of(road_of({{0, 0, 0}, {90, 0, 0}}, RoadType::road_edge), options);
    REQUIRE(cut.entities.size() == 5);
    for (int k = 0; k < 5; ++k) {
        CHECK(cut.entities[size_t(k)].half_length == 9);
        CHECK(cut.entities[size_t(k)].center.x == Catch::Approx(9 + 18 * k));
    }
    CHECK(entities_of(road_of({{0, 0, 0}, {20, 0, 0}}, RoadType::lane), options).entities.size() == 1);
    options.max_segment_length = 1e-3f;  // more pieces than an int can count
    const auto most = entities_of(road_of({{-1e9, 0, 0}, {1e9, 0, 0}}, RoadType::lane), options);
    CHECK((most.entities.size() == 10000 && most.left_out == 1));
}

TEST_CASE("driving: limits of roads: points, roads and boxes") {
    std::vector<ScenePoint> zigzag;
    for (int k = 0; k < 2000; ++k) zigzag.push_back({double(k), k % 2 ? 5.0 : 0.0, 0});
    CHECK(error_of([&] { pack_scene(scene_of(road_of(zigzag, RoadType::lane)), {}, "b.json"); }) ==
          "b.json: roads[0].geometry: got 2000 points after the reduction, want at most 1746");
    CHECK(entities_of(road_of(straight(5000), RoadType::lane)).entities.size() == 1);
    zigzag.resize(1746);
    Scene scene;
    for (int k = 0; k < 7; ++k) scene.roads.push_back(road_of(zigzag, RoadType::lane));
    const PackedScene packed = pack_scene(scene, {}, "b.json");
    CHECK((packed.info.num_boxes == 10000 && packed.info.num_road_segments == 7 * 1745));
    CHECK(packed.info.boxes_left_out == 7 * 1745 - 10000);
    scene.roads.assign(1000, road_of({{0, 0, 0}, {1, 0, 0}}, RoadType::lane));
    const PackedScene many = pack_scene(scene, {}, "b.json");
    CHECK((many.info.num_boxes == 956 && many.info.num_roads == 1000));
}

TEST_CASE("driving: agents are packed in GPUDrive's order with their marks") {
    Scene scene;
    for (int i = 0; i < 6; ++i) scene.objects.push_back(car_at(10 * i, 0)), scene.objects.back().id = 100 + i;
    scene.sdc_track_index = 3, scene.tracks_to_predict = {{5, 2}, {1, 1}, {3, 1}},
    scene.objects_of_interest = {104, 101};
    scene.objects[0].mark_as_expert = true, scene.objects[2].valid[0] = 0;
    const PackedScene packed = pack_scene(scene, {}, "b.json");
    std::vector<int> objects;
    for (const LoggedAgent& agent : packed.agents) objects.push_back(agent.object);
    CHECK(objects == std::vector<int>{3, 1, 5, 4, 0, 2});
    CHECK(packed.agents[0].flags == (is_sdc | is_to_predict | starts_valid));
    CHECK(packed.agents[1].flags == (is_to_predict | is_of_interest | starts_valid));
    CHECK((packed.agents[2].difficulty == 2 && packed.agents[1].difficulty == 1 && packed.agents[3].difficulty == 0));
    CHECK((packed.agents[4].has(is_expert) && !packed.agents[5].has(starts_valid)));
    CHECK(packed.agents[0].goal_distance == 50.0f);
    PackOptions few;
    few.max_agents = 4;
    CHECK(pack_scene(scene, few, "b.json").info.num_agents == 4);
}

TEST_CASE(
    "driving: tracks of other lengths: shorter ones end invalid, longer ones are cut, all of them count in the mean") {
    Scene scene;
    scene.objects = {car_at(10, 0, 50, 5), car_at(20, 0, 50, 120), car_at(30, 0, 50, 91)};
    for (int i = 0; i < 40; ++i) scene.objects.push_back(car_at(20, 0, 50, 1));
    const PackedScene packed = pack_scene(scene, {}, "b.json");
    const SceneView view = packed.view();
    CHECK(view.info.num_frames == 91);
    double sum = 5 * 10 + 120 * 20 + 91 * 30 + 40 * 20;
    CHECK(view.info.mean.x == Catch::Approx(sum / (5 + 120 + 91 + 40)).epsilon(1e-5));
    CHECK((view.is_valid(4, 0) && !view.is_valid(5, 0) && view.is_valid(90, 1) && view.is_valid(0, 42)));
    CHECK_FALSE(view.is_valid(1, 42));
    CHECK(view.state(5, 0).x == -10000.0f - view.info.mean.x);
    CHECK((view.state(5, 0).heading == -10000.0f && view.state(5, 0).vx == -10000.0f));
    CHECK(view.state(4, 2).x == 30.0f - view.info.mean.x);
}

TEST_CASE("driving: a typical scene takes less than 200 KB") {
    Scene scene;
    for (int i = 0; i < 60; ++i) scene.objects.push_back(car_at(i, 0, 50, 91));
    for (int k = 0; k < 700; ++k)
        scene.roads.push_back(road_of({{0, double(k), 0}, {5, double(k), 0}}, RoadType::lane));
    CHECK(pack_scene(scene, {}, "b.json").bytes() < 140'000);
}

TEST_CASE("driving: lights are packed frame by frame, unknown where the file says nothing") {
    Scene scene = read_scene(small_scene, "a.json");
    scene.lights[0].time_index = {1, 40};
    scene.lights.push_back({"no such lane", {}, {}, {}});
    const PackedScene packed = pack_scene(scene, {}, "b.json");
    REQUIRE(packed.info.num_lights == 1);
    CHECK((packed.lights[0].lane == 10 && packed.lights[0].x == 50.0f - packed.info.mean.x));
    CHECK(packed.light_states == std::vector<LightState>{LightState::unknown, LightState::stop});
}

TEST_CASE("driving: of 2,000 agents those that fit are taken") {
    Scene scene;
    for (int i = 0; i < 2000; ++i) scene.objects.push_back(car_at(i, 0)), scene.objects.back().id = i;
    scene.sdc_track_index = 1999;
    PackOptions all;
    all.max_agents = 5000;
    const PackedScene packed = pack_scene(scene, all, "b.json");
    SelectedAgent out[64];
    const Selection found = select_agents({}, packed.agents.data(), packed.info.num_agents, out);
    CHECK((found.num_agents == 64 && found.num_controlled == 64 && found.left_out == 1936));
    CHECK(packed.agents[size_t(out[0].agent)].id == 1999);
    CHECK(packed.agents[size_t(out[63].agent)].id == 62);
}

TEST_CASE("driving: who is there and who is controlled follows the options") {
    Scene scene;
    scene.objects.assign(5, car_at(0, 0));
    scene.objects[1].type = AgentType::pedestrian, scene.objects[2].valid[0] = 0,
    scene.objects[3].mark_as_expert = true;
    scene.objects[4].goal = scene.objects[4].position[0];
    scene.tracks_to_predict = {{0, 0}};
    const PackedScene packed = pack_scene(scene, {}, "b.json");
    const auto roles = [&](const SelectionOptions& options) {
        SelectedAgent out[64];
        const Selection found = select_agents(options, packed.agents.data(), packed.info.num_agents, out);
        std::string text;
        for (int i = 0; i < found.num_agents; ++i)
            text += std::to_string(packed.agents[size_t(out[i].agent)].object) + "crp"[int(out[i].role)];
        return text;
    };
    using enum ControlledAgents;
    CHECK(roles({}) == "0c1c3r4p");
    CHECK(roles({.ignore_non_vehicles = true}) == "0c3r4p");
    CHECK(roles({.only_valid_at_start = false}) == "0c1c2r3r4p");
    CHECK(roles({.control_parked = true}) == "0c1c3r4c");
    CHECK(roles({.max_controlled = 1}) == "0c1r3r4p");
    CHECK(roles({.control_parked = true, .max_controlled = 0}) == "0r1r3r4r");
    CHECK(roles({.controlled = tracks_to_predict}) == "0c1r3r4p");
    CHECK(roles({.controlled = everyone}) == "0c1c2c3c4c");
    CHECK(roles({.max_agents = 2}) == "0c1c");
}

TEST_CASE("driving: experts' actions lead from frame to frame") {
    const Motion start{{3, -2}, 0.7f, {8 * std::cos(0.7f), 8 * std::sin(0.7f)}, 0};
    const auto logged = [](const Motion& m) {
        return LoggedState{m.position.x, m.position.y, m.heading, m.velocity.x, m.velocity.y};
    };
    const Motion turned = drive_bicycle(start, 1.5f, 0.08f, SpeedSign::signed_speed);
    for (const InverseActions mode : {InverseActions::clean, InverseActions::gpudrive}) {
        const BicycleAction bicycle = inverse_bicycle(logged(start), logged(turned), true, mode);
        CHECK(bicycle.acceleration == Catch::Approx(1.5f).epsilon(1e-4));
        CHECK(bicycle.curvature == Catch::Approx(0.08f).epsilon(1e-4));
        const Motion moved = move_by(start, {1.1f, -0.2f}, 0.1f);
        const DeltaAction delta = inverse_delta(logged(start), logged(moved), true, mode);
        CHECK(delta.displacement.x == Catch::Approx(1.1f).epsilon(1e-4));
        CHECK(delta.displacement.y == Catch::Approx(-0.2f).epsilon(1e-4));
        CHECK(delta.turn == Catch::Approx(0.1f).epsilon(1e-4));
    }
    const LoggedState nowhere{-10000, -10000, -10000, -10000, -10000};
    CHECK(inverse_bicycle(logged(start), nowhere, false, InverseActions::clean).acceleration == 0.0f);
    CHECK(inverse_delta(logged(start), nowhere, false, InverseActions::clean).displacement == Vec2{0, 0});
    CHECK(inverse_bicycle(logged(start), nowhere, false, InverseActions::gpudrive).acceleration > 1e5f);
    const LoggedState across{0, 0, 3.1f, -8, 0}, beyond{-0.8f, 0, -3.1f, -8, 0};
    CHECK(std::abs(inverse_bicycle(across, beyond, true, InverseActions::clean).curvature) < 0.2f);
}
