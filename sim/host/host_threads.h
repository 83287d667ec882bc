#pragma once

#include <cstdint>

/// The thread pool of the CPU backend. An OpenMP loop ends only when every thread of its team has arrived, even those
/// that the system has not scheduled yet, which takes milliseconds on a busy machine. Here the caller only waits for
/// work that was started, and does the rest itself.
namespace flockstep {

/// Calls work(context, first, last, thread) for ranges of at most `chunk` items that together cover [0, count), on the
/// calling thread (thread 0) and up to threads - 1 others, and returns when all are done. A range tends to run on the
/// same thread as in the previous call. `thread` < threads is unique among concurrent calls of `work`. If another call
/// is in progress (from another batch, or from `work`), the caller does all the work. `work` must not throw.
void run_in_chunks(int64_t count, int64_t chunk, int threads, void (*work)(const void*, int64_t, int64_t, int),
                   const void* context);

/// The same for f(first, last, thread).
template <class F>
void for_each_chunk(int64_t count, int64_t chunk, int threads, const F& f) {
    const auto work = [](const void* context, int64_t first, int64_t last, int thread) {
        (*static_cast<const F*>(context))(first, last, thread);
    };
    run_in_chunks(count, chunk, threads, work, &f);
}

}  // namespace flockstep
