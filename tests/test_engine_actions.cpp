#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/test_engine.h"

/// Where actions are read from, and how invalid ones are handled.
namespace flockstep {
namespace {

BatchOptions on(Device device, int64_t num_envs = 5) {
    BatchOptions options = some_envs(num_envs);
    options.device = device;
    return options;
}
const EngineCase& mixed() { return engine_case("test_mixed"); }

/// Bindings that let `other` repeat the actions of `batch`, from separate memory, with integers of type T.
template <class T>
Bindings lend_actions(Batch& batch, Batch& other, std::vector<Buffer>& lent) {
    Bindings bindings(other);
    for (size_t i = 0; i < batch.actions().size(); ++i) {
        const Tensor& tensor = batch.actions()[i];
        if (tensor.dtype == DType::float32) {
            lent.push_back(beside(other, host_values<float>(batch, tensor)));
            bindings.read_action(i, lent.back().data(), DType::float32);
            continue;
        }
        const std::vector<int32_t> values = host_values<int32_t>(batch, tensor);
        lent.push_back(beside(other, std::vector<T>(values.begin(), values.end())));
        bindings.read_action(i, lent.back().data(), dtype_of<T>());
    }
    return bindings;
}
/// The contents of bound memory; `is_narrow`: integers have 32 bits, not 64.
std::vector<char> lent_bytes(Batch& batch, const Buffer& buffer, size_t action, bool is_narrow) {
    const Tensor& tensor = batch.actions()[action];
    std::vector<char> bytes(size_t(tensor.bytes()) * (is_narrow || tensor.dtype == DType::float32 ? 1 : 2));
    batch.memory().to_host(bytes.data(), buffer.data(), bytes.size());
    return bytes;
}
}  // namespace

TEST_CASE("every environment: actions may be read from other memory, as int32 or int64") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto own = make(c, on(device)), other = make(c, on(device));
                for (int step = 0; step < 12; ++step) {
                    std::vector<Buffer> lent;
                    own->act(-1);
                    for (size_t i = 0; step % 3 == 2 && i < own->actions().size(); ++i)
                        put(*other, other->actions()[i], host_bytes(*own, own->actions()[i]));
                    own->step();
                    if (step % 3 == 0) other->step(lend_actions<int32_t>(*own, *other, lent));
                    if (step % 3 == 1) other->step(lend_actions<int64_t>(*own, *other, lent));
                    if (step % 3 == 2) other->step();
                    REQUIRE(difference(*own, *other) == "");
                }
            }
        }
    }
}

TEST_CASE(
    "every environment: act after a step with other memory fills the engine's own actions, for the present state") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto own = make(c, on(device)), other = make(c, on(device));
                const int policies = int(own->policies().size());
                for (int step = 0; step < 8; ++step) {
                    std::vector<Buffer> lent;
                    for (int policy = -1; policy < policies; ++policy) {
                        if (policy >= 0 &&
                            error_of([&] { own->find_policy(own->policies()[size_t(policy)]); }) != "no error")
                            continue;
                        own->act(policy), other->act(policy);
                        for (size_t i = 0; i < own->actions().size(); ++i)
                            REQUIRE(host_bytes(*own, own->actions()[i]) == host_bytes(*other, other->actions()[i]));
                    }
                    own->act(-1);
                    const Bindings bindings = step % 2 ? lend_actions<int32_t>(*own, *other, lent)
                                                       : lend_actions<int64_t>(*own, *other, lent);
                    std::vector<std::vector<char>> before;
                    for (size_t i = 0; i < lent.size(); ++i) before.push_back(lent_bytes(*other, lent[i], i, step % 2));
                    own->step(), other->step(bindings);
                    other->act(-1);
                    for (size_t i = 0; i < lent.size(); ++i)
                        REQUIRE(lent_bytes(*other, lent[i], i, step % 2) == before[i]);
                }
            }
        }
    }
}

TEST_CASE("actions: a number type that does not fit gets one sentence") {
    const auto cartpole = make(engine_case("cartpole"), on({-1})), rovers = make(mixed(), on({-1}));
    CHECK(error_of([&] { Bindings(*cartpole).read_action(0, nullptr, DType::float32); }) ==
          "action action: got float32, want int32 or int64");
    CHECK(error_of([&] { Bindings(*rovers).read_action(2, nullptr, DType::int64); }) ==
          "action motor: got int64, want float32");
}

