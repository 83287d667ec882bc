#include "envs/driving/scene.h"

#include <charconv>
#include <cmath>

#include "io/json_reader.h"
#include "io/quote.h"

namespace flockstep {

namespace {

constexpr const char* agent_names[] = {"unset", "vehicle", "pedestrian", "cyclist", "other"};
constexpr const char* road_names[] = {"unknown",   "road_edge",  "road_line", "lane",
                                      "crosswalk", "speed_bump", "stop_sign", "driveway"};
constexpr const char* light_names[] = {"unknown", "arrow_stop", "arrow_caution", "arrow_go",        "stop",
                                       "caution", "go",         "flashing_stop", "flashing_caution"};

template <class Type, size_t N>
Type type_named(std::string_view name, const char* const (&names)[N], Type other) {
    for (size_t k = 0; k < N; ++k)
        if (name == names[k]) return Type(k);
    return other;
}

class SceneReader {
  public:
    SceneReader(std::string_view text, std::string_view file_name) : json_(text, file_name) {}
    Scene read();

  private:
    [[noreturn]] void miss(const char* key) const { json_.refuse("no " + in_quotes(std::string(key)), "that key"); }
    double number() {
        const double value = json_.number();
        if (!(std::abs(value) <= max_scene_number)) refuse_value(value, "a number within +-1e9");
        return value;
    }
    /// An integer, also written like 3.0.
    int32_t integer() {
        const double value = json_.number();
        if (value != std::trunc(value) || std::abs(value) > INT32_MAX) refuse_value(value, "a 32-bit integer");
        return int32_t(value);
    }
    [[noreturn]] void refuse_value(double value, const char* want) const {
        char text[32];
        json_.refuse({text, size_t(std::to_chars(text, text + sizeof text, value).ptr - text)}, want);
    }
    int32_t read_id();
    ScenePoint read_point();
    void read_points(std::vector<ScenePoint>& points);
    SceneObject read_object(size_t index);
    SceneRoad read_road();
    SceneLight read_light(std::string_view lane);
    void read_metadata(Scene& scene);
    void check_lengths(const SceneObject& object) const;
    void check_indices(const Scene& scene) const;

