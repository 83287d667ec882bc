#include <set>
#include <stdexcept>

#include "tests/test_engine.h"

/// Members of environments other than rules: Gymnasium ids and tools.
namespace flockstep {
namespace {

struct Config {
    int max_episode_steps = 10, num_agents = 1;
    float speed = 0.5f;
    bool is_torus = false;
    InternedString map = "";
    template <class F>
    void fields(F f) {
        f("max_episode_steps", max_episode_steps, at_least(1), "");
        f("num_agents", num_agents, between(1, 9), "");
        f("speed", speed, any_value(), "");
        f("is_torus", is_torus, any_value(), "");
        f("map", map, any_value(), "");
    }
};

EnvironmentEntry entry_with(const std::string& name, const std::string& id) {
    EnvironmentEntry entry{};
    entry.name = name;
    entry.info.gymnasium_ids.push_back({id, {}});
    return entry;
}

}  // namespace

TEST_CASE("gymnasium ids: an environment that declares none has one derived from its name") {
    CHECK(default_gymnasium_id("mpe_spread") == "MpeSpread-v0");
    CHECK(default_gymnasium_id("cartpole") == "Cartpole-v0");
    const EnvironmentInfo& spread = full_registry().find("mpe_spread").info;
    REQUIRE(spread.gymnasium_ids.size() == 1);
    CHECK(spread.gymnasium_ids[0].id == "MpeSpread-v0");
    CHECK(spread.gymnasium_ids[0].settings.values().empty());
}

TEST_CASE("gymnasium ids: preset settings have the types of their fields") {
    const GymnasiumId given{"Pursuit-v0", {{"num_agents", "4"}, {"speed", "0.25"}, {"is_torus", "true"}, {"map", "7"}}};
    const GymnasiumEntry entry = read_gymnasium_id<Config>(given);
    CHECK(entry.id == "Pursuit-v0");
    const std::map<std::string, Value> expected{
        {"num_agents", int64_t{4}}, {"speed", 0.25}, {"is_torus", true}, {"map", std::string("7")}};
    CHECK(entry.settings.values() == expected);
}

TEST_CASE("benchmark settings: those of an environment that declares them, with the types of their fields") {
    const std::map<std::string, Value> expected{{"size", int64_t{32}},
                                                {"num_agents", int64_t{64}},
                                                {"on_target", std::string("restart")},
                                                {"collision_system", std::string("soft")},
                                                {"max_episode_steps", int64_t{256}}};
    CHECK(full_registry().find("pathfinding").info.bench_settings.values() == expected);
    CHECK(full_registry().find("cartpole").info.bench_settings.values().empty());
    const PresetSetting unknown[] = {{"num_agent", "4"}};
    CHECK(error_of([&] { read_preset_settings<Config>(unknown, "pursuit"); }) ==
          "pursuit: unknown key \"num_agent\", did you mean \"num_agents\"?");
}

TEST_CASE("gymnasium ids: unknown settings and values out of range are rejected") {
    CHECK(error_of([] {
              read_gymnasium_id<Config>({"Pursuit-v0", {{"num_agent", "4"}}});
          }) == "Pursuit-v0: unknown key \"num_agent\", did you mean \"num_agents\"?");
    CHECK(error_of([] {
              read_gymnasium_id<Config>({"Pursuit-v0", {{"num_agents", "10"}}});
          }).find("num_agents: got \"10\"") == 0);
}

TEST_CASE("gymnasium ids: two environments with the same id are rejected") {
    Registry registry;
    registry.add(entry_with("pursuit", "Pursuit-v0"));
    registry.add(entry_with("flight", "Flight-v0"));
    CHECK(error_of([&] { registry.add(entry_with("chase", "Pursuit-v0")); }) ==
          "gymnasium_ids: got \"Pursuit-v0\" of pursuit and of chase, want an id of one environment");
}

TEST_CASE("every environment of the product: its ids' settings make a world, its commands have names and help") {
    for (const EnvironmentEntry& entry : full_registry().entries()) {
        if (entry.is_test) continue;
        REQUIRE_FALSE(entry.info.gymnasium_ids.empty());
        for (const GymnasiumEntry& known : entry.info.gymnasium_ids) {
            const auto batch = make_batch(entry.name, some_envs(1), known.settings);
            for (const auto& [name, value] : known.settings.values())
                CHECK(batch->settings().values().at(name) == value);
        }
        if (!entry.info.tools) continue;
        std::set<std::string> names;
        for (const Tool& tool : entry.info.tools()) {
            CHECK(names.insert(tool.name).second);
            CHECK_FALSE(tool.name.empty());
            CHECK_FALSE(tool.help.empty());
            CHECK(tool.help.find('\n') == std::string::npos);
        }
        CHECK_FALSE(names.empty());
    }
}

}  // namespace flockstep