TEST_CASE("actions: one out of range counts as 0 and is reported once, by world, agent, step and value") {
    for (Device device : devices()) {
        const EngineCase& c = engine_case("cartpole");
        const auto wrong = make(c, on(device)), zero = make(c, on(device));
        std::vector<int32_t> actions = {1, 0, 1, 1, 1};
        for (int32_t value : {2, -1, 1000000}) {
            actions[2] = 0;
            put(*zero, zero->actions()[0], actions);
            actions[2] = value;
            put(*wrong, wrong->actions()[0], actions);
            const int step = values_of<int32_t>(wrong->get_field("elapsed"))[2];
            wrong->step(), zero->step();
            CHECK(error_of([&] { wrong->check(); }) == "action of world 2, agent 0 at step " + std::to_string(step) +
                                                           ": got " + std::to_string(value) +
                                                           ", want an integer from 0 to 1 (it counted as 0)");
            CHECK(error_of([&] { wrong->check(); }) == "no error");
            CHECK(difference(*wrong, *zero) == "");
        }
    }
}

TEST_CASE("actions: an int64 out of range is rejected as a whole, not by its low word") {
    for (Device device : devices()) {
        const auto batch = make(engine_case("cartpole"), on(device));
        const Buffer actions = beside(*batch, std::vector<int64_t>{0, (int64_t{1} << 40) + 1, 0, 0, 0});
        batch->step(Bindings(*batch).read_action(0, actions.data(), DType::int64));
        CHECK(error_of([&] { batch->get_field("body"); }).find("world 1, agent 0 at step 0: got 1099511627777") !=
              std::string::npos);
    }
}

TEST_CASE("actions: one that is masked counts as 0 and is reported") {
    for (Device device : devices()) {
        const auto batch = make(engine_case("test_cards"), on(device));
        const auto allowed = host_values<uint8_t>(*batch, batch->action_masks()[0]);
        int forbidden = 13;  // of player 0 in world 0, who has four cards at most
        while (allowed[size_t(forbidden)]) --forbidden;
        std::vector<int32_t> actions(15, 0);
        actions[0] = forbidden;
        put(*batch, batch->actions()[0], actions);
        const auto hands = batch->get_field("hand").bytes;
        batch->step();
        CHECK(error_of([&] { batch->check(); }) == "action of world 0, agent 0 at step 0: got " +
                                                       std::to_string(forbidden) +
                                                       ", want one that the action mask allows (it counted as 0)");
        CHECK(batch->get_field("hand").bytes == hands);
    }
}

TEST_CASE("actions: parts of several kinds are each checked against their own range") {
    for (Device device : devices()) {
        const auto wrong = make(mixed(), on(device)), right = make(mixed(), on(device));
        std::vector<int32_t> gears(15, 2), switches(45, 1);
        std::vector<float> motors(30, 0.5f);
        const auto put_all = [&](Batch& batch) {
            put(batch, batch.actions()[0], gears), put(batch, batch.actions()[1], switches);
            put(batch, batch.actions()[2], motors);
        };
        switches[3 * 7] = 0;
        put_all(*right);
        switches[3 * 7] = 2;  // world 2, agent 1: one of two
        put_all(*wrong);
        right->step(), wrong->step();
        CHECK(error_of([&] { wrong->check(); }) ==
              "action of world 2, agent 1 at step 0: got 2, want an integer from 0 to 1 (it counted as 0)");
        CHECK(difference(*wrong, *right) == "");
        switches[3 * 7] = 1, motors[10] = 1.0f;
        put_all(*right);
        motors[10] = 7.0f;
        put_all(*wrong);
        right->step(), wrong->step();
        CHECK(error_of([&] { wrong->check(); }) ==
              "action of world 1, agent 2 at step 1: got 7, want a number from -1 to 1 (it counted as the nearest "
              "bound)");
        CHECK(error_of([&] { right->check(); }) == "no error");
        CHECK(difference(*wrong, *right) == "");
        motors[0] = std::numeric_limits<float>::quiet_NaN();
        put(*wrong, wrong->actions()[2], motors);
        wrong->step();
        CHECK(error_of([&] {
                  wrong->check();
              }).find("world 0, agent 0 at step 2: got nan, want a number from -1 to 1") != std::string::npos);
        for (float value : host_values<float>(*wrong, wrong->observations()[0])) CHECK(std::isfinite(value));
    }
}

