#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/hd.h"
#include "sim/space.h"

namespace flockstep {

/// One array of a world's small state or scratch: the engine stages it, so it may lie in shared or in global memory and
/// neighbouring worlds may be interleaved. Rules see an array and nothing else.
template <class T>
struct Field {
    using value_type = T;
    T* first;
    int stride;
    SIM_HD T& operator[](int i) const { return first[i * stride]; }
};

/// One array of a world that is too big to stage: it stays in the device's memory, contiguous per world.
template <class T>
struct Bulk {
    using value_type = T;
    T* first;
    SIM_HD T& operator[](int64_t i) const { return first[i]; }
};

/// What a field's element is made of, for Python and for checkpoints: a number type and how many of them.
/// Specialise `element_of` for small structs of one number type.
struct ElementType {
    DType dtype;
    int components;
};
template <class T>
constexpr ElementType element_of() {
    return {dtype_of<T>(), 1};
}

/// Walks the fields of a State or Scratch and binds them to one world's memory. Small fields follow each other in the
/// world's tile; within a tile, entry i of a field of all `tile_worlds` worlds lies side by side, so that a warp of
/// one-lane worlds reads and writes whole lines. Bulk fields have one array each for all worlds, world after world.
struct Binder {
    char* tile;          // this world's tile, or null: only count bytes
    char* bulk;          // all bulk arrays, one after the other
    int64_t num_envs;    // worlds that each bulk array holds
    int64_t env;         // this world within the bulk arrays
    int tile_worlds;     // worlds that share the tile
    int tile_index;      // this world within the tile
    int64_t tile_bytes;  // small bytes of one world so far
    int64_t bulk_bytes;  // bulk bytes of all worlds so far

    template <class T, class... Counts>
    SIM_HD void operator()(const char*, Field<T>& field, Counts... counts) {
        tile_bytes = (tile_bytes + int64_t(alignof(T)) - 1) / int64_t(alignof(T)) * int64_t(alignof(T));
        field.first = reinterpret_cast<T*>(tile + tile_bytes * tile_worlds) + tile_index;
        field.stride = tile_worlds;
        tile_bytes += (int64_t(sizeof(T)) * ... * int64_t(counts));
    }
    template <class T, class... Counts>
    SIM_HD void operator()(const char*, Bulk<T>& field, Counts... counts) {
        const int64_t count = (int64_t(1) * ... * int64_t(counts));
        field.first = reinterpret_cast<T*>(bulk + bulk_bytes) + env * count;
        bulk_bytes = (bulk_bytes + num_envs * count * int64_t(sizeof(T)) + 255) / 256 * 256;
    }
    /// What can be rebuilt from the rest is bound like any other field; it is only never saved.
    template <class F, class... Counts>
    SIM_HD void derived(const char* name, F& field, Counts... counts) {
        (*this)(name, field, counts...);
    }
};

}  // namespace flockstep
