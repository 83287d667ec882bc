#pragma once

#include <string>
#include <string_view>

#include "envs/driving/opendrive.h"

/// Internal: from XML to a RoadNetwork whose indices are resolved and whose lane links are not checked yet.
namespace flockstep::opendrive {

RoadNetwork parse_xml(std::string_view text, const std::string& source);

}  // namespace flockstep::opendrive