TEST_CASE("actions: each float of a Box has its own bounds, for steps, random policies and errors") {
    for (Device device : devices()) {
        const auto batch = make(engine_case("test_mixed, slow reverse"), on(device, 300));
        batch->act(-1);
        const auto drawn = host_values<float>(*batch, batch->actions()[2]);
        float low[2] = {1, 1}, high[2] = {-1, -1};
        for (size_t i = 0; i < drawn.size(); ++i)
            low[i % 2] = std::min(low[i % 2], drawn[i]), high[i % 2] = std::max(high[i % 2], drawn[i]);
        CHECK(low[0] == Catch::Approx(-0.25).margin(0.02));
        CHECK(low[1] == Catch::Approx(-1).margin(0.02));
        CHECK(std::min(high[0], high[1]) > 0.95f);
        std::vector<float> motors(drawn.size(), -0.25f);
        motors[7] = -0.375f;  // the second float of world 1's first agent: within its bounds
        put(*batch, batch->actions()[2], motors);
        batch->step();
        CHECK(error_of([&] { batch->check(); }) == "no error");
        motors[8] = -0.375f;
        put(*batch, batch->actions()[2], motors);
        batch->step();
        CHECK(error_of([&] { batch->check(); }) ==
              "action of world 1, agent 1 at step 1: got -0.375, want a number from -0.25 to 1 (it counted as the "
              "nearest bound)");
    }
}

TEST_CASE("policies: one may act in Discrete, MultiDiscrete and Box parts at once") {
    for (Device device : devices()) {
        const auto batch = make({"", "test_mixed", settings_of({{"max_episode_steps", "100"}})}, on(device, 64));
        play(*batch, 99, batch->find_policy("homing"));
        const Statistics statistics = batch->statistics(false);
        CHECK(statistics.num_episodes >= 64);  // all rovers are at the beacon long before the time limit
        CHECK(statistics.metrics[1].mean < 60);
        batch->act(0);
        const auto switches = host_values<int32_t>(*batch, batch->actions()[1]);
        for (size_t i = 0; i < switches.size(); i += 3) {
            CHECK(switches[i] == 1);
            CHECK(switches[i + 1] == 3);
            CHECK(switches[i + 2] == 2);
        }
    }
}

TEST_CASE("actions: those of absent agents are ignored") {
    for (Device device : devices()) {
        const auto wrong = make(engine_case("test_scenes"), on(device)),
                   right = make(engine_case("test_scenes"), on(device));
        const auto active = host_values<uint8_t>(*wrong, wrong->output("active"));
        std::vector<int32_t> actions(active.size(), 1);
        put(*right, right->actions()[0], actions);
        for (size_t i = 0; i < active.size(); ++i) actions[i] = active[i] ? 1 : 99;
        put(*wrong, wrong->actions()[0], actions);
        wrong->step(), right->step();
        CHECK(error_of([&] { wrong->check(); }) == "no error");
        CHECK(difference(*wrong, *right) == "");
    }
}

TEST_CASE("policies: an unknown one gets one sentence that lists the known ones") {
    CHECK(error_of([] { make(engine_case("cartpole"), some_envs(1))->find_policy("expert"); }) ==
          "policy: got \"expert\", want one of: random");
    CHECK(error_of([] { make(engine_case("cartpole"), some_envs(1))->find_policy("two\nlines"); }) ==
          "policy: got \"two\\nlines\", want one of: random");
    CHECK(make(engine_case("pathfinding all parts"), some_envs(1))->find_policy("pibt") == 0);
    CHECK(
        error_of([] { make(engine_case("pathfinding masked"), some_envs(1))->find_policy("pibt"); }) ==
        "policy: got \"pibt\", but pibt needs distance fields: set distances to true, or observe cost_to_go or intent");
}

}  // namespace flockstep
