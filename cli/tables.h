#pragma once

#include <string>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/space.h"

namespace flockstep {

/// Settings of one Config: key, type, default, expected, help.
std::string settings_table(const std::vector<FieldDescription>& fields, const std::string& indent = "  ");

/// Observation and action parts of each role, with dtype, shape and range.
std::string spaces_text(const Spaces& spaces);

}  // namespace flockstep
