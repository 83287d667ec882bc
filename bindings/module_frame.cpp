#include <pybind11/stl.h>

#include <cmath>
#include <stdexcept>

#include "bindings/frame.h"
#include "replay/frame.h"
#include "sim/engine/registry.h"

namespace py = pybind11;

namespace flockstep {

namespace {
/// A world's moment as a replay of one frame.
Replay drawing_of(Batch& batch, int64_t env) {
    const DrawWorld draw = registry().find(batch.environment()).info.draw;
    if (!draw) throw std::invalid_argument("render: " + batch.environment() + " cannot be drawn");
    if (env < 0 || env >= batch.num_envs())
        throw std::invalid_argument("world: got " + std::to_string(env) + ", want an integer from 0 to " +
                                    std::to_string(batch.num_envs() - 1));
    Replay replay;
    replay.title = batch.environment();
    draw(batch, env, replay);
    return replay;
}

py::object to_tuple(ReplayPoint point) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) return py::none();
    return py::make_tuple(point.x, point.y);
}
py::dict to_dict(const FrameShape& shape) {
    constexpr const char* kinds[] = {"wall", "circle", "segment", "goal", "disc", "square", "ring", "line"};
    constexpr const char* colours[] = {"wall", "scenery", "group", "agent"};
    py::dict result;
    result["kind"] = kinds[int(shape.kind)];
    result["at"] = to_tuple(shape.at);
    result["end"] = to_tuple(shape.end);
    result["radius"] = shape.radius;
    result["aspect"] = shape.aspect;
    result["colour"] = py::make_tuple(colours[int(shape.colour)], shape.number);
    result["agent"] = shape.agent;
    result["is_at_goal"] = shape.is_at_goal;
    result["label"] = shape.label;
    return result;
}
}  // namespace

Frame draw_frame(Batch& batch, int64_t env) { return frame_of(drawing_of(batch, env)); }
std::string draw_page(Batch& batch, int64_t env) { return render_replay(drawing_of(batch, env)); }

py::dict to_dict(const Frame& frame) {
    py::list shapes;
    for (const FrameShape& shape : frame.shapes) shapes.append(to_dict(shape));
    py::dict result;
    result["box"] = py::make_tuple(frame.box.x_min, frame.box.x_max, frame.box.y_min, frame.box.y_max);
    result["y_down"] = frame.y_down;
    result["frames_per_second"] = frame.frames_per_second;
    result["shapes"] = shapes;
    return result;
}

}  // namespace flockstep
