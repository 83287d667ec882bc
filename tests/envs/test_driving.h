#pragma once

#include "envs/common/geometry.h"
#include "sim/contract/environment.h"
#include "sim/contract/select.h"
#include "tests/envs/driving_pool.h"

namespace flockstep {

/// Driving: cars of a scene drive to their goals, among parked ones. Shows large, streamed observations, 2,984 floats
/// for each driving car (`observe_agent`, `prepare`), and a pool of scenes with different cars and roads. Rules, sizes
/// and scales are those of GPUDrive (Kazemkhani et al. 2024): classic dynamics, collision boxes of 70 % of the size;
/// but cars observe the 200 nearest road points, not the first ones of the map.
struct Driving {
    static constexpr const char* summary = "cars on a pool of scenes, with large observations";
    static constexpr int max_cars = 64, max_partners = max_cars - 1, max_roads = 200, road_types = 7;
    static constexpr int max_near = 384;  // capacity of a team's list of roads in sight; without a list beyond that
    static constexpr float sight = 50.0f, time_step = 0.1f, goal_radius = 2.0f, size_in_collisions = 0.7f;
    struct Config {
        int max_episode_steps = 91, num_scenes = 1000, active_agents = 13, parked_agents = 17;
        float penalty = 0.75f;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
            f("num_scenes", num_scenes, between(1, 100000), "scenes of the pool");
            f("active_agents", active_agents, between(1, max_cars), "driving cars, mean over scenes");
            f("parked_agents", parked_agents, between(0, max_cars), "parked cars, mean over scenes, if they fit");
            f("penalty", penalty, between(0, 1000), "cost of a step in a collision, or off the road");
        }
    };
    using Car = DrivingCar;
    using Scene = DrivingScene;
    struct Shared {
        View<Scene> scene;
        View<Car> car;
        View<Vec2> middle, along, shape;  // of each road: its middle; from there to its end; heading and half length
        View<uint8_t> type;
        template <class V>
        void fields(V visit) {
            visit("scene", scene), visit("car", car), visit("middle", middle), visit("along", along);
            visit("shape", shape), visit("type", type);
        }
    };
    enum Status : uint8_t { absent, drives, parked, gone };
    enum Trouble : uint8_t { collided = 1, off_road = 2 };
    struct State {
        Field<int32_t> scene;             // [1]
        Field<Vec2> place;                // [max_cars] m
        Field<float> heading, speed;      // [max_cars] radians, m/s
        Field<uint8_t> status, troubles;  // [max_cars]
        template <class V>
        SIM_HD void fields(const Config& c, V& visit) {
            visit("scene", scene, 1).between(0, c.num_scenes - 1);
            visit("place", place, max_cars), visit("heading", heading, max_cars).between(-4, 4);
            visit("speed", speed, max_cars).between(-1000, 1000), visit("status", status, max_cars).between(0, gone);
            visit("troubles", troubles, max_cars).between(0, collided | off_road);
        }
    };
    struct Scratch {
        Field<Vec2> ahead, size;  // [max_cars] direction; length and width: see prepare
        template <class V>
        SIM_HD void fields(const Config&, V& visit) {
            visit("ahead", ahead, max_cars), visit("size", size, max_cars);
        }
    };
    struct TeamScratch {
        int32_t histogram[select_scratch_ints];
        uint16_t near[max_near], nearest[max_roads];  // roads
        uint8_t partner[max_cars];
    };

    static Shared load(const Config& c, Loader& loader);  // below
    static std::string state_error(const World<Driving>& w) {
        for (int i = 0; i < max_cars; ++i)
            if ((w.state.status[i] == absent) != (i >= scene(w).num_cars))
                return "status of car " + std::to_string(i) + ": got " + std::to_string(int(w.state.status[i])) +
                       (i < scene(w).num_cars ? ", want 1 to 3" : ", want 0") + ": its scene has " +
                       std::to_string(scene(w).num_cars) + " cars";
        return "";
    }

