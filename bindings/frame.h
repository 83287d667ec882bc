#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "replay/frame.h"
#include "sim/engine/batch.h"

/// Drawings of worlds for Python.
namespace flockstep {

/// The current state of world `env`, as shapes or as a replay page of one frame. Both synchronize, copy fields of all
/// worlds to the host, and do not use Python objects. They throw std::invalid_argument if the environment cannot be
/// drawn, for an invalid world, and for a refused action (see Batch::check).
Frame draw_frame(Batch& batch, int64_t env);
std::string draw_page(Batch& batch, int64_t env);

/// {"box": (x_min, x_max, y_min, y_max), "y_down", "frames_per_second", "shapes": [{"kind", "at", "end", "radius",
///   "aspect", "colour": (source, index), "agent", "is_at_goal", "label"}]}; points are (x, y) or None.
pybind11::dict to_dict(const Frame& frame);

}  // namespace flockstep
