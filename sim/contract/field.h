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

/// One array of a world's small state or scratch. The engine stages it, so it may be in shared or global memory, and
/// neighboring worlds may be interleaved; rules just index it. Indices are not checked. On the GPU all Fields of a
/// State are copied to shared memory and back in every step, used or not (for a grid they stay in global memory).
template <class T>
struct Field {
    using value_type = T;  /// of an entry
    T* first;
    int stride;
    SIM_HD T& operator[](int i) const { return first[i * stride]; }
};

/// One array of a world that is too large to stage: it stays in device memory, contiguous per world, and costs only the
/// accesses that rules make. Indices are not checked.
template <class T>
struct Bulk {
    using value_type = T;  /// of an entry
    T* first;
    SIM_HD T& operator[](int64_t i) const { return first[i]; }
};

/// The layout of a field's element, for Python and checkpoints: a number type and the number of components.
/// Specialize `element_of` for small structs of one number type.
struct ElementType {
    DType dtype;
    int components;
};
/// One number of type T, unless specialized.
template <class T>
constexpr ElementType element_of() {
    return {dtype_of<T>(), 1};
}

/// Returned by visitors of fields, so that `visit("scene", scene, 1).between(0, num_scenes - 1)` can limit the values
/// that set_fields and checkpoints may contain, for every number of the field. The default is any integer, and any
/// finite float. Only the host checks limits; this version ignores them.
struct NoLimits {
    /// Values from low to high, inclusive; or NaN and infinities too.
    SIM_HD void between(double, double) const {}
    SIM_HD void any_value() const {}
};
/// The host's version: set_fields, restore and --resume reject values outside the limits.
struct Limits {
    double low, high;
    bool finite;  // NaN and infinity are rejected
                  /// See NoLimits.
    void between(double lowest, double highest) { low = lowest, high = highest; }
    void any_value() { finite = false; }
};

/// Location of one field, computed by the host. Staged field: `bytes` is its offset within the world's part of the
/// tile. Bulk field: `bulk` is world 0's array, `bytes` the stride between worlds.
struct FieldLocation {
    char* bulk;
    int64_t bytes;
};
/// Maximum number of fields of a State, including up to 12 of the engine's own, and of a Scratch; making a batch with
/// more throws std::logic_error.
inline constexpr int max_state_fields = 48, max_scratch_fields = 24;

/// Visits the fields of a State or Scratch in order and binds them to one world's memory without accessing it. Within a
/// tile, entry i of a field is contiguous across all `tile_worlds` worlds, so that accesses of a warp of one-lane
/// worlds coalesce. `fixed_worlds`: tile_worlds if it is a compile-time constant of the group, so that strides are
/// constants too; otherwise 0.
template <int fixed_worlds>
struct Binder {
    const FieldLocation* locations;  // on the GPU in constant memory: addresses are computed where they are used
    char* tile;
    int64_t env;
    int tile_worlds;  // worlds that share the tile
    int tile_index;   // this world within the tile
    int next = 0;

    /// Stride of staged fields, in entries.
    SIM_HD int stride() const { return fixed_worlds ? fixed_worlds : tile_worlds; }
    template <class T, class... Counts>
    SIM_HD NoLimits operator()(const char*, Field<T>& field, Counts...) {
        field.first = reinterpret_cast<T*>(tile + int(locations[next++].bytes) * stride()) + tile_index;
        field.stride = stride();
        return {};
    }
    template <class T, class... Counts>
    SIM_HD NoLimits operator()(const char*, Bulk<T>& field, Counts...) {
        field.first = reinterpret_cast<T*>(locations[next].bulk + env * locations[next].bytes);
        ++next;
        return {};
    }
    /// Derived fields are bound like all others; they are just never saved.
    template <class F, class... Counts>
    SIM_HD NoLimits derived(const char* name, F& field, Counts... counts) {
        return (*this)(name, field, counts...);
    }
};

}  // namespace flockstep
