#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/loader.h"
#include "sim/contract/world.h"

/// A pool of scenes in shared data: arrays whose rows differ in length, and how a world selects its next scene when an
/// episode starts.
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

/// An array of rows of different lengths: the concatenated items of all rows (CSR layout).
template <class T>
struct Ragged {
    View<int64_t> first;  // [rows + 1] offset of each row's first item; the last entry is the number of items
    View<T> items;

    /// Number of rows; and number of items of a row.
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

/// Throws std::invalid_argument, whose message starts with `name`, unless `first` are valid row offsets for `num_items`
/// items: starting at 0, non-decreasing, fewer than 2^31 items per row, ending with num_items. Reads all of them, on
/// the host.
void check_offsets(const View<int64_t>& first, int64_t num_items, const std::string& name);

/// Makes rows from existing views, after check_offsets, which may throw. Reads all offsets but no items.
template <class T>
Ragged<T> make_ragged(View<int64_t> first, View<T> items, const std::string& name) {
    check_offsets(first, items.size(), name);
    return {first, items};
}
/// Makes rows from vectors, copied into the loader. Host only.
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

/// How a world selects its scene when an episode starts.
enum class SceneOrder : int {
    random,     // uniform over the pool
    in_order,   // scene (global env index + episode * worlds of all ranks) modulo the pool's size
    weighted,   // with probabilities given by the pool's weights
    from_state  // the scene in its state: what set_fields wrote, kept until it writes another
};
/// The rule for a setting of that type.
inline FieldRule scene_orders() { return one_of({"random", "in_order", "weighted", "from_state"}); }

/// Probabilities of the scenes for SceneOrder::weighted, as cumulative sums scaled to 2^32.
struct SceneWeights {
    View<uint64_t> upper;  // [scenes]; empty: not weighted
    /// For Shared::fields.
    template <class V>
    void fields(V& visit) {
        visit("upper", upper);
    }
};
/// Weights of all scenes, finite and >= 0, at least one > 0; otherwise throws std::invalid_argument with a message that
/// starts with `name`. A probability below 2^-32 may never be drawn. Uses 8 bytes per scene.
SceneWeights make_weights(Loader& loader, const std::vector<double>& weights, const std::string& name);

/// The scene for a draw of 32 bits: the first whose cumulative weight exceeds it. log2(scenes) reads.
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

/// For reset, by any lane: returns 0 .. num_scenes - 1, 1 <= num_scenes < 2^32. `current`: the state's scene, which
/// counts as 0 if it is out of range, as after a change of pools. random and weighted use draw 0 of the stream's item
/// `item`.
template <class Env, class S>
SIM_HD int64_t next_scene(const World<Env>& world, S stream, SceneOrder order, int64_t num_scenes,
                          const SceneWeights& weights, int64_t current, int item = 0) {
    const auto& rng = world.rng;
    switch (order) {
        case SceneOrder::in_order:
            return int64_t((rng.env + uint64_t{rng.episode} * uint64_t(world.all_envs)) % uint64_t(num_scenes));
        case SceneOrder::weighted:
            return weighted_scene(weights, rng.bits(stream, item, 0));
        case SceneOrder::from_state:
            return current >= 0 && current < num_scenes ? current : 0;
        default:
            return rng.below(stream, item, 0, uint32_t(num_scenes));
    }
}

}  // namespace flockstep
