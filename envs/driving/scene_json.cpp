#include <charconv>

#include "envs/driving/scene.h"
#include "io/json.h"

namespace flockstep {

namespace {

/// JSON as it is written, with commas where they belong.
class Writer {
  public:
    void open(char bracket) { item(), text_ += bracket, is_first_ = true; }
    void close(char bracket) { text_ += bracket, is_first_ = false; }
    void key(std::string_view name) { item(), append_text(name), text_ += ':', is_first_ = true; }
    void number(double value) {
        char digits[32];
        item(), text_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }
    void boolean(bool value) { item(), text_ += value ? "true" : "false"; }
    void text(std::string_view value) { item(), append_text(value); }

    void number(std::string_view name, double value) { key(name), number(value); }
    void point(const ScenePoint& point, bool has_z) {
        open('{'), number("x", point.x), number("y", point.y);
        if (has_z) number("z", point.z);
        close('}');
    }
    void points(std::string_view name, const std::vector<ScenePoint>& points, bool has_z) {
        key(name), open('[');
        for (const ScenePoint& p : points) point(p, has_z);
        close(']');
    }
    template <class List, class F>
    void list(std::string_view name, const List& items, F write) {
        key(name), open('[');
        for (const auto& item : items) write(item);
        close(']');
    }
    std::string take() { return std::move(text_); }

  private:
    void item() {
        if (!is_first_) text_ += ',';
        is_first_ = false;
    }
    void append_text(std::string_view value) { text_ += to_line(Json(std::string(value))); }

    std::string text_;
    bool is_first_ = true;
};

void write_object(Writer& json, const SceneObject& object) {
    json.open('{');
    json.points("position", object.position, true);
    json.number("width", object.width), json.number("length", object.length), json.number("height", object.height);
    json.list("heading", object.heading, [&](double heading) { json.number(heading); });
    json.points("velocity", object.velocity, false);
    json.list("valid", object.valid, [&](uint8_t valid) { json.boolean(valid); });
    json.key("goalPosition"), json.point(object.goal, true);
    json.key("type"), json.text(name_of(object.type));
    json.number("id", object.id);
    json.key("mark_as_expert"), json.boolean(object.mark_as_expert);
    json.close('}');
}

void write_road(Writer& json, const SceneRoad& road) {
    json.open('{');
    json.points("geometry", road.geometry, true);
    json.key("type"), json.text(name_of(road.type));
    json.number("map_element_id", road.map_element_id), json.number("id", road.id);
    json.close('}');
}

void write_light(Writer& json, const SceneLight& light) {
    json.key(light.lane), json.open('{');
    json.list("state", light.state, [&](LightState state) { json.text(name_of(state)); });
    json.list("x", light.position, [&](const ScenePoint& point) { json.number(point.x); });
    json.list("y", light.position, [&](const ScenePoint& point) { json.number(point.y); });
    json.list("z", light.position, [&](const ScenePoint& point) { json.number(point.z); });
    json.list("time_index", light.time_index, [&](int32_t frame) { json.number(frame); });
    json.close('}');
}

}  // namespace

std::string to_json(const Scene& scene) {
    Writer json;
    json.open('{');
    json.key("name"), json.text(scene.name), json.key("scenario_id"), json.text(scene.scenario_id);
    json.list("objects", scene.objects, [&](const SceneObject& object) { write_object(json, object); });
    json.list("roads", scene.roads, [&](const SceneRoad& road) { write_road(json, road); });
    json.key("tl_states"), json.open('{');
    for (const SceneLight& light : scene.lights) write_light(json, light);
    json.close('}');
    json.key("metadata"), json.open('{');
    json.number("sdc_track_index", scene.sdc_track_index);
    json.list("objects_of_interest", scene.objects_of_interest, [&](int32_t id) { json.number(id); });
    json.list("tracks_to_predict", scene.tracks_to_predict, [&](const TrackToPredict& track) {
        json.open('{'), json.number("track_index", track.track_index), json.number("difficulty", track.difficulty);
        json.close('}');
    });
    json.close('}'), json.close('}');
    return json.take();
}

}  // namespace flockstep
