#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "sim/engine/batch.h"
#include "sim/engine/registry.h"

/// Conversion of small values between the engine and Python.
namespace flockstep {

/// A str; throws std::invalid_argument for anything else.
std::string text_argument(const char* name, const pybind11::object& given);

/// Settings from keyword arguments: bool, int, float, str, paths, and numpy's scalars. Throws std::invalid_argument.
Settings settings_of(const pybind11::dict& given);
pybind11::dict to_dict(const Settings& settings);

/// {"name", "summary", "is_test", "settings": [{"name", "type", "default", "want", "help"}]}
pybind11::dict to_dict(const EnvironmentEntry& entry);
/// [{"name", "first", "count", "observation": [{"name", "shape", "low", "high", "enabled"}],
///   "action": [{"name", "kind", "n", "size", "low", "high", "default_choice"}]}]
pybind11::list to_list(const Spaces& spaces);

/// A field as a numpy array that owns its bytes, and back: the array's own type and shape, which the engine checks.
pybind11::array to_array(FieldValue value);
FieldValue field_of(const std::string& name, const pybind11::array& array);

/// A mode or choice by name; throws std::invalid_argument that lists the names.
int choice_of(const char* what, const std::string& given, std::initializer_list<const char*> names);

/// Translates std::invalid_argument to ValueError with bytes that are not UTF-8, and control characters, escaped. Call
/// it once per module.
void register_sentences();

}  // namespace flockstep
