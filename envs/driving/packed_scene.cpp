#include "envs/driving/packed_scene.h"

#include <algorithm>
#include <stdexcept>

#include "io/quote.h"

namespace flockstep::driving {

namespace {

constexpr float invalid = -10000.0f;

/// Flags of every object of the file.
std::vector<uint8_t> flags_of(const Scene& scene) {
    std::vector<uint8_t> flags(scene.objects.size());
    for (size_t i = 0; i < flags.size(); ++i) {
        const SceneObject& object = scene.objects[i];
        const auto& ids = scene.objects_of_interest;
        if (object.mark_as_expert) flags[i] |= is_expert;
        if (int64_t(i) == scene.sdc_track_index) flags[i] |= is_sdc;
        if (std::find(ids.begin(), ids.end(), object.id) != ids.end()) flags[i] |= is_of_interest;
        if (object.valid[0]) flags[i] |= starts_valid;
    }
    for (const TrackToPredict& track : scene.tracks_to_predict) flags[size_t(track.track_index)] |= is_to_predict;
    return flags;
}

/// Indices of objects in the order in which they are packed.
std::vector<int> order_of(const std::vector<uint8_t>& flags, SceneRules rules, int max_agents) {
    std::vector<int> order;
    for (size_t i = 0; i < flags.size(); ++i) order.push_back(int(i));
    const auto rank = [&](int i) {
        const uint8_t own = flags[size_t(i)];
        return own & is_sdc ? 0 : own & is_to_predict ? 1 : own & is_of_interest ? 2 : 3;
    };
    if (rules == SceneRules::gpudrive)
        std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return rank(a) < rank(b); });
    order.resize(std::min({order.size(), size_t(max_agents), size_t(INT16_MAX)}));
    return order;
}

void pack_agent(PackedScene& out, const SceneObject& object, int agent, Vec2 mean) {
    const int frames = out.info.num_frames, num_agents = out.info.num_agents;
    for (int t = 0; t < frames; ++t) {
        const size_t at = size_t(t);
        LoggedState& state = out.states[size_t(t * num_agents + agent)];
        if (at >= object.position.size()) {
            state = {invalid - mean.x, invalid - mean.y, invalid, invalid, invalid};
            continue;
        }
        const Vec2 position = from_mean(object.position[at], mean);
        state = {position.x, position.y, float(object.heading[at]), float(object.velocity[at].x),
                 float(object.velocity[at].y)};
        const int words = SceneView::words(num_agents);
        if (object.valid[at]) out.valid[size_t(t * words + agent / 32)] |= 1u << (agent % 32);
    }
}

void pack_agents(PackedScene& out, const Scene& scene, const PackOptions& options) {
    const std::vector<uint8_t> flags = flags_of(scene);
    const std::vector<int> order = order_of(flags, options.roads.rules, options.max_agents);
    size_t frames = 0;
    for (const int i : order) frames = std::max(frames, scene.objects[size_t(i)].position.size());
    SceneInfo& info = out.info;
    info.num_agents = int32_t(order.size()), info.num_frames = int32_t(std::min(frames, size_t(options.max_frames)));
    out.states.resize(size_t(info.num_frames) * order.size());
    out.valid.resize(size_t(info.num_frames) * size_t(SceneView::words(info.num_agents)));
    for (int agent = 0; agent < info.num_agents; ++agent) {
        const int index = order[size_t(agent)];
        const SceneObject& object = scene.objects[size_t(index)];
        const bool is_shifted = options.roads.rules == SceneRules::gpudrive || object.type == AgentType::vehicle;
        const Vec2 mean = is_shifted ? info.mean : Vec2{0, 0};
        pack_agent(out, object, agent, mean);
        const Vec2 goal = from_mean(object.goal, mean), start = from_mean(object.position[0], mean);
        out.agents.push_back({float(object.length), float(object.width), float(object.height), goal.x, goal.y,
                              length(goal - start), object.id, index, flags[size_t(index)], object.type, 0});
    }
    for (const TrackToPredict& track : scene.tracks_to_predict)
        for (LoggedAgent& agent : out.agents)
            if (agent.object == track.track_index) agent.difficulty = int16_t(track.difficulty);
}

void pack_roads(PackedScene& out, const Scene& scene, const PackOptions& options) {
    const RoadEntities found = road_entities(scene, out.info.mean, options.roads);
    out.info.num_boxes = int32_t(found.entities.size());
    out.info.num_road_segments = int32_t(std::min<int64_t>(found.num_segments, INT32_MAX));
    out.info.boxes_left_out = int32_t(std::min<int64_t>(found.left_out, INT32_MAX));
    for (const RoadEntity& e : found.entities) {
        out.boxes.push_back({e.center, e.half_length, e.half_width, {real::cos(e.heading), real::sin(e.heading)}});
        out.roads.push_back({e.heading, e.id, e.type, e.map_element_id, e.road});
    }
}

void pack_lights(PackedScene& out, const Scene& scene) {
    for (const SceneLight& light : scene.lights)
        if (!light.state.empty()) {
            const Vec2 place = from_mean(light.position[0], out.info.mean);
            out.lights.push_back({place.x, place.y, id_of_text(light.lane)});
        }
    const int frames = out.info.num_frames, count = out.info.num_lights = int32_t(out.lights.size());
    out.light_states.resize(size_t(frames) * size_t(count));
    int k = 0;
    for (const SceneLight& light : scene.lights) {
        for (size_t i = 0; i < light.state.size(); ++i)
            if (light.time_index[i] >= 0 && light.time_index[i] < frames)
                out.light_states[size_t(light.time_index[i] * count + k)] = light.state[i];
        k += !light.state.empty();
    }
}

std::string text_of(const Ragged<char>& texts, int64_t row) { return {texts.row(row), size_t(texts.count(row))}; }

template <class T>
int64_t bytes_of(const std::vector<T>& items) {
    return int64_t(items.size() * sizeof(T));
}

}  // namespace

int64_t PackedScene::bytes() const {
    return int64_t(sizeof info) + bytes_of(agents) + bytes_of(states) + bytes_of(valid) + bytes_of(boxes) +
           bytes_of(roads) + bytes_of(lights) + bytes_of(light_states) + int64_t(name.size() + scenario_id.size());
}

PackedScene pack_scene(const Scene& scene, const PackOptions& options, const std::string& source) {
    PackedScene out;
    out.name = scene.name, out.scenario_id = scene.scenario_id;
    out.info.mean = mean_of(scene, options.roads);
    out.info.num_objects = int32_t(scene.objects.size()), out.info.num_roads = int32_t(scene.roads.size());
    pack_agents(out, scene, options);
    try {
        pack_roads(out, scene, options);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(path_text(source) + ": " + error.what());
    }
    pack_lights(out, scene);
    return out;
}

std::string name_of(const ScenePool& pool, int64_t scene) { return text_of(pool.name, scene); }
std::string scenario_id_of(const ScenePool& pool, int64_t scene) { return text_of(pool.scenario_id, scene); }

}  // namespace flockstep::driving