    JsonReader json_;
    size_t most_frames_ = 0;  // of the objects so far: the next is likely to have as many
};

int32_t SceneReader::read_id() {
    if (json_.kind() == JsonReader::Kind::text) return id_of_text(json_.text());
    const double value = json_.number();
    if (value != std::trunc(value) || std::abs(value) > 9e15) refuse_value(value, "an integer or a text");
    return id_of_text(std::to_string(int64_t(value)));
}

ScenePoint SceneReader::read_point() {
    ScenePoint point;
    unsigned seen = 0;
    json_.object([&](std::string_view key) {
        if (key.size() != 1 || key[0] < 'x' || key[0] > 'z') return json_.skip();
        const unsigned axis = unsigned(key[0] - 'x');
        if (seen & (1u << axis)) json_.refuse("this key a second time", "each key once");
        seen |= 1u << axis;
        (axis == 0 ? point.x : axis == 1 ? point.y : point.z) = number();
    });
    if ((seen & 3) != 3) miss(seen & 1 ? "y" : "x");
    return point;
}

void SceneReader::read_points(std::vector<ScenePoint>& points) {
    json_.list([&](size_t) { points.push_back(read_point()); });
}

void SceneReader::check_lengths(const SceneObject& object) const {
    const size_t frames = object.position.size();
    const auto check = [&](size_t length, const char* name) {
        if (length != frames)
            json_.refuse(std::to_string(length) + " items in " + in_quotes(std::string(name)),
                         std::to_string(frames) + ", as in \"position\"");
    };
    check(object.heading.size(), "heading"), check(object.velocity.size(), "velocity");
    check(object.valid.size(), "valid");
    if (frames == 0) json_.refuse("no frames", "at least one");
}

SceneObject SceneReader::read_object(size_t index) {
    enum { position, heading, velocity, valid, width, length, height, goal, type, id, expert, num_keys };
    constexpr const char* names[num_keys] = {"position", "heading",      "velocity", "valid", "width",         "length",
                                             "height",   "goalPosition", "type",     "id",    "mark_as_expert"};
    SceneObject object;
    object.id = int32_t(index);
    unsigned seen = 0;
    object.position.reserve(most_frames_), object.heading.reserve(most_frames_);
    object.velocity.reserve(most_frames_), object.valid.reserve(most_frames_);
    json_.object([&](std::string_view key) {
        int k = 0;
        while (k < num_keys && key != names[k]) ++k;
        if (k == num_keys) return json_.skip();
        if (seen & (1u << k)) json_.refuse("this key a second time", "each key once");
        seen |= 1u << k;
        switch (k) {
            case position:
                return read_points(object.position);
            case heading:
                return json_.list([&](size_t) { object.heading.push_back(number()); });
            case velocity:
                return read_points(object.velocity);
            case valid:
                return json_.list([&](size_t) {
                    if (json_.kind() != JsonReader::Kind::number) return object.valid.push_back(json_.boolean());
                    const double value = json_.number();
                    if (value != 0.0 && value != 1.0) refuse_value(value, "true or false");
                    object.valid.push_back(uint8_t(value));
                });
            case width:
                return void(object.width = number());
            case length:
                return void(object.length = number());
            case height:
                return void(object.height = number());
            case goal:
                return void(object.goal = read_point());
            case type:
                return void(object.type = type_named(json_.text(), agent_names, AgentType::other));
            case id:
                return void(object.id = read_id());
            default:
                object.mark_as_expert = json_.boolean();
        }
    });
    for (const int k : {position, heading, velocity, valid, width, length, goal, type})
        if (!(seen & (1u << k))) miss(names[k]);
    check_lengths(object);
    most_frames_ = std::max(most_frames_, object.position.size());
    return object;
}

SceneRoad SceneReader::read_road() {
    SceneRoad road;
    bool has_geometry = false, has_type = false;
    json_.object([&](std::string_view key) {
        if (key == "geometry") {
            if (has_geometry) json_.refuse("this key a second time", "each key once");
            has_geometry = true;
            read_points(road.geometry);
        } else if (key == "type") {
            has_type = true, road.type = type_named(json_.text(), road_names, RoadType::unknown);
        } else if (key == "map_element_id") {
            road.map_element_id = integer();
        } else if (key == "id") {
            road.id = read_id();
        } else {
            json_.skip();
        }
    });
    if (!has_geometry || !has_type) miss(has_geometry ? "type" : "geometry");
    if (road.geometry.empty()) json_.refuse("a geometry without points", "at least one point");
    return road;
}

SceneLight SceneReader::read_light(std::string_view lane) {
    SceneLight light;
    light.lane = lane;
    std::vector<double> axis[3];
    json_.object([&](std::string_view key) {
        if (key == "state") {
            light.state.clear();
            json_.list([&](size_t) {
                if (json_.kind() == JsonReader::Kind::text)
                    return light.state.push_back(type_named(json_.text(), light_names, LightState::unknown));
                const int32_t state = integer();
                const bool is_known = state >= 0 && state <= int(LightState::flashing_caution);
                light.state.push_back(is_known ? LightState(state) : LightState::unknown);
            });
        } else if (key.size() == 1 && key[0] >= 'x' && key[0] <= 'z') {
            std::vector<double>& values = axis[key[0] - 'x'];
            values.clear();
            json_.list([&](size_t) { values.push_back(number()); });
        } else if (key == "time_index") {
            light.time_index.clear();
            json_.list([&](size_t) { light.time_index.push_back(integer()); });
        } else {
            json_.skip();
        }
    });
    const size_t count = light.state.size();
    const auto check = [&](size_t length, const char* name) {
        if (length != count)
            json_.refuse(std::to_string(length) + " items in " + in_quotes(std::string(name)),
                         std::to_string(count) + ", as in \"state\"");
    };
    check(axis[0].size(), "x"), check(axis[1].size(), "y"), check(light.time_index.size(), "time_index");
    if (!axis[2].empty()) check(axis[2].size(), "z");
    axis[2].resize(count);
    for (size_t i = 0; i < count; ++i) light.position.push_back({axis[0][i], axis[1][i], axis[2][i]});
    return light;
}

void SceneReader::read_metadata(Scene& scene) {
    json_.object([&](std::string_view key) {
        if (key == "sdc_track_index") {
            scene.sdc_track_index = integer();
        } else if (key == "objects_of_interest") {
            scene.objects_of_interest.clear();
            json_.list([&](size_t) { scene.objects_of_interest.push_back(read_id()); });
        } else if (key == "tracks_to_predict") {
            scene.tracks_to_predict.clear();
            json_.list([&](size_t) {
                TrackToPredict track{-1, 0};
                json_.object([&](std::string_view name) {
                    if (name == "track_index")
                        track.track_index = integer();
                    else if (name == "difficulty")
                        track.difficulty = integer();
                    else
                        json_.skip();
                });
                if (track.difficulty < 0 || track.difficulty > 2)
                    json_.refuse("difficulty " + std::to_string(track.difficulty), "0, 1 or 2");
                scene.tracks_to_predict.push_back(track);
            });
        } else {
            json_.skip();
        }
    });
}

/// The indices may come before the objects that they count, so they are checked at the end.
void SceneReader::check_indices(const Scene& scene) const {
    const auto check = [&](int32_t index, int32_t low, const std::string& key) {
        if (index < low || index >= int64_t(scene.objects.size()))
            json_.refuse(key + " " + std::to_string(index),
                         "the index of one of the " + std::to_string(scene.objects.size()) + " objects" +
                             (low < 0 ? ", or -1" : ""));
    };
    check(scene.sdc_track_index, -1, "metadata.sdc_track_index");
    for (size_t k = 0; k < scene.tracks_to_predict.size(); ++k)
        check(scene.tracks_to_predict[k].track_index, 0,
              "metadata.tracks_to_predict[" + std::to_string(k) + "].track_index");
}

Scene SceneReader::read() {
    Scene scene;
    enum { name, scenario_id, objects, roads, lights, metadata, num_keys };
    constexpr const char* names[num_keys] = {"name", "scenario_id", "objects", "roads", "tl_states", "metadata"};
    unsigned seen = 0;
    json_.object([&](std::string_view key) {
        int k = 0;
        while (k < num_keys && key != names[k]) ++k;
        if (k == num_keys) return json_.skip();
        if (seen & (1u << k)) json_.refuse("this key a second time", "each key once");
        seen |= 1u << k;
        switch (k) {
            case name:
                return void(scene.name = json_.text());
            case scenario_id:
                return void(scene.scenario_id = json_.kind() == JsonReader::Kind::number ? std::to_string(integer())
                                                                                         : json_.text());
            case objects:
                return json_.list([&](size_t index) { scene.objects.push_back(read_object(index)); });
            case roads:
                return json_.list([&](size_t) { scene.roads.push_back(read_road()); });
            case lights:
                return json_.object([&](std::string_view lane) { scene.lights.push_back(read_light(std::string(lane))); });
            default:
                read_metadata(scene);
        }
    });
    json_.finish();
    if (!(seen & (1u << objects))) miss("objects");
    if (!(seen & (1u << roads))) miss("roads");
    check_indices(scene);
    return scene;
}

}  // namespace

const char* name_of(AgentType type) { return agent_names[size_t(type)]; }
const char* name_of(RoadType type) { return road_names[size_t(type)]; }
const char* name_of(LightState state) { return light_names[size_t(state)]; }

int32_t id_of_text(std::string_view text) {
    int32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) return value;
    uint32_t hash = 2166136261u;
    for (const char c : text) hash = (hash ^ uint8_t(c)) * 16777619u;
    return int32_t(hash & 0x7fffffffu);
}

Scene read_scene(std::string_view text, std::string_view file_name) { return SceneReader(text, file_name).read(); }

}  // namespace flockstep
