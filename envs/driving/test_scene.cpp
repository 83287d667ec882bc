#include "envs/driving/test_scene.h"

#include <chrono>
#include <cstring>

#include "tests/catch.h"

using namespace flockstep::driving;
using namespace flockstep::driving::scene_test;

namespace {
std::string read_error(const std::string& text) {
    return error_of([&] { read_scene(text, "a.json"); });
}
Scene read(const std::string& text) { return read_scene(text, "a.json"); }
}  // namespace

TEST_CASE("driving: a scene is read as its file has it, and written as it was read") {
    const Scene scene = read(small_scene);
    CHECK(scene.name == "a.json");
    CHECK(scene.scenario_id == "ef3a");
    REQUIRE(scene.objects.size() == 1);
    const SceneObject& car = scene.objects[0];
    CHECK(car.position == std::vector<ScenePoint>{{1.5, 2, 0.5}, {2.5, 2, 0.5}});
    CHECK(car.heading == std::vector<double>{0, 0.25});
    CHECK(car.velocity == std::vector<ScenePoint>{{10, 0, 0}, {10, 1, 0}});
    CHECK(car.valid == std::vector<uint8_t>{1, 0});
    CHECK((car.width == 2.0 && car.length == 4.5 && car.height == 1.6 && car.goal == ScenePoint{80, 2, 0}));
    CHECK((car.type == AgentType::vehicle && car.id == 7 && car.mark_as_expert));
    REQUIRE(scene.roads.size() == 2);
    CHECK(
        (scene.roads[1].type == RoadType::road_edge && scene.roads[1].map_element_id == 15 && scene.roads[1].id == 11));
    REQUIRE(scene.lights.size() == 1);
    CHECK(scene.lights[0].lane == "10");
    CHECK(scene.lights[0].state == std::vector<LightState>{LightState::stop, LightState::go});
    CHECK(scene.lights[0].position[1] == ScenePoint{50, 0, 5});
    CHECK(scene.sdc_track_index == 0);
    CHECK(scene.objects_of_interest == std::vector<int32_t>{7});
    CHECK(scene.tracks_to_predict == std::vector<TrackToPredict>{{0, 2}});
    CHECK(read(to_json(scene)) == scene);
    CHECK(to_json(read(to_json(scene))) == to_json(scene));
}

TEST_CASE("driving: files of Nocturne and ScenarioMax are read") {
    const Scene nocturne = read(
        R"({"objects":[{"position":[{"x":1,"y":2}],"width":2,"length":4,"heading":[0],"velocity":[{"x":1,"y":0}],"valid":[true],)"
        R"("goalPosition":{"x":5,"y":2},"type":"cyclist"}],"roads":[{"geometry":[{"x":1,"y":2}],"type":"stop_sign"}],"tl_states":{}})");
    CHECK((nocturne.objects[0].height == 0 && nocturne.objects[0].id == 0 && !nocturne.objects[0].mark_as_expert));
    CHECK((nocturne.sdc_track_index == -1 && nocturne.scenario_id.empty() && nocturne.roads[0].map_element_id == -1));

    CHECK(read(with("\"id\":7", "\"id\":\"42\"")).objects[0].id == 42);
    const int32_t hashed = read(with("\"id\":7", "\"id\":\"ego\"")).objects[0].id;
    CHECK(hashed == id_of_text("ego"));
    CHECK(hashed > 0);
    CHECK(read(with("\"id\":7", "\"id\":4294967303")).objects[0].id == id_of_text("4294967303"));
    CHECK(read(with("interest\":[7]", "interest\":[\"ego\",8]")).objects_of_interest ==
          std::vector<int32_t>{hashed, 8});
    CHECK(read(with("\"mark_as_expert\":true", "\"is_sdc\":true,\"more\":[{}]")).objects[0].mark_as_expert == false);
    CHECK(read(with("[true,false]", "[1,0]")).objects[0].valid == std::vector<uint8_t>{1, 0});
    CHECK(read(with("\"vehicle\"", "\"motorcycle\"")).objects[0].type == AgentType::other);
    CHECK(read(with("\"vehicle\"", "\"unset\"")).objects[0].type == AgentType::unset);
    CHECK(read(with("\"lane\"", "\"surface\"")).roads[0].type == RoadType::unknown);
    CHECK(read(with("\"stop\"", "\"LANE_STATE_STOP\"")).lights[0].state[0] == LightState::unknown);
    CHECK(read(with("\"stop\"", "4")).lights[0].state[0] == LightState::stop);
    CHECK(read(with("\"z\":[5.0,5.0],", "\"lane_id\":[10,10],")).lights[0].position[0] == ScenePoint{50, 0, 0});
    CHECK(read(R"({"objects":[],"roads":[]})") == Scene{});
}

