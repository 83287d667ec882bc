#pragma once

#include "envs/driving/opendrive_lines.h"

/// Internal: what lane_polylines adds to the paths of lanes and their graph.
namespace flockstep {

struct LaneAddress {
    int section = 0, lane = 0;
};

/// The lane beside a path, one id up (step 1) or down (-1), across the centre line where it lies between.
LaneAddress lane_beside(const Road& road, const LanePath& path, int step);

void add_boundaries(const RoadNetwork& network, RoadLines& lines);
void add_stop_lines(const RoadNetwork& network, RoadLines& lines);

}  // namespace flockstep
