#include "sim/host/host_threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace flockstep {

namespace {
void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// The range that a thread starts with; threads that finish early steal from the others.
struct alignas(64) WorkRange {
    std::atomic<int64_t> next;
    int64_t last;
};
struct Job {
    int64_t chunk;
    int threads;
    void (*work)(const void*, int64_t, int64_t, int);
    const void* context;
};

/// Runs one job at a time. Workers may read its description while the job is open or while they are inside; the caller
/// closes it and waits until no worker is inside.
class Pool {
  public:
    void run(int64_t count, Job job) {
        const int64_t chunks = (count + job.chunk - 1) / job.chunk;
        job.threads = int(std::min<int64_t>({chunks, job.threads, max_threads}));
        if (job.threads < 2 || busy_.test_and_set(std::memory_order_acquire)) {
            if (count > 0) job.work(job.context, 0, count, 0);
            return;
        }
        job.threads = grow(job.threads);
        job_ = job;
        for (int t = 0; t < job.threads; ++t) {
            ranges_[size_t(t)].next.store(chunks * t / job.threads * job.chunk, std::memory_order_relaxed);
            ranges_[size_t(t)].last = std::min(chunks * (t + 1) / job.threads * job.chunk, count);
        }
        state_.store((number_of(state_.load(std::memory_order_relaxed)) + one_job) | open, std::memory_order_release);
        state_.notify_all();
        take(0);
        state_.fetch_and(~open, std::memory_order_relaxed);
        for (int spins = 0; state_.load(std::memory_order_acquire) & inside_bits; ++spins)
            spins < spin_limit ? pause() : void(sched_yield());  // the others may be waiting for this core
        busy_.clear(std::memory_order_release);
    }
    /// A forked child has none of the worker threads.
    void after_fork() {
        num_threads_ = 1;
        state_.store(0);
        busy_.clear();
    }

  private:
    // state_: the lowest bit is set while the job is open; then the number of workers inside; then the job's number.
    static constexpr uint32_t open = 1, one_inside = 2, inside_bits = 1023 * one_inside, one_job = 2048;
    static constexpr int max_threads = 1023, spin_limit = 2000;
    static uint32_t number_of(uint32_t state) { return state & ~(inside_bits | open); }

    /// Starts missing threads; returns how many of the requested ones exist.
    int grow(int threads) {
        if (ranges_.size() < size_t(threads)) ranges_ = std::vector<WorkRange>(size_t(threads));
        try {
            for (; num_threads_ < threads; ++num_threads_) std::thread(&Pool::worker_loop, this, num_threads_).detach();
        } catch (const std::system_error&) {  // no more threads available
        }
        return std::min(threads, num_threads_);
    }
    void worker_loop(int thread) {
        for (uint32_t done = 0;;) {
            uint32_t state = wait_for_job(done);
            if (!state_.compare_exchange_strong(state, state + one_inside, std::memory_order_acquire)) continue;
            done = number_of(state);
            if (thread < job_.threads) take(thread);
            state_.fetch_sub(one_inside, std::memory_order_release);
        }
    }
    /// Waits for an open job with a new number. Steps tend to follow each other closely, so it spins before sleeping.
    uint32_t wait_for_job(uint32_t done) {
        for (int spins = 0;; ++spins) {
            const uint32_t state = state_.load(std::memory_order_relaxed);
            if (state & open && number_of(state) != done) return state;
            if (spins < spin_limit)
                pause();
            else
                state_.wait(state, std::memory_order_relaxed);
        }
    }
    void take(int thread) {
        for (int t = 0; t < job_.threads; ++t) {
            WorkRange& range = ranges_[size_t((thread + t) % job_.threads)];
            for (;;) {
                const int64_t first = range.next.fetch_add(job_.chunk, std::memory_order_relaxed);
                if (first >= range.last) break;
                job_.work(job_.context, first, std::min(first + job_.chunk, range.last), thread);
            }
        }
    }

    std::atomic<uint32_t> state_{0};
    std::atomic_flag busy_;
    Job job_{};
    std::vector<WorkRange> ranges_;
    int num_threads_ = 1;
};

/// Never destroyed: its threads live as long as the process.
Pool& pool() {
    static Pool* const instance = [] {
        Pool* made = new Pool;
        pthread_atfork(nullptr, nullptr, [] { pool().after_fork(); });
        return made;
    }();
    return *instance;
}
}  // namespace

void run_in_chunks(int64_t count, int64_t chunk, int threads, void (*work)(const void*, int64_t, int64_t, int),
                   const void* context) {
    pool().run(count, {chunk, threads, work, context});
}

}  // namespace flockstep
