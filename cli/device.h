#pragma once

#include <string>

#include "sim/engine/memory.h"

namespace flockstep {

/// Like find_device, but prints a note on stderr, once, if "auto" finds no usable GPU.
Device choose_device(const std::string& name);

}  // namespace flockstep
