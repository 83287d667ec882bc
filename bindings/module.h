#pragma once

#include <pybind11/pybind11.h>

/// Each file bindings/module_*.cpp adds its classes to the module _flockstep. None depends on torch: arrays are
/// exchanged by DLPack.
namespace flockstep {

void bind_array(pybind11::module_& module);
void bind_batch(pybind11::module_& module);

}  // namespace flockstep
