#pragma once

#include <utility>
#include <vector>

#include "envs/driving/scene_traffic.h"

namespace flockstep::driving::scene_making {

/// Agents of a plan and what they do.
struct Population {
    std::vector<Driver> drivers;
    std::vector<DriverTrack> tracks;  // one per driver
};
using EdgeSegments = std::vector<std::pair<Vec2, Vec2>>;

/// Parks and starts agents until the plan's numbers are reached or no more fit. Those that would touch another or a
/// road edge, are hardly seen or hardly move are taken out, and the others run again without them.
Population populate(const ScenePlan& plan, const EdgeSegments& edges, const SceneGeneratorConfig& config,
                    SceneDraws& draws);

/// Whether an agent that is seen in those frames of its track ends at least `distance` m from where it was first seen,
/// and is seen in at least 20 frames.
bool is_worth_showing(const DriverTrack& track, double distance);

}  // namespace flockstep::driving::scene_making
