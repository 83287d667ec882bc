#include <algorithm>
#include <cmath>

#include "tests/test_engine.h"

/// Episode statistics against plain computations on the host.
namespace flockstep {
namespace {

/// Returns and lengths of a batch's episodes, accumulated on the host.
class Observer {
  public:
    explicit Observer(Batch& batch)
        : batch_(batch),
          returns_(size_t(batch.num_envs()), std::vector<float>(batch.spaces().roles.size())),
          lengths_(size_t(batch.num_envs())),
          took_part_(size_t(batch.num_envs() * batch.num_agents())),
          episode_(size_t(batch.num_envs())),
          first(size_t(batch.num_envs())) {}

    /// One step; episodes below `from_episode` do not count.
    void step(int from_episode) {
        const auto active = host_values<uint8_t>(batch_, batch_.output("active"));
        for (size_t i = 0; i < active.size(); ++i) agent_steps += active[i], took_part_[i] |= active[i];
        play(batch_, 1);
        const auto rewards = host_values<float>(batch_, batch_.output("reward"));
        const auto starts = host_values<uint8_t>(batch_, batch_.output("episode_start"));
        const size_t agents = size_t(batch_.num_agents());
        for (size_t env = 0; env < lengths_.size(); ++env) {
            for (size_t r = 0; r < returns_[env].size(); ++r) {
                const Role& role = batch_.spaces().roles[r];
                double total = 0;
                for (int i = 0; i < role.count; ++i) total += double(rewards[env * agents + size_t(role.first + i)]);
                returns_[env][r] += float(total);
            }
            ++lengths_[env];
            if (!starts[env * agents]) continue;
            if (episode_[env]++ >= from_episode) count(env);
            std::fill(returns_[env].begin(), returns_[env].end(), 0.0f);
            std::fill_n(took_part_.begin() + int64_t(env * agents), agents, uint8_t{0});
            lengths_[env] = 0;
        }
    }

    int64_t num_episodes = 0, agent_steps = 0;
    std::vector<double> sum, square, number;  // of each role's return, then of the length

  private:
    /// Agents of a role that were active before some step of the episode.
    int participants(size_t env, const Role& role) const {
        const auto begin = took_part_.begin() + int64_t(env) * batch_.num_agents() + role.first;
        return int(std::count(begin, begin + role.count, 1));
    }
    /// Returns of roles without agents are NaN; an episode without agents does not count.
    void count(size_t env) {
        const std::vector<Role>& roles = batch_.spaces().roles;
        std::vector<float> values(roles.size());
        int total = 0;
        for (size_t r = 0; r < roles.size(); ++r) {
            values[r] = returns_[env][r] / float(participants(env, roles[r]));
            if (participants(env, roles[r]) == 0) values[r] = std::nanf("");
            total += participants(env, roles[r]);
        }
        if (total == 0) return;
        ++num_episodes;
        values.push_back(float(lengths_[env]));
        sum.resize(values.size()), square.resize(values.size()), number.resize(values.size());
        for (size_t m = 0; m < values.size(); ++m)
            if (!std::isnan(values[m])) sum[m] += values[m], square[m] += double(values[m]) * values[m], ++number[m];
        if (first[env].empty()) first[env] = values;
    }
    Batch& batch_;
    std::vector<std::vector<float>> returns_;
    std::vector<int> lengths_;
    std::vector<uint8_t> took_part_;
    std::vector<int> episode_;

  public:
    std::vector<std::vector<float>> first;  // values of each world's first episode; empty: none ended
};

void check_first(Batch& batch, const Observer& observer) {
    const auto shown = batch.first_episodes();
    for (size_t env = 0; env < observer.first.size(); ++env) {
        for (size_t m = 0; m <= batch.spaces().roles.size(); ++m) {
            const float value = shown.at(batch.metric_names()[m])[env];
            if (observer.first[env].empty() || std::isnan(observer.first[env][m]))
                CHECK(std::isnan(value));
            else
                CHECK(value == Catch::Approx(observer.first[env][m]).margin(1e-4));
        }
    }
}

void check_statistics(Batch& batch, const Observer& observer) {
    const Statistics shown = batch.statistics(false);
    REQUIRE(shown.num_episodes == observer.num_episodes);
    if (shown.agent_steps > 0) CHECK(shown.agent_steps == observer.agent_steps);
    for (size_t m = 0; m < observer.sum.size(); ++m) {
        INFO(shown.metrics[m].name);
        const double n = observer.number[m];
        if (n == 0) continue;
        const double mean = observer.sum[m] / n, variance = observer.square[m] / n - mean * mean;
        CHECK(shown.metrics[m].mean == Catch::Approx(mean).margin(1e-4));
        if (n > 1)
            CHECK(shown.metrics[m].standard_error ==
                  Catch::Approx(std::sqrt(std::max(variance, 0.0) / (n - 1))).margin(1e-3));
    }
}
}  // namespace

TEST_CASE("every environment: statistics are the means over the episodes that were seen to end") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            for (bool spread : {false, true}) {
                DYNAMIC_SECTION(c.name << (spread ? ", staggered" : "") << " on " << device.name()) {
                    BatchOptions options = some_envs(7);
                    options.device = device, options.stagger_episodes = spread;
                    const auto batch = make(c, options);
                    Observer observer(*batch);
                    for (int step = 0; step < 33; ++step) observer.step(spread ? 1 : 0);
                    check_statistics(*batch, observer);
                    check_first(*batch, observer);
                }
            }
        }
    }
}

