#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

/// Arrays that all worlds read.
///
///   struct Shared {
///       View<float> speed_limit;  // [roads], metres per second
///       template <class V>
///       void fields(V& visit) { visit("speed_limit", speed_limit); }
///   };
///   const float limit = world.shared.speed_limit[road];  // in a rule; Loader::keep() or map() made it
namespace flockstep {

/// Where an array of shared data lies and how many items it has; a batch keeps one for each View of Shared, at a fixed
/// address on its device, so that the array can be replaced while captured CUDA graphs stay valid.
struct ViewSlot {
    const void* data = nullptr;
    int64_t size = 0;
};

/// Read-only data that all worlds use: one array of a Shared struct. The host loads it (see Loader), the engine uploads
/// it. Plain data; a copy costs nothing and shows the same array. Reading an item costs a read of the array's address
/// first, which stays in the cache; so does size().
template <class T>
struct View {
    /// Of an item.
    using value_type = T;
    const ViewSlot* slot = nullptr;  // null: empty, on the host before the engine has it

    /// The first of size() items, contiguous, in memory of the batch's device once the engine has it; not for a view
    /// without a slot.
    SIM_HD const T* data() const { return static_cast<const T*>(slot->data); }
    /// Items; 0 without a slot.
    SIM_HD int64_t size() const { return slot ? slot->size : 0; }
    SIM_HD bool empty() const { return size() == 0; }
    /// 0 <= i < size(), unchecked.
    SIM_HD const T& operator[](int64_t i) const { return data()[i]; }
};

}  // namespace flockstep
