#pragma once

#include <string>

#include "sim/engine/memory.h"

namespace flockstep {

/// As find_device; where "auto" finds no usable GPU, says so on stderr, once.
Device choose_device(const std::string& name);

}  // namespace flockstep