TEST_CASE("statistics: an episode without agents of a role is not in that role's means") {
    for (Device device : devices()) {
        BatchOptions options = some_envs(64);
        options.device = device;
        const SettingValues lone = {{"num_sheep", "1"}, {"max_episode_steps", "5"}};  // it may be away from the start
        const auto batch = make({"", "test_herd", settings_of(lone)}, options);
        Observer observer(*batch);
        for (int step = 0; step < 20; ++step) observer.step(0);
        const double dogs = observer.number[0], sheep = observer.number[1];
        CHECK((0 < sheep && sheep < dogs));
        CHECK(dogs == double(observer.num_episodes));
        check_first(*batch, observer);
        check_statistics(*batch, observer);
    }
}

TEST_CASE("statistics: a batch without statistics reports an error") {
    BatchOptions options = some_envs(2);
    options.statistics = false;
    const auto batch = make(engine_case("cartpole"), options);
    CHECK(batch->statistics(false).num_episodes == 0);
    CHECK(error_of([&] { batch->first_episodes(); }) ==
          "first_episodes: got a batch without statistics, want one with statistics = true");
}

TEST_CASE("statistics: clearing starts over, and the episode in progress counts with its whole return") {
    for (Device device : devices()) {
        BatchOptions options = some_envs(3);
        options.device = device;
        const auto batch = make(engine_case("test_roles"), options);
        play(*batch, 20);
        CHECK(batch->statistics(true).num_episodes == 3);
        const Statistics cleared = batch->statistics(false);
        CHECK(cleared.num_episodes == 0);
        CHECK(cleared.metrics[0].mean == 0);
        CHECK(std::isnan(batch->first_episodes().at("episode_length")[0]));
        play(*batch, 6);
        const Statistics after = batch->statistics(false);
        CHECK(after.num_episodes == 3);
        REQUIRE(after.metrics.size() == 3);
        CHECK(after.metrics[0].name == "episode_return.keeper");
        CHECK(after.metrics[1].name == "episode_return.boat");
        CHECK(after.metrics[2].name == "episode_length");
        CHECK(after.metrics[2].mean == 13);
    }
}

TEST_CASE("statistics: worlds without agents are in no mean, and all metrics are finite") {
    const std::map<std::string, std::string> sparse = {
        {"size", "8"}, {"min_size", "2"}, {"density", "0.5"}, {"num_agents", "2"}, {"max_episode_steps", "13"}};
    for (Device device : devices()) {
        for (const std::string on_target : {"finish", "nothing", "restart"}) {
            std::map<std::string, std::string> settings = sparse;
            settings["on_target"] = on_target;
            BatchOptions options = some_envs(512);
            options.device = device;
            const auto batch = make({"", "pathfinding", settings_of(settings)}, options);
            const auto present = values_of<int32_t>(batch->get_field("num_present"));
            CHECK(std::count(present.begin(), present.end(), 0) > 0);
            play(*batch, 30);
            const Statistics statistics = batch->statistics(false);
            for (const Statistics::Metric& metric : statistics.metrics) {
                INFO(on_target << ", " << metric.name << " " << metric.mean);
                CHECK(metric.mean >= 0);
                CHECK(metric.mean <= 26);  // the sum of costs of both agents
                if (metric.name == "episode_length" && on_target == "restart") CHECK(metric.mean == 13);
            }
        }
    }
}

TEST_CASE("staggered episodes: first episodes start at all points of the time limit, the same on every device") {
    for (Device device : devices()) {
        BatchOptions options = some_envs(4096);
        options.device = device, options.stagger_episodes = true;
        const auto batch = make({"", "cartpole", settings_of({{"max_episode_steps", "64"}})}, options);
        const auto elapsed = values_of<int32_t>(batch->get_field("elapsed"));
        std::vector<int> worlds_at(64);
        for (int32_t steps : elapsed) {
            REQUIRE(steps >= 0);
            REQUIRE(steps < 64);
            ++worlds_at[size_t(steps)];
        }
        for (int count : worlds_at) CHECK(std::abs(count - 64) < 48);  // six standard deviations
        batch->reset();
        CHECK(values_of<int32_t>(batch->get_field("elapsed")) == std::vector<int32_t>(4096, 0));
    }
}

TEST_CASE("pathfinding: the throughput is the rewards of the episode per step of the time limit") {
    const auto batch = make(engine_case("pathfinding restart, soft"), some_envs(50));
    play(*batch, 13);
    const auto first = batch->first_episodes();
    for (size_t env = 0; env < 50; ++env)
        CHECK(first.at("avg_throughput")[env] * 13 == Catch::Approx(first.at("episode_return")[env] * 8).margin(1e-4));
}

}  // namespace flockstep
