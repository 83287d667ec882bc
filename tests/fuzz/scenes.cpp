#include <cmath>

#include "envs/driving/pool_file.h"
#include "envs/driving/selection.h"
#include "tests/fuzz/targets.h"

namespace flockstep::fuzz {

namespace {
using namespace driving;

void judge(const SceneView& scene) {
    const SceneInfo& info = scene.info;
    std::vector<SelectedAgent> out(64);
    const Selection found = select_agents({}, scene.agents, info.num_agents, out.data());
    expect(found.num_agents <= 64 && found.num_controlled <= found.num_agents, "more agents than there is room for");
    int64_t num_valid = 0;
    for (int t = 0; t < info.num_frames; ++t)
        for (int i = 0; i < info.num_agents; ++i) num_valid += scene.is_valid(t, i);
    expect(num_valid <= int64_t{info.num_frames} * info.num_agents, "more valid frames than frames");
}

void judge_numbers(const SceneView& scene) {
    const SceneInfo& info = scene.info;
    expect(std::isfinite(info.mean.x) && std::isfinite(info.mean.y), "a mean that is not finite");
    for (int64_t k = 0; k < int64_t{info.num_frames} * info.num_agents; ++k) {
        const LoggedState& s = scene.states[k];
        expect(std::isfinite(s.x + s.y + s.heading + s.vx + s.vy), "a state that is not finite");
    }
    for (int k = 0; k < info.num_boxes; ++k) {
        const RoadBox& box = scene.boxes[k];
        expect(std::isfinite(box.center.x + box.center.y + box.ahead.x + box.ahead.y), "a box that is not finite");
        expect(box.half_length >= 0 && box.half_width >= 0 && std::isfinite(box.half_length), "a box without a size");
        expect(scene.roads[k].type != RoadType::unknown && scene.roads[k].type != RoadType::driveway,
               "a box of no use");
    }
}
}  // namespace

void scene(std::string_view bytes) {
    accepts([&] {
        const Scene read = read_scene(bytes, "a.json");
        expect(read_scene(to_json(read), "a.json") == read, "a scene that is another when it is written and read");
        PackOptions options;
        for (const SceneRules rules : {SceneRules::gpudrive, SceneRules::pufferlib}) {
            options.roads.rules = rules;
            const PackedScene packed = pack_scene(read, options, "a.json");
            judge(packed.view()), judge_numbers(packed.view());
            options.roads.max_segment_length = 0.5f, options.roads.max_entities = 100;
        }
    });
}

void scene_pool(std::string_view bytes) {
    std::string sealed(bytes);
    seal_pool(sealed);
    for (const std::string_view each : {bytes, std::string_view(sealed)}) {
        const MemoryFile file(each);
        accepts([&] {
            Loader loader;
            PoolFileInfo info;
            const ScenePool pool = map_pool(file.path(), loader, &info);
            expect(key_of_pool(file.path()) == info.key, "two keys");
            for (int64_t k = 0; k < pool.size(); ++k) judge(pool.view(k)), name_of(pool, k);
        });
    }
}

}  // namespace flockstep::fuzz
