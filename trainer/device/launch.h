#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/engine/memory.h"

/// The trainer's own kernels are written once, as plain structs of pointers with a call operator for item i. They run
/// on either backend: as an OpenMP loop, or as a CUDA kernel that kernels.cu instantiates for each struct.
namespace flockstep {

/// The device and stream that work is enqueued on. `partials`: max_sum_chunks * max_sums doubles on the device, scratch
/// for partial sums.
struct ExecutionContext {
    Device device;
    Stream stream;
    double* partials = nullptr;
};

inline constexpr int max_sums = 8, max_sum_chunks = 256;

/// Whether sum() overwrites its result or adds to it.
enum class Store { overwrite, accumulate };

#ifdef FLOCKSTEP_WITH_CUDA
/// Defined in kernels.cu.
template <class Item>
void run_on_cuda(const ExecutionContext& context, int64_t n, const Item& item);
template <class Item>
void sum_on_cuda(const ExecutionContext& context, int64_t n, const Item& item, double* sums, Store store);
#endif

/// Calls item(i) for every i in [0, n), in any order. Asynchronous on a GPU.
template <class Item>
void run([[maybe_unused]] const ExecutionContext& context, int64_t n, const Item& item) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (context.device.is_cuda()) return run_on_cuda(context, n, item);
#endif
    const int64_t parallel_threshold = 1 << 18;  // in nanoseconds; entering a parallel region costs several thousand
#pragma omp parallel for schedule(static) if (n * Item::nanoseconds >= parallel_threshold)
    for (int64_t i = 0; i < n; ++i) item(i);
}

/// Calls item(i, local) for every i in [0, n) and sums what the items add to local[0 .. Item::num_sums). The order of
/// summation is fixed: within each chunk from its first item on, then over the chunks. The result goes to `sums`, on
/// the device. Asynchronous on a GPU.
template <class Item>
void sum(const ExecutionContext& context, int64_t n, const Item& item, double* sums, Store store) {
    static_assert(Item::num_sums <= max_sums);
#ifdef FLOCKSTEP_WITH_CUDA
    if (context.device.is_cuda()) return sum_on_cuda(context, n, item, sums, store);
#endif
    const int64_t chunk = (n + max_sum_chunks - 1) / max_sum_chunks, parallel_threshold = 1 << 18;
#pragma omp parallel for schedule(static) if (n * Item::nanoseconds >= parallel_threshold)
    for (int64_t c = 0; c < max_sum_chunks; ++c) {
        double local[max_sums] = {};
        for (int64_t i = c * chunk; i < std::min(n, (c + 1) * chunk); ++i) item(i, local);
        for (int k = 0; k < Item::num_sums; ++k) context.partials[c * max_sums + k] = local[k];
    }
    for (int k = 0; k < Item::num_sums; ++k) {
        double total = store == Store::accumulate ? sums[k] : 0.0;
        for (int64_t c = 0; c < max_sum_chunks; ++c) total += context.partials[c * max_sums + k];
        sums[k] = total;
    }
}

}  // namespace flockstep