    static constexpr Observation<"ego", float> ego{};
    static constexpr Observation<"partners", float> partners{};
    static constexpr Observation<"roads", float> roads{};
    static constexpr Discrete<"action"> action{};
    static constexpr auto tensors = tensor_list(ego, partners, roads, action);
    static constexpr RandomStream<"scene", Purpose::reset, Draws{0, 1}, Items{0, 1}> drawn_scene{};
    static constexpr auto random_streams = random_stream_list(drawn_scene);
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("car", max_cars)
            .observation(ego, {6})
            .observation(partners, {max_partners, 6})
            .observation(roads, {max_roads, 6 + road_types})
            .discrete(action, 7 * 13);
        return spaces;
    }
    SIM_HD static const Scene& scene(const World<Driving>& w) { return w.shared.scene[w.state.scene[0]]; }
    SIM_HD static const Car& car(const World<Driving>& w, int i) { return w.shared.car[scene(w).first_car + i]; }
    SIM_HD static bool active(const World<Driving>& w, int i) { return w.state.status[i] == drives; }

    template <class Group>
    SIM_HD static void reset(Group& group, World<Driving>& w) {
        group.single([&] { w.state.scene[0] = w.rng.below(drawn_scene, 0, 0, w.config.num_scenes); });
        group.sync();
        group.for_each(max_cars, [&](int i) {
            const bool is_there = i < scene(w).num_cars;
            const Car start = is_there ? car(w, i) : Car{};
            w.state.place[i] = start.place, w.state.heading[i] = start.heading, w.state.speed[i] = start.speed;
            w.state.status[i] = !is_there ? absent : start.drives ? drives : parked, w.state.troubles[i] = 0;
        });
    }
    /// Directions and sizes of the cars that exist.
    template <class Group>
    SIM_HD static void prepare(Group& group, World<Driving>& w) {
        group.for_each(scene(w).num_cars, [&](int i) {
            const float heading = w.state.heading[i];
            w.scratch.ahead[i] = {real::cos(heading), real::sin(heading)};
            w.scratch.size[i] = {car(w, i).length, car(w, i).width};
        });
    }
    template <class Group>
    SIM_HD static void step(Group& group, World<Driving>& w, const Actions<Driving>& actions,
                            const Outcome<Driving>& outcome) {
        const Scene s = scene(w);
        const Roads road = roads_of(w, s);
        group.for_each(s.num_cars, [&](int i) {
            if (active(w, i)) drive(w, i, actions.choice(action, i));
        });
        group.sync();
        prepare(group, w);
        group.sync();
        group.for_each_team(s.num_cars, max_cars, [&](auto& team, int, int i) {
            if (!active(w, i)) return;
            const OrientedBox own = box(w, i);
            const bool hits =
                team.any(s.num_cars, [&](int j) { return j != i && is_there(w, j) && overlaps(own, box(w, j)); });
            const bool leaves = team.any(s.num_edges, [&](int edge) { return crosses(road, own, edge); });
            team.single([&] { w.state.troubles[i] = uint8_t((hits ? collided : 0) | (leaves ? off_road : 0)); });
        });
        group.for_each(s.num_cars, [&](int i) {
            outcome.terminated(i) = w.state.status[i] == gone;
            if (!active(w, i)) return;
            const bool arrives = squared_length(car(w, i).goal - w.state.place[i]) < goal_radius * goal_radius;
            const int troubles = (w.state.troubles[i] & collided) + (w.state.troubles[i] >> 1);
            outcome.reward(i) = float(arrives) - w.config.penalty * float(troubles);
            if (arrives) outcome.terminated(i) = 1, w.state.status[i] = gone;
        });
    }
    template <class Team>
    SIM_HD static void observe_agent(Team& team, const World<Driving>& w, int i, TeamScratch& scratch,
                                     const RowWriter<Driving>& out) {
        const Frame own{w.state.place[i], w.scratch.ahead[i]};
        const Scene here = scene(w);
        const auto is_near = [&](int j) {
            return j != i && is_there(w, j) && squared_length(w.state.place[j] - own.origin) < sight * sight;
        };
        const int num_partners =
            team.compact(here.num_cars, is_near, [&](int j, int rank) { scratch.partner[rank] = uint8_t(j); });
        team.sync();
        out.rows(team, ego, 1, [&](float* row, int) { show_self(w, i, own, row); });
        out.rows(team, partners, num_partners,
                 [&](float* row, int k) { show_partner(w, i, own, scratch.partner[k], row); });
        if (!out.wants(roads)) return;
        const Roads road = roads_of(w, here);
        const float heading = w.state.heading[i];
        const uint16_t* shown = scratch.near;
        const int num_roads = find_roads(team, here.num_roads, road.middle, own.origin, scratch, shown);
        out.rows(
            team, roads, num_roads, [](float* row) { row[3] = row[4] = 0.001f; },
            [&](float* row, int k) { show_road(road, heading, own, shown[k], row); });
    }
    static const char* metrics(const Config&, int m) { return m == 0 ? "arrived" : nullptr; }
    template <class Group>
    SIM_HD static float metric(Group& group, World<Driving>& w, int) {
        const auto was = [&](int status) {
            return float(group.count(max_cars, [&](int i) { return w.state.status[i] == status; }));
        };
        const float arrived = was(gone), on_the_way = was(drives);
        return arrived / (arrived + on_the_way);
    }

    /// A key for a squared distance: in [1, 2) within sight, where roads are roughly uniform; infinity out of sight.
    SIM_HD static float nearness(float squared) {
        constexpr float scale = 0.99f / (sight * sight);
        return squared < sight * sight ? 1.0f + scale * squared : infinity;
    }

  private:
    SIM_HD static bool is_there(const World<Driving>& w, int i) {
        return w.state.status[i] == drives || w.state.status[i] == parked;
    }
    /// A bicycle model whose slip angle is atan(tan(steering) / 2).
    SIM_HD static void drive(World<Driving>& w, int i, int action) {
        const float acceleration = -4.0f + 8.0f / 6.0f * float(action / 13);
        const float tangent = real::tan(float(action % 13 - 6) / 6.0f), half = 0.5f * tangent;
        const float cosine = 1.0f / real::sqrt(1.0f + half * half), sine = half * cosine;  // of the slip
        const float speed = real::abs(w.state.speed[i]), mean = speed + 0.5f * time_step * acceleration;
        const Frame own = frame_at(w.state.place[i], w.state.heading[i]);
        w.state.place[i] = from_frame(own, time_step * mean * Vec2{cosine, sine});
        const float turn = mean * cosine * tangent / car(w, i).length * time_step;
        w.state.heading[i] = real::wrap_angle(w.state.heading[i] + turn);
        w.state.speed[i] = speed + acceleration * time_step;
    }
    SIM_HD static OrientedBox box(const World<Driving>& w, int i) {
        const Vec2 half = 0.5f * size_in_collisions * w.scratch.size[i];
        return {{w.state.place[i], w.scratch.ahead[i]}, half.x, half.y};
    }
    /// The roads of a world's scene. Computed once, since each access through a View loads the array's address.
    struct Roads {
        const Vec2 *middle, *along, *shape;
        const uint8_t* type;
    };
    SIM_HD static Roads roads_of(const World<Driving>& w, const Scene& s) {
        return {w.shared.middle.data() + s.first_road, w.shared.along.data() + s.first_road,
                w.shared.shape.data() + s.first_road, w.shared.type.data() + s.first_road};
    }
    SIM_HD static bool crosses(const Roads& roads, const OrientedBox& car, int road) {
        const Vec2 middle = roads.middle[road];
        return circles_touch(car.frame.origin, reach(car), middle, roads.shape[road].y) &&
               overlaps(car, middle - roads.along[road], middle + roads.along[road]);
    }
    SIM_HD static void show_self(const World<Driving>& w, int i, const Frame& own, float* row) {
        const Vec2 goal = 0.001f * to_frame(own, car(w, i).goal), size = size_in_collisions * w.scratch.size[i];
        row[0] = 0.01f * w.state.speed[i], row[1] = size.x * (1.0f / 30), row[2] = size.y * (1.0f / 15);
        row[3] = goal.x, row[4] = goal.y, row[5] = float(w.state.troubles[i] & collided);
    }
    SIM_HD static void show_partner(const World<Driving>& w, int i, const Frame& own, int j, float* row) {
        const Vec2 place = 0.001f * to_frame(own, w.state.place[j]), size = size_in_collisions * w.scratch.size[j];
        row[0] = 0.01f * w.state.speed[j], row[1] = place.x, row[2] = place.y;
        row[3] = real::wrap_angle(w.state.heading[j] - w.state.heading[i]) * (1.0f / 6.2831853f);
        row[4] = size.x * (1.0f / 30), row[5] = size.y * (1.0f / 15);
    }
    /// Writes all columns except 3 and 4.
    SIM_HD static void show_road(const Roads& roads, float heading, const Frame& own, int road, float* row) {
        const Vec2 place = 0.001f * to_frame(own, roads.middle[road]), shape = roads.shape[road];
        const int type = roads.type[road];
        row[0] = place.x, row[1] = place.y, row[2] = 0.01f * shape.y;
        row[5] = real::wrap_angle(shape.x - heading) * (1.0f / 6.2831853f);
        for (int t = 0; t < road_types; ++t) row[6 + t] = float(type == t);
    }
    /// The roads whose middle is in sight, at most the `max_roads` nearest of them, in scene order: their indices
    /// within the scene are at `shown`.
    template <class Team>
    SIM_HD static int find_roads(Team& team, int num_roads, const Vec2* middle, Vec2 place, TeamScratch& scratch,
                                 const uint16_t*& shown) {
        const auto key = [&](int road) { return nearness(squared_length(middle[road] - place)); };
        const int num_near = team.compact(
            num_roads, [&](int road) { return key(road) < infinity; },
            [&](int road, int rank) {
                if (rank < max_near) scratch.near[rank] = uint16_t(road);
            });
        team.sync();
        if (num_near <= max_roads) return num_near;
        shown = scratch.nearest;
        const auto keep = [&](int road, int rank) { scratch.nearest[rank] = uint16_t(road); };
        if (num_near <= max_near)
            select_smallest<KeyRange::from_one_to_two>(
                team, num_near, max_roads, [&](int k) { return key(scratch.near[k]); }, &scratch.histogram[0],
                [&](int k, int rank) { keep(scratch.near[k], rank); });
        else
            select_smallest(team, num_roads, max_roads, key, &scratch.histogram[0], keep);
        team.sync();
        return max_roads;
    }
};

inline Driving::Shared Driving::load(const Config& config, Loader& loader) {
    DrivingPool pool{config.active_agents, config.parked_agents, max_cars};
    for (int scene = 0; scene < config.num_scenes; ++scene) pool.add_scene(uint32_t(scene));
    return {loader.keep(std::move(pool.scenes)), loader.keep(std::move(pool.cars)),
            loader.keep(std::move(pool.middle)), loader.keep(std::move(pool.along)),
            loader.keep(std::move(pool.shape)),  loader.keep(std::move(pool.type))};
}
}  // namespace flockstep