TEST_CASE("driving: what is no scene is refused in a sentence with its file and key") {
    const auto error = [](const std::string& part, const std::string& replacement) {
        return read_error(with(part, replacement));
    };
    CHECK(error("\"x\":2.5", "\"x\":NaN") == "a.json: objects[0].position[1].x: got NaN, want a number");
    CHECK(error("\"x\":2.5", "\"x\":-Infinity") == "a.json: objects[0].position[1].x: got -Infinity, want a number");
    CHECK(error("\"x\":2.5", "\"x\":1e12") ==
          "a.json: objects[0].position[1].x: got 1e+12, want a number within +-1e9");
    CHECK(error("\"x\":2.5,", "") == "a.json: objects[0].position[1]: got no \"x\", want that key");
    CHECK(error("\"x\":2.5", "\"x\":1,\"x\":2") ==
          "a.json: objects[0].position[1].x: got this key a second time, want each key once");
    CHECK(error("[0.0,0.25]", "[0.0]") == "a.json: objects[0]: got 1 items in \"heading\", want 2, as in \"position\"");
    CHECK(error("[true,false]", "[true,2]") == "a.json: objects[0].valid[1]: got 2, want true or false");
    CHECK(error("[true,false]", "[true,\"no\"]") == "a.json: objects[0].valid[1]: got \"no\", want true or false");
    CHECK(error("\"width\":2.0", "\"width\":\"2.0\"") == "a.json: objects[0].width: got \"2.0\", want a number");
    CHECK(error("\"width\":2.0,", "") == "a.json: objects[0]: got no \"width\", want that key");
    CHECK(error("\"width\":2.0", "\"width\":2.0,\"width\":3") ==
          "a.json: objects[0].width: got this key a second time, want each key once");
    CHECK(error("\"id\":7", "\"id\":7.5") == "a.json: objects[0].id: got 7.5, want an integer or a text");
    CHECK(error("\"vehicle\"", "3") == "a.json: objects[0].type: got 3, want a text");
    CHECK(error("[{\"x\":0.0,\"y\":0.0,\"z\":0.0},{\"x\":100.0,\"y\":0.0,\"z\":0.0}]", "[]") ==
          "a.json: roads[0]: got a geometry without points, want at least one point");
    CHECK(error("\"type\":\"road_edge\",", "") == "a.json: roads[1]: got no \"type\", want that key");
    CHECK(error("\"map_element_id\":15", "\"map_element_id\":1.5") ==
          "a.json: roads[1].map_element_id: got 1.5, want a 32-bit integer");
    CHECK(error("\"time_index\":[0,1]", "\"time_index\":[0]") ==
          "a.json: tl_states.10: got 1 items in \"time_index\", want 2, as in \"state\"");
    CHECK(error("\"sdc_track_index\":0", "\"sdc_track_index\":1") ==
          "a.json: got metadata.sdc_track_index 1, want the index of one of the 1 objects, or -1");
    CHECK(error("\"track_index\":0", "\"track_index\":9") ==
          "a.json: got metadata.tracks_to_predict[0].track_index 9, want the index of one of the 1 objects");
    CHECK(error("\"difficulty\":2", "\"difficulty\":3") ==
          "a.json: metadata.tracks_to_predict[0]: got difficulty 3, want 0, 1 or 2");
    CHECK(read_error("[]") == "a.json: got a list, want an object");
    CHECK(read_error("{}") == "a.json: got no \"objects\", want that key");
    CHECK(read_error(R"({"objects":[]})") == "a.json: got no \"roads\", want that key");
    CHECK(read_error("") == "a.json: got the end of the text, want an object");
    CHECK(read_error(small_scene.substr(0, 100)).find("a.json: objects[0].position") == 0);
    const std::string empty_lists =
        R"({"objects":[{"position":[],"heading":[],"velocity":[],"valid":[],"width":1,"length":1,)"
        R"("goalPosition":{"x":0,"y":0},"type":"vehicle"}],"roads":[]})";
    CHECK(read_error(empty_lists) == "a.json: objects[0]: got no frames, want at least one");
}

TEST_CASE("driving: a file of 4 MB is read") {
    Scene scene = read(small_scene);
    scene.roads.clear();
    for (int k = 0; k < 150; ++k) scene.objects.push_back(car_at(0.123456789 * k, 1.0 / (k + 1), 50, 200));
    const std::string text = to_json(scene);
    CHECK(text.size() > 4'000'000 / 2);
    CHECK(read(text) == scene);
}
