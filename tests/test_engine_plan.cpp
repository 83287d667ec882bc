#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sim/engine/plan.h"
#include "sim/engine/tune.h"
#include "tests/test_engine.h"

/// Plans: which are accepted, and how the fastest is found. test_engine_exact.cpp tests that results do not depend on
/// them.
namespace flockstep {
namespace {

/// A private cache for tuned plans.
struct OwnCache {
    static inline int next = 0;
    std::filesystem::path folder = std::filesystem::temp_directory_path() /
                                   ("flockstep_plans_" + std::to_string(getpid()) + "_" + std::to_string(next++));
    OwnCache() { setenv("XDG_CACHE_HOME", folder.c_str(), 1); }
    ~OwnCache() {
        unsetenv("XDG_CACHE_HOME");
        std::filesystem::remove_all(folder);
    }
    std::vector<std::filesystem::path> files() const {
        std::vector<std::filesystem::path> list;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
            if (entry.is_regular_file()) list.push_back(entry.path());
        return list;
    }
};

std::vector<std::string> texts_of(const std::vector<Plan>& plans) {
    std::vector<std::string> texts;
    for (const Plan& plan : plans) texts.push_back(plan.text(true));
    return texts;
}
}  // namespace

TEST_CASE("plans: GPU plans are parsed and printed, and others rejected with what was given") {
    for (std::string text : {"lane", "lane/32", "warp:2", "warp:8/64", "warp:32/128", "block:64", "block:96",
                             "block:256", "block:128/queue", "grid"})
        CHECK(parse_plan(text, true).text(true) == text);
    for (std::string text :
         {"",           "warp",        "warp:3",           "warp:64",           "block:63",
          "block:288",  "block:64/64", "lane:1",           "lane/48",           "grid:2",
          "team",       "worlds",      "warp:99999999999", "warp:-2",           "warp:8/",
          "warp:8 ",    "Warp:8",      "warp:8/queue",     "block:64/64/queue", "block:64/queue/queue",
          "grid/queue", "/queue"})
        CHECK(error_of([&] {
                  parse_plan(text, true);
              }).rfind("plan: got \"" + text + "\", want \"lane\", \"warp:N\"", 0) == 0);
}

TEST_CASE("plans: if an environment's lanes do not fit, more are tried, then fewer") {
    CHECK(texts_of(plan_ladder(4)) ==
          std::vector<std::string>{"warp:4", "warp:8", "warp:16", "warp:32", "block:64", "warp:2", "lane", "grid"});
    CHECK(texts_of(plan_ladder(96)) ==
          std::vector<std::string>{"block:96", "warp:32", "warp:16", "warp:8", "warp:4", "warp:2", "lane", "grid"});
}

TEST_CASE("plans: impossible ones are rejected on the CPU") {
    for (std::string plan : {"lane", "warp:8", "teams", "worlds "})
        CHECK(error_of([&] { make(engine_case("cartpole"), with_plan(some_envs(2), plan)); }) ==
              "plan: got \"" + plan + "\", want \"worlds\" or \"team\" on the CPU");
    CHECK(error_of([&] { make(engine_case("cartpole"), with_plan(some_envs(2), "team")); }) ==
          "plan: got \"team\", want \"worlds\": cartpole is not compiled for kind grid, whose counterpart on the CPU "
          "is a team");
    const auto team = make(engine_case("test_crowd"), with_plan(some_envs(2), "team")),
               plain = make(engine_case("test_crowd"), some_envs(2));
    CHECK(team->plan() == "team");
    CHECK(plain->plan() == "worlds");
    CHECK(plain->plans() == std::vector<std::string>{"worlds", "team"});
    CHECK(plain->plan_details().find(" threads over worlds") != std::string::npos);
}

TEST_CASE("plans: kinds that are not compiled are rejected on the GPU, listing those that are") {
    if (!gpu_is_there()) return;
    CHECK(error_of([&] { make(engine_case("cartpole"), with_plan(on_gpu(some_envs(2)), "grid")); }) ==
          "plan: got \"grid\", want one of: lane, warp:2, warp:4, warp:8, warp:16, warp:32; cartpole is compiled for "
          "kinds "
          "lane, warp, and the worlds of these settings fit no other plan of them");
}

TEST_CASE("plans: the CPU has nothing to tune") {
    const OwnCache cache;
    const EngineCase& c = engine_case("cartpole");
    const TunedPlan tuned = tune_plan(c.environment, some_envs(4), c.settings);
    CHECK(tuned.plan == "worlds");
    CHECK(tuned.num_tried == 0);
    CHECK(!std::filesystem::exists(cache.folder));
}

TEST_CASE("plans: the fastest is found once and cached, for these settings only") {
    if (!gpu_is_there()) return;
    const OwnCache cache;
    const EngineCase& c = engine_case("test_roles");
    const BatchOptions options = on_gpu(some_envs(512));
    const auto tune = [&](const BatchOptions& of) { return tune_plan(c.environment, of, c.settings, 0.3); };
    const TunedPlan first = tune(options);
    CHECK(first.num_tried >= 2);
    CHECK_FALSE(first.is_from_cache);
    CHECK(has_plan(*make(c, options), first.plan));
    REQUIRE(cache.files().size() == 1);

    const TunedPlan again = tune(options);
    CHECK(again.is_from_cache);
    CHECK(again.plan == first.plan);
    CHECK(again.num_tried == 0);
    BatchOptions others = options;
    others.num_envs = 513;
    CHECK_FALSE(tune(others).is_from_cache);
    CHECK(cache.files().size() == 2);

    for (const auto& file : cache.files()) std::ofstream(file) << "warp:7\nnonsense";  // whatever lies there
    CHECK_FALSE(tune(options).is_from_cache);
    CHECK(tune(options).is_from_cache);

    const auto tuned = make(c, with_plan(options, first.plan)), plain = make(c, some_envs(512));
    CHECK(played_difference(*plain, *tuned, 20) == "");
}

TEST_CASE("plans: works without a writable cache") {
    if (!gpu_is_there()) return;
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    const EngineCase& c = engine_case("test_roles");
    CHECK(tune_plan(c.environment, on_gpu(some_envs(64)), c.settings, 0.1).num_tried >= 1);
    unsetenv("XDG_CACHE_HOME");
}

}  // namespace flockstep
