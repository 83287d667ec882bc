#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "replay/frame.h"
#include "sim/engine/batch.h"

/// Pictures of worlds for Python.
namespace flockstep {

/// World `env` as it is now: as shapes, and as a replay page of one frame. These wait, copy fields of all worlds to the
/// host, and touch no Python. Throw std::invalid_argument for an environment without a drawing, a world that there is
/// not, and a refused action (see Batch::check).
Frame draw_frame(Batch& batch, int64_t env);
std::string draw_page(Batch& batch, int64_t env);

/// {"box": (x_min, x_max, y_min, y_max), "y_down", "frames_per_second", "shapes": [{"kind", "at", "end", "radius",
///   "aspect", "colour": (whose, number), "agent", "is_at_goal", "label"}]}; places are (x, y) or None.
pybind11::dict to_dict(const Frame& frame);

}  // namespace flockstep
