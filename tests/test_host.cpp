#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <thread>

#include "sim/host/host_batch.h"
#include "sim/host/host_threads.h"
#include "tests/test_engine.h"

/// The CPU backend: its thread pool, and worlds that are stepped in tiles.
namespace flockstep {
namespace {
std::vector<int> visits_of(int64_t count, int64_t chunk, int threads) {
    std::vector<int> visits(size_t(count), 0);
    for_each_chunk(count, chunk, threads, [&](int64_t first, int64_t last, int) {
        for (int64_t i = first; i < last; ++i) ++visits[size_t(i)];
    });
    return visits;
}
BatchOptions one_by_one(BatchOptions options) {
    options.item_order = -1;
    return options;
}
}  // namespace

TEST_CASE("threads: every item is visited once, whatever the chunks and the threads") {
    for (int64_t count : {0, 1, 7, 64, 1000})
        for (int64_t chunk : {1, 3, 64, 2000})
            for (int threads : {1, 2, 5, 16})
                CHECK(visits_of(count, chunk, threads) == std::vector<int>(size_t(count), 1));
}

TEST_CASE("threads: concurrent ones have different indices") {
    for (int round = 0; round < 200; ++round) {
        std::atomic<int> busy[4] = {};
        std::atomic<bool> is_alone = true;
        for_each_chunk(64, 1, 4, [&](int64_t, int64_t, int thread) {
            if (busy[thread].fetch_add(1) != 0) is_alone = false;
            busy[thread].fetch_sub(1);
        });
        REQUIRE(is_alone);
    }
}

TEST_CASE("threads: concurrent and nested calls do not wait for each other") {
    std::atomic<int64_t> sum = 0;
    const auto work = [&] {
        for (int round = 0; round < 100; ++round)
            for_each_chunk(10, 1, 3, [&](int64_t first, int64_t last, int) {
                for_each_chunk(last - first, 1, 3, [&](int64_t a, int64_t b, int) { sum += b - a; });
            });
    };
    std::thread other(work);
    work();
    other.join();
    CHECK(sum == 2000);
}

TEST_CASE("threads: a forked child has its own threads") {
    CHECK(visits_of(100, 1, 4) == std::vector<int>(100, 1));
    const pid_t child = fork();
    if (child == 0) _exit(visits_of(100, 1, 4) == std::vector<int>(100, 1) ? 0 : 1);
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("every environment: worlds stepped in tiles equal worlds stepped one by one") {
    for (const EngineCase& c : engine_cases()) {
        for (AutoresetMode mode : {AutoresetMode::same_step, AutoresetMode::next_step, AutoresetMode::disabled}) {
            DYNAMIC_SECTION(c.name << ", mode " << int(mode)) {
                BatchOptions options = some_envs(37);
                options.autoreset_mode = mode, options.stagger_episodes = mode != AutoresetMode::same_step;
                const auto together = make(c, options), alone = make(c, one_by_one(options));
                CHECK(played_difference(*together, *alone, 60) == "");
            }
        }
    }
}

namespace {
/// An environment that is stepped in tiles and observes the elapsed time.
struct Clock {
    static constexpr const char* summary = "an agent that sees how many steps its world has played";
    struct Config {
        int max_episode_steps = 7;
        template <class F>
        void fields(F f) {
            f("max_episode_steps", max_episode_steps, between(1, 100), "steps until truncation");
        }
    };
    struct State {
        template <class V>
        SIM_HD void fields(const Config&, V&) {}
    };
    static constexpr Observation<"time", float> time{};
    static constexpr Discrete<"wait"> wait{};
    static constexpr auto tensors = tensor_list(time, wait);
    static constexpr int single_agent_floats = 1;
    static Spaces spaces(const Config&) {
        Spaces spaces;
        spaces.add("agent", 1).observation(time, {1}).discrete(wait, 1);
        return spaces;
    }
    template <class Group>
    SIM_HD static void reset(Group&, World<Clock>&) {}
    template <class Group>
    SIM_HD static void step(Group&, World<Clock>&, const Actions<Clock>&, const Outcome<Clock>&) {}
    template <class Group>
    SIM_HD static void observe(Group&, const World<Clock>& world, AgentRange, const ObservationWriter<Clock>& out) {
        if (out.wants(time)) *out.row(time, 0) = float(world.elapsed);
    }
};
}  // namespace

TEST_CASE("observations of the elapsed time do not depend on the number of worlds") {
    for (int64_t num_envs : {4, 37}) {
        const auto batch = make_host_batch<Clock, false>("clock", some_envs(num_envs), Settings{});
        for (int step = 1; step <= 20; ++step) {
            play(*batch, 1);
            const std::vector<float> want(size_t(num_envs), float(step % 7));
            REQUIRE(host_values<float>(*batch, batch->observations()[0]) == want);
        }
    }
}

TEST_CASE("threads: worlds have their own bulk scratch memory") {
    for (const char* name : {"test_chain", "test_herd"}) {
        const auto together = make(engine_case(name), some_envs(600)),
                   alone = make(engine_case(name), one_by_one(some_envs(600)));
        CHECK(played_difference(*together, *alone, 40) == "");
    }
}

TEST_CASE("cartpole: invalid actions of worlds in tiles count as 0 and are reported") {
    const auto together = make(engine_case("cartpole"), some_envs(33)),
               alone = make(engine_case("cartpole"), one_by_one(some_envs(33)));
    for (int step = 0; step < 50; ++step) {
        std::vector<int32_t> action(33);
        for (size_t env = 0; env < action.size(); ++env) action[env] = int32_t(env * 7 + size_t(step)) % 4 - 1;
        for (Batch* batch : {together.get(), alone.get()}) {
            put(*batch, batch->actions()[0], action);
            batch->step();
        }
        REQUIRE(difference(*together, *alone) == "");
    }
    CHECK(error_of([&] { together->check(); }).find("want an integer from 0 to 1") != std::string::npos);
    CHECK(error_of([&] { alone->check(); }) != "no error");
    CHECK(state_difference(*together, *alone) == "");
}

TEST_CASE("cartpole: int64 actions and omitted outputs do not change the other outputs") {
    BatchOptions few = some_envs(64);
    few.outputs = {"observation", "terminated"};
    few.statistics = false;
    const auto all = make(engine_case("cartpole"), some_envs(64)), some = make(engine_case("cartpole"), few);
    std::vector<int64_t> wide(64);
    std::vector<int32_t> action(64);
    const Bindings from_wide = Bindings(*some).read_action(0, wide.data(), DType::int64);
    for (int step = 0; step < 100; ++step) {
        for (size_t env = 0; env < 64; ++env) wide[env] = action[env] = int32_t(env * 5 + size_t(step)) / 3 % 2;
        put(*all, all->actions()[0], action);
        all->step(), some->step(from_wide);
        REQUIRE(host_bytes(*all, all->observations()[0]) == host_bytes(*some, some->observations()[0]));
        REQUIRE(host_bytes(*all, all->output("terminated")) == host_bytes(*some, some->output("terminated")));
    }
}

}  // namespace flockstep
