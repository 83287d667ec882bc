#pragma once

#include <algorithm>
#include <vector>

#include "envs/common/geometry.h"
#include "sim/contract/random.h"

/// The synthetic scenes of test_driving.h, generated on the host.
namespace flockstep {

struct DrivingCar {
    Vec2 place, goal;
    float heading, speed, length, width;
    int32_t drives;
};
struct DrivingScene {
    int32_t first_car, num_cars, first_road, num_roads, num_edges;  // edges come first among roads
};

/// Scenes of 560 to 840 road segments: polylines that start near the center and bend. Cars are placed next to roads,
/// more of them near the center.
struct DrivingPool {
    int active_agents, parked_agents, max_cars;  // per scene; the first two are means
    std::vector<DrivingScene> scenes{};
    std::vector<DrivingCar> cars{};
    std::vector<Vec2> middle{}, along{}, shape{};  // of each road: see Driving::Shared
    std::vector<uint8_t> type{};

    void add_scene(uint32_t number) {
        const Rng rng{0, number, 0, 0, Purpose::initialize};
        const int active = 1 + int(rng.below(0, 0, uint32_t(2 * active_agents - 1)));
        const int standing = int(rng.below(0, 1, uint32_t(2 * parked_agents + 1)));
        DrivingScene scene{int(cars.size()), 0, int(middle.size()), 560 + int(rng.below(0, 2, 281)), 0};
        for (const bool edges : {true, false}) add_roads(rng, scene, edges);
        const int drivers = std::min(active, max_cars);
        scene.num_cars = std::min(drivers + standing, max_cars);
        for (int i = 0; i < scene.num_cars; ++i) {
            const bool drives = (i + 1) * drivers / scene.num_cars != i * drivers / scene.num_cars;
            add_car(rng, scene, uint32_t(i) + 1, drives);
        }
        scenes.push_back(scene);
    }

  private:
    static constexpr uint8_t edge_type = 1;

    /// The scene's road edges, or all other roads.
    void add_roads(const Rng& rng, DrivingScene& scene, bool edges) {
        const float extent = rng.uniform(0, 4, 104, 167), spread = extent * rng.uniform(0, 5, 0.06f, 0.3f);
        Vec2 at{};
        float heading = 0, bend = 0;
        uint8_t kind = 0;
        for (int i = 0, left = 0; i < scene.num_roads; ++i, --left) {
            const uint32_t id = 1000u + uint32_t(i);
            if (left <= 0 || real::abs(at.x) > extent || real::abs(at.y) > extent) {
                const auto bell = [&](uint32_t draw) {
                    return spread * (rng.uniform(id, draw, -1, 1) + rng.uniform(id, draw + 1, -1, 1) +
                                     rng.uniform(id, draw + 2, -1, 1));
                };
                at = {bell(0), bell(3)}, heading = rng.uniform(id, 6, -3, 3), bend = rng.uniform(id, 7, -0.06f, 0.06f);
                left = 6 + int(rng.below(id, 8, 18));
                const uint32_t chance = rng.below(id, 9, 100);
                kind = chance < 27 ? edge_type : chance < 60 ? 0 : chance < 85 ? 2 : uint8_t(chance % 4 + 3);
            }
            const float half = rng.uniform(id, 12, 1.5f, 7);
            const Vec2 step{half * real::cos(heading), half * real::sin(heading)};
            if ((kind == edge_type) == edges) {
                middle.push_back(at + step), along.push_back(step), shape.push_back({heading, half});
                type.push_back(kind), scene.num_edges += int(edges);
            }
            at = at + 2.0f * step, heading = real::wrap_angle(heading + bend + rng.uniform(id, 13, -0.025f, 0.025f));
        }
    }
    void add_car(const Rng& rng, const DrivingScene& scene, uint32_t id, bool drives) {
        const auto some_road = [&](uint32_t draw) {
            return size_t(scene.first_road) + rng.below(id, draw, uint32_t(scene.num_roads));
        };
        const size_t one = some_road(0), other = some_road(1), to = some_road(2);
        const size_t at = squared_length(middle[one]) < squared_length(middle[other]) ? one : other;
        const Vec2 beside{rng.uniform(id, 4, -2, 2), rng.uniform(id, 5, -2, 2)};
        cars.push_back({middle[at] + beside, middle[to], shape[at].x, drives ? rng.uniform(id, 6, 0, 12) : 0.0f,
                        rng.uniform(id, 7, 3.5f, 6), rng.uniform(id, 8, 1.6f, 2.4f), int(drives)});
    }
};

}  // namespace flockstep
