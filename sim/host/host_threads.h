#pragma once

#include <cstdint>

/// The threads of the CPU backend. An OpenMP loop ends when every thread of its team has come by, also those that the
/// system has not run yet: milliseconds where other programs work. Here the caller waits only for what was begun, and
/// does the rest itself.
namespace flockstep {

/// Calls work(context, first, last, thread) for ranges of at most `chunk` items that together are [0, count), on the
/// caller (thread 0) and up to threads - 1 others, and returns when all are done. Ranges tend to come back to the
/// thread that had them in the last call. `thread` < threads tells apart who works at the same time. Where another
/// call is under way (another batch, or a call from `work`) the caller does all of it. `work` must not throw.
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
