#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/loader.h"
#include "sim/contract/world.h"

/// A pool of scenes in shared data: arrays whose rows differ in length, and the rule by which a world takes its next
/// scene when an episode begins.
///
///   struct Shared {
///       Ragged<Point> road;  // [scenes] points of each
///       SceneWeights weights;
///       template <class V> void fields(V& visit) { visit("road", road), visit("weights", weights); }
///   };
///   static constexpr RandomStream<"scene", Purpose::reset, Draws{0, 1}, Items{0, 1}> drawn_scene{};
///   // reset, by one lane; the scene is a field of the state, so that set_fields can choose it
///   int& scene = world.state.scene[0];
///   scene = next_scene(world, drawn_scene, world.config.order, shared.road.size(), shared.weights, scene);
///   const Point* road = shared.road.row(scene);  // shared.road.count(scene) of them
namespace flockstep {

/// An array of rows of different lengths: the items of all rows one after the other.
template <class T>
struct Ragged {
    View<int64_t> first;  // [rows + 1] first item of each row; the last one is the number of items
    View<T> items;

    /// Rows; and items of a row, from two of its offsets.
    SIM_HD int64_t size() const { return first.size() - 1; }
    SIM_HD int count(int64_t row) const { return int(first[row + 1] - first[row]); }
    /// The first of count(row) items, contiguous.
    SIM_HD const T* row(int64_t row) const { return items.data() + first[row]; }

    /// For Shared::fields.
    template <class V>
    void fields(V& visit) {
        visit("first", first), visit("items", items);
    }
};

/// Throws std::invalid_argument, which begins with `name`, unless `first` are the offsets of rows of `num_items` items:
/// from 0, never falling, fewer than 2^31 items in a row, and num_items at the end. Reads all of them, on the host.
void check_offsets(const View<int64_t>& first, int64_t num_items, const std::string& name);

/// Rows out of views, kept or mapped; checked by check_offsets, which may throw. Reads all offsets and no item.
template <class T>
Ragged<T> make_ragged(View<int64_t> first, View<T> items, const std::string& name) {
    check_offsets(first, items.size(), name);
    return {first, items};
}
/// Rows from vectors, copied into the loader. Host.
template <class T>
Ragged<T> make_ragged(Loader& loader, const std::vector<std::vector<T>>& rows) {
    std::vector<int64_t> first{0};
    std::vector<T> items;
    for (const std::vector<T>& row : rows) {
        items.insert(items.end(), row.begin(), row.end());
        first.push_back(int64_t(items.size()));
    }
    return {loader.keep(std::move(first)), loader.keep(std::move(items))};
}

/// Which scene a world takes when an episode begins.
enum class SceneOrder : int {
    random,    // uniform over the pool
    in_order,  // scene (global index of the world + episode * worlds of all ranks), over and over: each in its turn
    weighted,  // by the pool's weights
    given      // the one that its state names: what set_fields wrote, and the same again until it writes another
};
/// The rule of a setting of that type.
inline FieldRule scene_orders() { return one_of({"random", "in_order", "weighted", "given"}); }

/// How often each scene is drawn in SceneOrder::weighted, as shares of 2^32 that are added up.
struct SceneWeights {
    View<uint64_t> upper;  // [scenes]; empty: not weighted
    /// For Shared::fields.
    template <class V>
    void fields(V& visit) {
        visit("upper", upper);
    }
};
/// Weights of all scenes, >= 0 and finite, at least one > 0; otherwise throws std::invalid_argument that begins with
/// `name`. A share below 2^-32 may never be drawn. Keeps 8 bytes a scene.
SceneWeights make_weights(Loader& loader, const std::vector<double>& weights, const std::string& name);

/// The scene that a draw of 32 bits means: the first whose upper share is above it. log2(scenes) reads.
SIM_HD int64_t weighted_scene(const SceneWeights& weights, uint32_t bits) {
    int64_t low = 0, high = weights.upper.size() - 1;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (uint64_t{bits} < weights.upper[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/// For reset, by any lane: 0 .. num_scenes - 1, 1 <= num_scenes < 2^32. `current`: the state's scene, which may be
/// another pool's and then counts as 0. random and weighted take draw 0 of the stream's item `item`.
template <class Env, class S>
SIM_HD int64_t next_scene(const World<Env>& world, S stream, SceneOrder order, int64_t num_scenes,
                          const SceneWeights& weights, int64_t current, int item = 0) {
    const auto& rng = world.rng;
    switch (order) {
        case SceneOrder::in_order:
            return int64_t((rng.env + uint64_t{rng.episode} * uint64_t(world.all_envs)) % uint64_t(num_scenes));
        case SceneOrder::weighted:
            return weighted_scene(weights, rng.bits(stream, item, 0));
        case SceneOrder::given:
            return current >= 0 && current < num_scenes ? current : 0;
        default:
            return rng.below(stream, item, 0, uint32_t(num_scenes));
    }
}

}  // namespace flockstep
