#pragma once

#include <stdexcept>
#include <string>

#include "envs/driving/scene.h"

/// Scenes for tests, by hand.
namespace flockstep::driving::scene_test {

/// The message of the std::invalid_argument that `f` throws, or "no error".
template <class F>
std::string error_of(F f) {
    try {
        f();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "no error";
}

/// A car that drives ahead for two frames, a lane and an edge, a light; every key that there is.
inline const std::string small_scene =
    R"({"name":"a.json","scenario_id":"ef3a","objects":[{"position":[{"x":1.5,"y":2.0,"z":0.5},{"x":2.5,"y":2.0,"z":0.5}],)"
    R"("width":2.0,"length":4.5,"height":1.6,"heading":[0.0,0.25],"velocity":[{"x":10.0,"y":0.0},{"x":10.0,"y":1.0}],)"
    R"("valid":[true,false],"goalPosition":{"x":80.0,"y":2.0,"z":0.0},"type":"vehicle","id":7,"mark_as_expert":true}],)"
    R"("roads":[{"geometry":[{"x":0.0,"y":0.0,"z":0.0},{"x":100.0,"y":0.0,"z":0.0}],"type":"lane","map_element_id":2,"id":10},)"
    R"({"geometry":[{"x":0.0,"y":4.0,"z":0.0},{"x":100.0,"y":4.0,"z":0.0}],"type":"road_edge","map_element_id":15,"id":11}],)"
    R"("tl_states":{"10":{"state":["stop","go"],"x":[50.0,50.0],"y":[0.0,0.0],"z":[5.0,5.0],"time_index":[0,1]}},)"
    R"("metadata":{"sdc_track_index":0,"objects_of_interest":[7],"tracks_to_predict":[{"track_index":0,"difficulty":2}]}})";

/// The small scene with one part replaced.
inline std::string with(const std::string& part, const std::string& replacement) {
    std::string text = small_scene;
    const size_t at = text.find(part);
    if (at == std::string::npos) throw std::logic_error("no such part: " + part);
    return text.replace(at, part.size(), replacement);
}

/// An object that stands at (x, y) for `frames` frames, its goal `way` m ahead.
inline SceneObject car_at(double x, double y, double way = 50, size_t frames = 2) {
    SceneObject car;
    car.position.assign(frames, {x, y, 0});
    car.heading.assign(frames, 0.0), car.velocity.assign(frames, {0, 0, 0}), car.valid.assign(frames, 1);
    car.width = 2, car.length = 4.5, car.height = 1.6, car.goal = {x + way, y, 0}, car.type = AgentType::vehicle;
    return car;
}

}  // namespace flockstep::driving::scene_test
