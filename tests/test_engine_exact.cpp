#include <algorithm>
#include <cstdio>

#include "tests/test_engine.h"

/// Every environment gives the same bytes for every plan, backend and number of threads.
namespace flockstep {
namespace {
constexpr int num_steps = 40;

BatchOptions with_order(int item_order) {
    BatchOptions options = some_envs(5);
    options.item_order = item_order;
    return options;
}
}  // namespace

TEST_CASE("every environment: the same seed gives the same bytes") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            const auto a = make(c, some_envs(5)), b = make(c, some_envs(5));
            CHECK(played_difference(*a, *b, num_steps) == "");
        }
    }
}

TEST_CASE("every environment: a reset with a seed does not depend on earlier steps") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            BatchOptions options = some_envs(5, 8);
            options.statistics = false, options.final_observation = FinalObservation::none;
            const auto a = make(c, options), b = make(c, options);
            play(*b, num_steps);
            a->reset(uint64_t{7}), b->reset(uint64_t{7});
            CHECK(played_difference(*a, *b, 20) == "");
        }
    }
}

TEST_CASE("every environment: another seed gives other worlds") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            const auto a = make(c, some_envs(5)), b = make(c, some_envs(5, 8));
            CHECK(played_difference(*a, *b, num_steps) != "");
        }
    }
}

TEST_CASE("every environment: env 3 of 4 equals env 3 of 257, and env 0 where the first env is 3") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            BatchOptions shifted = some_envs(2);
            shifted.first_env = 3;
            const auto few = make(c, some_envs(4)), many = make(c, some_envs(257));
            CHECK(played_difference(*few, *many, 30, {0, 0, 4}) == "");
            const auto again = make(c, some_envs(4)), later = make(c, shifted);
            CHECK(played_difference(*again, *later, 30, {3, 0, 1}) == "");
        }
    }
}

TEST_CASE("every environment: the order of items and previous memory contents do not matter") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            for (int order : {-1, 7}) {
                INFO("item order " << order);
                const auto plain = make(c, some_envs(5)), other = make(c, with_order(order));
                CHECK(played_difference(*plain, *other, num_steps) == "");
            }
        }
    }
}

TEST_CASE("every environment: all threads on one world give the result of one thread") {
    std::vector<EngineCase> cases;
    for (const EngineCase& c : engine_cases())
        if (has_plan(*make(c, some_envs(1)), "team")) cases.push_back(c);
    CHECK(cases.size() >= 20);
    for (const EngineCase& c : cases) {
        DYNAMIC_SECTION(c.name) {
            const auto plain = make(c, some_envs(3)), other = make(c, with_plan(some_envs(3), "team"));
            CHECK(other->plan() == "team");
            CHECK(played_difference(*plain, *other, 15) == "");
        }
    }
}

TEST_CASE("every environment: CPU equals GPU under every plan") {
    if (!gpu_is_there()) return;
    for (const EngineCase& c : engine_cases()) {
        const std::vector<std::string> plans = make(c, on_gpu(some_envs(37)))->plans();
        CHECK(plans.size() >= 3);
        for (std::string plan : {"", "lane", "lane/32", "warp:2", "warp:8/64", "warp:32", "block:64", "block:256",
                                 "block:64/queue", "block:128/queue", "grid"}) {
            if (!plan.empty() && std::find(plans.begin(), plans.end(), plan) == plans.end()) continue;
            DYNAMIC_SECTION(c.name << ", plan " << plan) {
                const auto host = make(c, some_envs(37)), device = make(c, with_plan(on_gpu(some_envs(37)), plan));
                CHECK(played_difference(*host, *device, plan.empty() ? num_steps : 20) == "");
                CHECK(has_plan(*device, device->plan()));
                if (!plan.empty()) CHECK(device->plan() == plan);
            }
        }
    }
}

namespace {
bool has_planner(const EngineCase& c) {
    const auto batch = make(c, some_envs(1));
    for (const std::string& name : batch->policies())
        if (error_of([&] { batch->find_policy(name); }) == "no error") return true;
    return false;
}

std::vector<EngineCase> cases_with_planner() {
    std::vector<EngineCase> cases;
    for (const EngineCase& c : engine_cases())
        if (has_planner(c)) cases.push_back(c);
    return cases;
}
}  // namespace

TEST_CASE("every environment: scripted policies choose the same actions on CPU and GPU under every plan") {
    const std::vector<EngineCase> cases = cases_with_planner();
    CHECK(cases.size() >= 4);
    if (!gpu_is_there()) return;
    for (const EngineCase& c : cases) {
        DYNAMIC_SECTION(c.name) {
            for (std::string plan : {"", "warp:2", "block:64", "block:256", "grid"}) {
                if (!plan.empty() && !has_plan(*make(c, on_gpu(some_envs(9))), plan)) continue;
                INFO("plan " << plan);
                const auto host = make(c, some_envs(9)), device = make(c, with_plan(on_gpu(some_envs(9)), plan));
                CHECK(played_difference(*host, *device, num_steps, {}, 0) == "");
            }
        }
    }
}

TEST_CASE("every environment: CPU equals GPU in every autoreset mode, with staggered episodes") {
    if (!gpu_is_there()) return;
    for (const EngineCase& c : engine_cases()) {
        for (AutoresetMode mode : {AutoresetMode::same_step, AutoresetMode::next_step, AutoresetMode::disabled}) {
            DYNAMIC_SECTION(c.name << ", mode " << int(mode)) {
                BatchOptions options = some_envs(65);
                options.autoreset_mode = mode, options.stagger_episodes = true;
                options.final_observation = FinalObservation::truncated;
                const auto host = make(c, options), device = make(c, on_gpu(options));
                CHECK(played_difference(*host, *device, 30) == "");
                if (!host->streams_observations()) continue;
                const auto again = make(c, options), queue = make(c, with_plan(on_gpu(options), "block:96/queue"));
                CHECK(played_difference(*again, *queue, 30) == "");
            }
        }
    }
}

TEST_CASE("GPU: blocks with worlds whose episode ends start first, and are stepped once") {
    if (!gpu_is_there()) return;
    const std::string plan = GENERATE("block:64", "warp:8/32", "warp:32");
    const EngineCase c{"", "pathfinding",
                       settings_of({{"size", "16"},
                                    {"num_agents", "4"},
                                    {"on_target", "restart"},
                                    {"collision_system", "soft"},
                                    {"max_episode_steps", "16"}})};
    const int num_envs = GENERATE(40003, 203);  // more blocks than a GPU holds at once, or less; the last is not full
    BatchOptions options = some_envs(num_envs);
    options.stagger_episodes =
        GENERATE(true, false);  // few of them end with a step, or more than the lists have room for
    BatchOptions blocks = on_gpu(options);
    blocks.plan = plan;
    const auto host = make(c, options), device = make(c, blocks);
    CHECK((device->max_early_blocks() > 0) == (num_envs > 203 || plan != "block:64"));
    CHECK(played_difference(*host, *device, 20) == "");
}

}  // namespace flockstep
