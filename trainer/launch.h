#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/engine/memory.h"

/// The trainer's own kernels are written once, as plain structs of pointers with a call operator for item i, and run on
/// either backend: an OpenMP loop, or a CUDA kernel that kernels.cu instantiates for each of them.
namespace flockstep {

/// Where work is enqueued. `partials`: max_sum_chunks * max_sums doubles on the device, for the chunks of a sum.
struct Where {
    Device device;
    Stream stream;
    double* partials = nullptr;
};

inline constexpr int max_sums = 8, max_sum_chunks = 256;

/// How the sums of `sum` are stored: over what is there, or added to it.
enum class Store { overwrite, add };

#ifdef FLOCKSTEP_WITH_CUDA
/// Defined in kernels.cu.
template <class Item>
void run_on_cuda(const Where& where, int64_t n, const Item& item);
template <class Item>
void sum_on_cuda(const Where& where, int64_t n, const Item& item, double* sums, Store store);
/// Loads all kernels, which may not happen while a graph is captured.
void load_kernels(const Where& where);
#else
inline void load_kernels(const Where&) {}
#endif

/// item(i) for every i in [0, n), in any order. Does not wait.
template <class Item>
void run([[maybe_unused]] const Where& where, int64_t n, const Item& item) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (where.device.is_cuda()) return run_on_cuda(where, n, item);
#endif
    const int64_t worth_threads = 1 << 18;  // nanoseconds, about; a parallel region costs several thousand
#pragma omp parallel for schedule(static) if (n * Item::cost >= worth_threads)
    for (int64_t i = 0; i < n; ++i) item(i);
}

/// item(i, local) for every i in [0, n); adds up what it adds to local[0 .. Item::num_sums) in a fixed order:
/// chunks, each from its first item on, then the chunks. Writes to sums, on the device. Does not wait.
template <class Item>
void sum(const Where& where, int64_t n, const Item& item, double* sums, Store store) {
    static_assert(Item::num_sums <= max_sums);
#ifdef FLOCKSTEP_WITH_CUDA
    if (where.device.is_cuda()) return sum_on_cuda(where, n, item, sums, store);
#endif
    const int64_t chunk = (n + max_sum_chunks - 1) / max_sum_chunks, worth_threads = 1 << 18;
#pragma omp parallel for schedule(static) if (n * Item::cost >= worth_threads)
    for (int64_t c = 0; c < max_sum_chunks; ++c) {
        double local[max_sums] = {};
        for (int64_t i = c * chunk; i < std::min(n, (c + 1) * chunk); ++i) item(i, local);
        for (int k = 0; k < Item::num_sums; ++k) where.partials[c * max_sums + k] = local[k];
    }
    for (int k = 0; k < Item::num_sums; ++k) {
        double total = store == Store::add ? sums[k] : 0.0;
        for (int64_t c = 0; c < max_sum_chunks; ++c) total += where.partials[c * max_sums + k];
        sums[k] = total;
    }
}

}  // namespace flockstep
