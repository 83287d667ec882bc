#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "sim/contract/hd.h"
#include "sim/engine/memory.h"
#include "sim/host/host_threads.h"

/// The trainer's own kernels are written once, as plain structs of pointers with a call operator for item i. They run
/// on either backend: as a loop on the threads of sim/host/host_threads.h, or as a CUDA kernel that kernels.cu
/// instantiates for each struct.
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

/// The threads that a loop of so many nanoseconds is worth: waking one costs some thousand.
inline int threads_for(int64_t nanoseconds) { return nanoseconds < 1 << 18 ? 1 : omp_get_max_threads(); }

/// Calls item(i) for every i in [0, n), in any order. Asynchronous on a GPU.
template <class Item>
void run([[maybe_unused]] const ExecutionContext& context, int64_t n, const Item& item) {
#ifdef FLOCKSTEP_WITH_CUDA
    if (context.device.is_cuda()) return run_on_cuda(context, n, item);
#endif
    constexpr int64_t chunk = std::max(1, (1 << 16) / Item::nanoseconds);
    for_each_chunk(n, chunk, threads_for(n * Item::nanoseconds), [&item](int64_t first, int64_t last, int) {
        for (int64_t i = first; i < last; ++i) item(i);
    });
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
    const int64_t size = (n + max_sum_chunks - 1) / max_sum_chunks, chunks_at_once = 16;
    const auto sum_chunks = [&](int64_t first, int64_t last, int) {
        for (int64_t c = first; c < last; ++c) {
            double local[max_sums] = {};
            for (int64_t i = c * size; i < std::min(n, (c + 1) * size); ++i) item(i, local);
            for (int k = 0; k < Item::num_sums; ++k) context.partials[c * max_sums + k] = local[k];
        }
    };
    for_each_chunk(max_sum_chunks, chunks_at_once, threads_for(n * Item::nanoseconds), sum_chunks);
    for (int k = 0; k < Item::num_sums; ++k) {
        double total = store == Store::accumulate ? sums[k] : 0.0;
        for (int64_t c = 0; c < max_sum_chunks; ++c) total += context.partials[c * max_sums + k];
        sums[k] = total;
    }
}

}  // namespace flockstep
