#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Arrays shared by all worlds.
///
///   struct Shared {
///       View<float> speed_limit;  // [roads], meters per second
///       template <class V>
///       void fields(V& visit) { visit("speed_limit", speed_limit); }
///   };
///   const float limit = world.shared.speed_limit[road];  // in a rule; created by Loader::keep() or map()
namespace flockstep {

/// Address and size of an array of shared data. A batch keeps one slot for each View of Shared, at a fixed address on
/// its device, so that the array can be replaced while captured CUDA graphs stay valid.
struct ViewSlot {
    const void* data = nullptr;
    int64_t size = 0;
};

/// Read-only data that all worlds use: one array of a Shared struct. The host loads it (see Loader), the engine uploads
/// it. Plain data; a copy is cheap and refers to the same array. Accessing an item first loads the array's address,
/// which stays in the cache; so does size().
template <class T>
struct View {
    /// Type of an item.
    using value_type = T;
    const ViewSlot* slot = nullptr;  // null: empty

    /// The first of size() items, contiguous, in the batch's device memory after the upload; requires a slot.
    SIM_HD const T* data() const { return static_cast<const T*>(slot->data); }
    /// Number of items; 0 without a slot.
    SIM_HD int64_t size() const { return slot ? slot->size : 0; }
    SIM_HD bool empty() const { return size() == 0; }
    /// 0 <= i < size(), unchecked.
    SIM_HD const T& operator[](int64_t i) const { return data()[i]; }
};

}  // namespace flockstep
