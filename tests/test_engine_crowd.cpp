#include <chrono>
#include <cstdio>

#include "tests/test_engine.h"

/// A million agents in one world.
namespace flockstep {
namespace {

const EngineCase million = {"a million", "test_crowd",
                            settings_of({{"num_agents", "1000000"}, {"max_episode_steps", "1000"}})};

BatchOptions one_world(Device device) {
    BatchOptions options;
    options.device = device, options.seed = 7, options.plan = device.is_cuda() ? "grid" : "team";
    return options;
}

/// Plays and prints the speed.
void measure(Batch& batch, const char* where, int steps) {
    batch.act(-1);
    batch.step();
    batch.synchronize();
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < steps; ++step) batch.step();
    batch.synchronize();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("test_crowd, 1,000,000 agents in one world, %s: %.3g agent-steps/s\n", where,
                1e6 * steps / seconds.count());
}
}  // namespace

TEST_CASE("a million agents in one world: all threads give the result of one thread") {
    BatchOptions alone = one_world({-1});
    alone.plan = "worlds";
    const auto team = make(million, one_world({-1})), single = make(million, alone);
    CHECK(played_difference(*team, *single, 2) == "");
    measure(*team, "CPU, all threads", 5);
}

TEST_CASE("a million agents in one world: CPU equals GPU") {
    if (!gpu_is_there()) return;
    const auto host = make(million, one_world({-1})), device = make(million, one_world({0}));
    CHECK(played_difference(*host, *device, 10) == "");
    measure(*device, "GPU, whole grid", 200);
}

}  // namespace flockstep
