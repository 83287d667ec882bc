#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/contract/space.h"

/// The arrays of a world: how State and Scratch declare them, and how the engine binds them to memory.
///
///   struct State {
///       Field<float> energy;  // [num_agents]
///       Bulk<uint8_t> wall;   // [height, width]
///       template <class V>
///       SIM_HD void fields(const Config& c, V& visit) {
///           visit("energy", energy, c.num_agents).between(0, 100);
///           visit("wall", wall, c.height, c.width).between(0, 1);
///       }
///   };
namespace flockstep {

/// One array of a world's small state or scratch: the engine stages it, so it may lie in shared or in global memory and
/// neighbouring worlds may be interleaved. Rules see an array and nothing else; indices are not checked. On the GPU all
/// of a State's are copied to shared memory and back at every step, used or not (a grid's stay in global memory).
template <class T>
struct Field {
    using value_type = T;  /// of an entry
    T* first;
    int stride;
    SIM_HD T& operator[](int i) const { return first[i * stride]; }
};

/// One array of a world that is too big to stage: it stays in the device's memory, contiguous per world, and costs what
/// is touched of it. Indices are not checked.
template <class T>
struct Bulk {
    using value_type = T;  /// of an entry
    T* first;
    SIM_HD T& operator[](int64_t i) const { return first[i]; }
};

/// What a field's element is made of, for Python and for checkpoints: a number type and how many of them.
/// Specialise `element_of` for small structs of one number type.
struct ElementType {
    DType dtype;
    int components;
};
/// One number of type T, unless specialised.
template <class T>
constexpr ElementType element_of() {
    return {dtype_of<T>(), 1};
}

/// What a visitor of fields returns, so that `visit("scene", scene, 1).between(0, num_scenes - 1)` says which values a
/// state from outside may have, in every number of the field: integers any unless said, floats any that are finite.
/// Only the host looks at limits, so this one forgets them.
struct NoLimits {
    /// Numbers from low to high, both included; or NaN and infinities too.
    SIM_HD void between(double, double) const {}
    SIM_HD void any_value() const {}
};
/// The host's: values outside are refused by set_fields, restore and --resume.
struct Limits {
    double low, high;
    bool finite;  // NaN and infinity are refused
    /// As in NoLimits.
    void between(double lowest, double highest) { low = lowest, high = highest; }
    void any_value() { finite = false; }
};

/// Where one field lies, laid out by the host. A staged field: `bytes` of its world's tile in front of it. A bulk
/// field: `bulk` is world 0's array, `bytes` the way to the next world's.
struct FieldPlace {
    char* bulk;
    int64_t bytes;
};
/// Most fields of a State, up to 12 of the engine's own included, and of a Scratch; making a batch with more throws
/// std::logic_error.
inline constexpr int max_state_fields = 48, max_scratch_fields = 24;

/// Walks the fields of a State or Scratch in order and binds them to one world's memory; reads and writes none of it.
/// Within a tile, entry i of a field of all `tile_worlds` worlds lies side by side, so that a warp of one-lane worlds
/// reads and writes whole lines. `fixed_worlds`: tile_worlds where the kind of group decides it, which makes strides
/// constants; else 0.
template <int fixed_worlds>
struct Binder {
    const FieldPlace* places;  // on the GPU in constant memory: addresses are made where they are used
    char* tile;
    int64_t env;
    int tile_worlds;  // worlds that share the tile
    int tile_index;   // this world within the tile
    int next = 0;

    /// Of staged fields, in entries.
    SIM_HD int stride() const { return fixed_worlds ? fixed_worlds : tile_worlds; }
    template <class T, class... Counts>
    SIM_HD NoLimits operator()(const char*, Field<T>& field, Counts...) {
        field.first = reinterpret_cast<T*>(tile + int(places[next++].bytes) * stride()) + tile_index;
        field.stride = stride();
        return {};
    }
    template <class T, class... Counts>
    SIM_HD NoLimits operator()(const char*, Bulk<T>& field, Counts...) {
        field.first = reinterpret_cast<T*>(places[next].bulk + env * places[next].bytes);
        ++next;
        return {};
    }
    /// What can be rebuilt from the rest is bound like any other field; it is only never saved.
    template <class F, class... Counts>
    SIM_HD NoLimits derived(const char* name, F& field, Counts... counts) {
        return (*this)(name, field, counts...);
    }
};

}  // namespace flockstep
