#pragma once

#include <pybind11/pybind11.h>

#include "trainer/run/trained_network.h"

namespace flockstep {

/// A network as bindings/flockstep/onnx_export.py reads it. Waits for the device. Keys:
///   name, encoder, activation, shares_layers
///   parts: (name, dtype, shape) of each observation part
///   columns: (part, flag, elements), one after another, as they are in the input; flag -1: the numbers themselves
///   shift, scale: float32 [columns]; limit: 0 for none
///   critic_sees_observation; value_mean, value_deviation: a value is mean + deviation * the critic's output
///   parameters: {name: float32 array}
///   actions: dicts of name, kind, n, has_mask and, for each number, components: dicts of Component's fields
pybind11::dict describe_network(const TrainedNetwork& trained);

}  // namespace flockstep
