#include <cmath>

#include "tests/trainer/device_array.h"
#include "trainer/data/normalise.h"

using namespace flockstep;

namespace {

/// A critic's last layer behind `inputs` numbers, and the norm of its values.
class ValueHead {
  public:
    ValueHead(Bench& bench, std::vector<float> weights, bool has_copy = false)
        : bench_(bench),
          inputs_(weights.size() - 1),
          parameters_(bench, weights),
          copy_(bench, weights.size()),
          has_copy_(has_copy),
          moments_(bench, 1),
          norm_(bench, std::vector<ValueNorm>{{0, 1, 1, 0}}) {}

    /// What a rollout with these value targets does.
    void learn(const std::vector<double>& targets) const {
        double sum = 0, square_sum = 0;
        for (double target : targets) sum += target, square_sum += target * target;
        DeviceArray<double> sums(bench_, std::vector<double>{double(targets.size()), sum, square_sum});
        run(bench_.context(), 1,
            MergeValues{sums.data(), sums.data() + 1, sums.data() + 2, moments_.data(), norm_.data()});
        uint16_t* const copy = has_copy_ ? copy_.data() : nullptr;
        run(bench_.context(), int64_t(inputs_) + 1,
            RescaleValues{norm_.data(), parameters_.data(), parameters_.data() + inputs_, copy,
                          copy ? copy + inputs_ : nullptr, int64_t(inputs_)});
    }
    ValueNorm norm() const { return norm_.read()[0]; }
    std::vector<float> parameters() const { return parameters_.read(); }
    std::vector<uint16_t> copy() const { return copy_.read(); }
    /// The value of these inputs, without rounding beyond that of the parameters and the norm.
    double value(const std::vector<double>& input) const {
        const std::vector<float> weights = parameters();
        double output = weights[inputs_];
        for (size_t i = 0; i < inputs_; ++i) output += weights[i] * input[i];
        return norm().mean + double(norm().deviation) * output;
    }

  private:
    Bench& bench_;
    size_t inputs_;
    DeviceArray<float> parameters_;
    DeviceArray<uint16_t> copy_;
    bool has_copy_;
    DeviceArray<Moments> moments_;
    DeviceArray<ValueNorm> norm_;
};

std::vector<double> numbers(size_t count, double mean, double deviation, uint32_t stream) {
    std::vector<double> numbers(count);
    for (size_t i = 0; i < count; ++i)
        numbers[i] = mean + deviation * std::sqrt(12.0) * (double(test_number(uint32_t(i), stream)) - 0.5);
    return numbers;
}

}  // namespace

TEST_CASE("value norm: values stay what they were, and those of the targets become normal") {
    const double mean = GENERATE(0.0, -3.0, 200.0), deviation = GENERATE(1e-4, 0.5, 40.0);
    for (Device device : test_devices()) {
        Bench bench(device);
        const ValueHead head(bench, {0.5f, -1.25f, 0.75f, 0.125f});
        for (uint32_t rollout = 0; rollout < 4; ++rollout) {
            const std::vector<std::vector<double>> inputs{{0, 0, 0}, {1, -1, 0.5}, {-0.3, 0.9, -1}};
            std::vector<double> before;
            for (const std::vector<double>& input : inputs) before.push_back(head.value(input));
            const ValueNorm old = head.norm();
            head.learn(numbers(300, mean * (rollout + 1), deviation, rollout));
            // Outputs are as large as the values' distance from the mean in deviations, and rounded to 24 bits.
            const double size = std::abs(old.mean) + std::abs(double(head.norm().mean)) + old.deviation + deviation + 2;
            for (size_t i = 0; i < inputs.size(); ++i) CHECK(std::abs(head.value(inputs[i]) - before[i]) < 2e-6 * size);
        }
    }
}

TEST_CASE("value norm: earlier targets weigh 0.95 of what they did at each rollout") {
    for (Device device : test_devices()) {
        Bench bench(device);
        const ValueHead head(bench, {1, 0});
        double weight = 0, mean = 0, variance = 0;
        std::vector<std::vector<double>> seen;
        for (uint32_t rollout = 0; rollout < 12; ++rollout) {
            seen.push_back(numbers(50 + 30 * rollout, 4.0 * (rollout % 3), 1 + rollout, rollout));
            head.learn(seen.back());
        }
        const auto each = [&](auto visit) {
            for (size_t rollout = 0; rollout < seen.size(); ++rollout)
                for (double target : seen[rollout]) visit(target, std::pow(0.95, double(seen.size() - 1 - rollout)));
        };
        each([&](double target, double w) { weight += w, mean += w * target; });
        mean /= weight;
        each([&](double target, double w) { variance += w / weight * (target - mean) * (target - mean); });
        CHECK(head.norm().mean == Catch::Approx(mean).epsilon(1e-6));
        CHECK(head.norm().deviation == Catch::Approx(std::sqrt(variance)).epsilon(1e-6));
    }
}

TEST_CASE("value norm: the deviation is at least 0.01") {
    for (Device device : test_devices()) {
        Bench bench(device);
        const ValueHead head(bench, {1, 0});
        head.learn({5, 5, 5});
        CHECK(head.norm().mean == 5.0f);
        CHECK(head.norm().deviation == 0.01f);
        CHECK(head.value({1}) == Catch::Approx(1).epsilon(1e-5));
        head.learn({5 - 0.009, 5 + 0.009});
        CHECK(head.norm().deviation == 0.01f);
        head.learn({4, 6});
        CHECK(head.norm().deviation > 0.4f);
    }
}

TEST_CASE("value norm: a rollout without targets, or with one that is not finite, changes nothing") {
    const std::vector<double> targets = GENERATE(std::vector<double>{}, std::vector<double>{1, NAN},
                                                 std::vector<double>{INFINITY}, std::vector<double>{2, -INFINITY});
    for (Device device : test_devices()) {
        Bench bench(device);
        const ValueHead head(bench, {0.5f, -0.25f, 0.125f});
        head.learn(targets);
        CHECK(head.parameters() == std::vector<float>{0.5f, -0.25f, 0.125f});
        head.learn({1, 2, 4});
        const ValueNorm norm = head.norm();
        const std::vector<float> parameters = head.parameters();
        head.learn(targets);
        CHECK(head.norm().mean == norm.mean);
        CHECK(head.norm().deviation == norm.deviation);
        for (size_t i = 0; i < 3; ++i) CHECK(head.parameters()[i] == Catch::Approx(parameters[i]).epsilon(1e-6));
        head.learn({1, 2, 4});  // goes on
        CHECK(head.norm().mean == Catch::Approx(7.0 / 3));
    }
}

TEST_CASE("value norm: the copy of the last layer in bfloat16 is changed with it") {
    for (Device device : test_devices()) {
        Bench bench(device);
        const ValueHead head(bench, {0.5f, -1.25f, 0.125f}, true);
        head.learn({3, 5, 10});
        const std::vector<float> parameters = head.parameters();
        for (size_t i = 0; i < parameters.size(); ++i) CHECK(head.copy()[i] == uint16_t(bfloat16_bits(parameters[i])));
    }
}
