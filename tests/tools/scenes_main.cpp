// Prints what becomes of driving scenes, for envs/driving/test_golden_scenes.py. Every line of the standard input is
// one job, a JSON object, and gives one line of JSON:
//   {"path": ..., "rules": "gpudrive" | "pufferlib", "threshold": ..., "parts": ["boxes", "states", "inverse"],
//    "select": {"controlled": 0, "ignore_non_vehicles": false, ...}, "removed": [ids]}
#include <algorithm>
#include <iostream>
#include <string>

#include "envs/driving/inverse_actions.h"
#include "envs/driving/selection.h"
#include "io/json.h"
#include "io/read_file.h"

using namespace flockstep;
using namespace flockstep::driving;

namespace {

Json boxes_of(const SceneView& scene) {
    Json rows = Json::array();
    for (int k = 0; k < scene.info.num_boxes; ++k) {
        const RoadBox& box = scene.boxes[k];
        const RoadInfo& road = scene.roads[k];
        rows.push_back({box.center.x, box.center.y, box.half_length, box.half_width, road.heading, int(road.type),
                        road.id, int(road.map_element_id), box.ahead.x, box.ahead.y});
    }
    return rows;
}

Json agents_of(const SceneView& scene) {
    Json rows = Json::array();
    for (int i = 0; i < scene.info.num_agents; ++i) {
        const LoggedAgent& a = scene.agents[i];
        rows.push_back({a.id, int(a.type), int(a.flags), a.difficulty, int(a.object), a.length, a.width, a.height,
                        a.goal_x, a.goal_y, a.goal_distance});
    }
    return rows;
}

/// [agents][frames] of x, y, vx, vy, heading, valid.
Json states_of(const SceneView& scene) {
    Json rows = Json::array();
    for (int i = 0; i < scene.info.num_agents; ++i) {
        Json row = Json::array();
        for (int t = 0; t < scene.info.num_frames; ++t) {
            const LoggedState& s = scene.state(t, i);
            row.push_back({s.x, s.y, s.vx, s.vy, s.heading, int(scene.is_valid(t, i))});
        }
        rows.push_back(row);
    }
    return rows;
}

/// [agents][frames - 1] of acceleration, curvature; dx, dy, turn.
Json inverse_of(const SceneView& scene, InverseActions mode) {
    Json rows = Json::array();
    for (int i = 0; i < scene.info.num_agents; ++i) {
        Json row = Json::array();
        for (int t = 0; t + 1 < scene.info.num_frames; ++t) {
            const bool valid = scene.is_valid(t, i) && scene.is_valid(t + 1, i);
            const LoggedState &now = scene.state(t, i), &next = scene.state(t + 1, i);
            const BicycleAction bicycle = inverse_bicycle(now, next, valid, mode);
            const DeltaAction delta = inverse_delta(now, next, valid, mode);
            row.push_back(
                {bicycle.acceleration, bicycle.curvature, delta.displacement.x, delta.displacement.y, delta.turn});
        }
        rows.push_back(row);
    }
    return rows;
}

Json selection_of(const SceneView& scene, const Json& job, SceneRules rules) {
    SelectionOptions options;
    if (job.contains("select")) {
        const Json& select = job["select"];
        options.controlled = ControlledAgents(select.value("controlled", 0));
        options.ignore_non_vehicles = select.value("ignore_non_vehicles", false);
        options.only_valid_at_start = select.value("only_valid_at_start", true);
        options.control_parked = select.value("control_parked", false);
        options.max_controlled = select.value("max_controlled", 10000);
        options.max_agents = select.value("max_agents", 64);
    }
    const std::vector<int> removed = job.value("removed", std::vector<int>{});
    std::vector<SelectedAgent> chosen(size_t(scene.info.num_agents));
    const auto is_removed = [&](const LoggedAgent& agent) {
        return std::find(removed.begin(), removed.end(), agent.id) != removed.end();
    };
    const Selection found =
        rules == SceneRules::pufferlib
            ? select_agents_pufferlib(scene.agents, scene.info.num_agents, options.max_agents, chosen.data())
            : select_agents(options, scene.agents, scene.info.num_agents, chosen.data(), is_removed);
    Json rows = Json::array();
    for (int i = 0; i < found.num_agents; ++i)
        rows.push_back({int(chosen[size_t(i)].agent), int(chosen[size_t(i)].role), int(chosen[size_t(i)].is_parked)});
    return {{"agents", rows}, {"num_controlled", found.num_controlled}, {"left_out", found.left_out}};
}

Json run(const Json& job) {
    const std::string path = job["path"];
    PackOptions options;
    options.roads.rules = job.value("rules", "gpudrive") == "pufferlib" ? SceneRules::pufferlib : SceneRules::gpudrive;
    options.roads.reduction_threshold = job.value("threshold", 0.1f);
    const PackedScene packed = pack_scene(read_scene(read_file(path), path), options, path);
    const SceneView scene = packed.view();
    const SceneInfo& info = scene.info;
    Json out = {{"name", packed.name},
                {"scenario_id", packed.scenario_id},
                {"mean", {info.mean.x, info.mean.y}},
                {"num_objects", info.num_objects},
                {"num_roads", info.num_roads},
                {"num_road_segments", info.num_road_segments},
                {"num_boxes", info.num_boxes},
                {"num_frames", info.num_frames},
                {"bytes", packed.bytes()},
                {"agents", agents_of(scene)},
                {"selection", selection_of(scene, job, options.roads.rules)}};
    for (const std::string& part : job.value("parts", std::vector<std::string>{})) {
        if (part == "boxes") out[part] = boxes_of(scene);
        if (part == "states") out[part] = states_of(scene);
        if (part == "inverse") out[part] = inverse_of(scene, InverseActions::gpudrive);
        if (part == "clean_inverse") out[part] = inverse_of(scene, InverseActions::clean);
    }
    return out;
}

}  // namespace

int main() try {
    for (std::string line; std::getline(std::cin, line);) std::cout << to_line(run(Json::parse(line))) << "\n";
    return 0;
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
}
