#include "tests/trainer/device_array.h"
#include "trainer/data/gae.h"

using namespace flockstep;

namespace {
/// 40 steps of 5 agents, with every kind of end.
struct Example {
    static constexpr int num_steps = 40, segment_steps = 10;
    static constexpr int64_t rows = 5, slot_rows = 16;
    std::vector<float> reward = std::vector<float>(num_steps * slot_rows),
                       value = std::vector<float>((num_steps + 1) * slot_rows);
    std::vector<float> final_value = std::vector<float>(num_steps / segment_steps * slot_rows);
    std::vector<uint8_t> terminated = std::vector<uint8_t>(num_steps * slot_rows), truncated = terminated;
    std::vector<uint8_t> active = std::vector<uint8_t>((num_steps + 1) * slot_rows, 1);

    Example() {
        for (uint32_t i = 0; i < reward.size(); ++i) {
            reward[i] = test_number(i, 1) - 0.5f;
            terminated[i] = test_number(i, 2) < 0.05f;
            truncated[i] = test_number(i, 3) < 0.05f;
            active[i] = test_number(i, 4) > 0.1f;
        }
        for (uint32_t i = 0; i < value.size(); ++i) value[i] = test_number(i, 5);
        for (uint32_t i = 0; i < final_value.size(); ++i) final_value[i] = test_number(i, 6);
    }
};

/// The definition: the sum over k of (gamma lambda)^k times the error of step t + k, up to the end of the episode.
double advantage_by_definition(const Example& e, int64_t t, int64_t row, double gamma, double decay) {
    double total = 0, weight = 1;
    for (; t < Example::num_steps; ++t, weight *= gamma * decay) {
        const int64_t flat_index = t * Example::slot_rows + row, after = flat_index + Example::slot_rows;
        const bool ends = e.terminated[flat_index] || e.truncated[flat_index] || !e.active[after];
        double next = ends ? 0.0 : e.value[after];
        if (e.truncated[flat_index] && !e.terminated[flat_index])
            next = e.final_value[t / Example::segment_steps * Example::slot_rows + row];
        total += weight * (e.reward[flat_index] + gamma * next - e.value[flat_index]);
        if (ends) break;
    }
    return total;
}
}  // namespace

TEST_CASE("advantage: the recursion equals its definition, with terminations, time limits and inactive agents") {
    const Example e;
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<float> reward(bench, e.reward), value(bench, e.value), final_value(bench, e.final_value);
        DeviceArray<uint8_t> terminated(bench, e.terminated), truncated(bench, e.truncated), active(bench, e.active);
        DeviceArray<float> advantage(bench, e.reward.size()), target(bench, e.reward.size());
        run(bench.context(), e.rows,
            ComputeAdvantage{{e.rows, e.slot_rows, 1, nullptr, nullptr},
                             e.num_steps,
                             e.segment_steps,
                             0.97f,
                             0.9f,
                             reward.data(),
                             value.data(),
                             final_value.data(),
                             nullptr,
                             terminated.data(),
                             truncated.data(),
                             active.data(),
                             advantage.data(),
                             target.data()});
        const std::vector<float> got = advantage.read(), targets = target.read();
        for (int64_t t = 0; t < e.num_steps; ++t)
            for (int64_t row = 0; row < e.rows; ++row) {
                const size_t flat_index = size_t(t * e.slot_rows + row);
                const double want = e.active[flat_index] ? advantage_by_definition(e, t, row, 0.97f, 0.9f) : 0.0;
                REQUIRE(got[flat_index] == Catch::Approx(want).margin(1e-5));
                REQUIRE(targets[flat_index] == Catch::Approx(want + e.value[flat_index]).margin(1e-5));
            }
    }
}

TEST_CASE("advantage: the time limit bootstraps from the final observation, a termination does not") {
    Bench bench({});
    DeviceArray<float> reward(bench, std::vector<float>{1, 1, 1}), value(bench, std::vector<float>{0, 0, 0, 9, 9, 9});
    DeviceArray<float> final_value(bench, std::vector<float>{10, 10, 10}), advantage(bench, 3), target(bench, 3),
        scale(bench, std::vector<float>{2});
    DeviceArray<uint8_t> terminated(bench, std::vector<uint8_t>{0, 1, 1}),
        truncated(bench, std::vector<uint8_t>{1, 0, 1});
    DeviceArray<uint8_t> active(bench, std::vector<uint8_t>(6, 1));
    run(bench.context(), 3,
        ComputeAdvantage{{3, 3, 1, nullptr, nullptr},
                         1,
                         1,
                         0.5f,
                         0.9f,
                         reward.data(),
                         value.data(),
                         final_value.data(),
                         scale.data(),
                         terminated.data(),
                         truncated.data(),
                         active.data(),
                         advantage.data(),
                         target.data()});
    CHECK(advantage.read() == std::vector<float>{7, 2, 2});  // 2 * 1 + 0.5 * 10; 2 * 1; 2 * 1
}
