#include <cmath>
#include <set>

#include "tests/trainer/device_array.h"
#include "trainer/data/minibatch.h"
#include "trainer/device/selection.h"
#include "trainer/policy/head.h"

using namespace flockstep;

namespace {
struct Chosen {
    std::vector<int32_t> action;
    std::vector<float> log_prob;
};

/// Actions of `num_envs` worlds with two agents each, all with the same logits and mask.
Chosen draw(Device device, int64_t num_envs, int64_t first_env, const std::vector<float>& logits,
            const std::vector<uint8_t>& mask, int64_t counter, bool deterministic = false) {
    Bench bench(device);
    const int n = int(logits.size());
    std::vector<float> all_logits;
    std::vector<uint8_t> all_masks;
    for (int64_t i = 0; i < 2 * num_envs; ++i) {
        all_logits.insert(all_logits.end(), logits.begin(), logits.end());
        all_masks.insert(all_masks.end(), mask.begin(), mask.end());
    }
    DeviceArray<float> device_logits(bench, all_logits), log_prob(bench, size_t(2 * num_envs));
    DeviceArray<uint8_t> device_mask(bench, all_masks);
    DeviceArray<int32_t> action(bench, size_t(2 * num_envs));
    DeviceArray<int64_t> steps(bench, std::vector<int64_t>{counter});
    SampleActions sample{};
    sample.rows = {2 * num_envs, 2 * num_envs, 2, nullptr, nullptr};
    sample.policy = {device_logits.data(), n, device_logits.data(), n};
    Component choice{};
    choice.n = n;
    DeviceArray<Component> components(bench, std::vector<Component>{choice});
    sample.head = Head({choice}, components.data(), n);
    sample.head.actions[0].action = action.data(), sample.head.actions[0].choices = n;
    sample.head.actions[0].mask = mask.empty() ? nullptr : device_mask.data();
    sample.deterministic = deterministic, sample.seed = 3, sample.first_env = first_env, sample.counter = steps.data();
    sample.log_prob = log_prob.data();
    run(bench.context(), 2 * num_envs, sample);
    return {action.read(), log_prob.read()};
}
}  // namespace

TEST_CASE("sampling: choices come as often as the softmax says, forbidden ones never") {
    const std::vector<float> logits{0.5f, -1.0f, 2.0f, 9.0f, 0.0f};
    const std::vector<uint8_t> mask{1, 1, 1, 0, 1};
    double total = 0;
    for (size_t k = 0; k < 5; ++k) total += mask[k] * std::exp(double(logits[k]));
    for (Device device : test_devices()) {
        const Chosen draws = draw(device, 100'000, 0, logits, mask, 5);
        std::vector<double> count(5, 0.0);
        for (size_t i = 0; i < draws.action.size(); ++i) {
            const size_t k = size_t(draws.action[i]);
            count[k] += 1;
            REQUIRE(draws.log_prob[i] == Catch::Approx(std::log(std::exp(double(logits[k])) / total)).margin(1e-5));
        }
        CHECK(count[3] == 0);
        for (size_t k = 0; k < 5; ++k) {
            const double p = mask[k] * std::exp(double(logits[k])) / total, n = double(draws.action.size());
            CHECK(std::abs(count[k] - n * p) <= 4.5 * std::sqrt(n * p * (1 - p)));
        }
    }
}

TEST_CASE("sampling: an action depends on seed, world, agent and step, not on the number of worlds") {
    const std::vector<float> logits{0.1f, 0.2f, 0.3f};
    for (Device device : test_devices()) {
        const Chosen many = draw(device, 1000, 0, logits, {}, 7), again = draw(device, 1000, 0, logits, {}, 7);
        CHECK(many.action == again.action);
        CHECK(many.log_prob == again.log_prob);
        CHECK(many.action != draw(device, 1000, 0, logits, {}, 8).action);
        CHECK(many.action != draw(device, 1000, 0, logits, {}, 7 + (int64_t{1} << 30)).action);
        const Chosen last = draw(device, 400, 600, logits, {}, 7);
        CHECK(last.action == std::vector<int32_t>(many.action.begin() + 1200, many.action.end()));
    }
}

TEST_CASE("sampling: the best action is the largest allowed logit; hopeless rows get action 0") {
    CHECK(draw({}, 1, 0, {1, 5, 9}, {1, 1, 0}, 0, true).action[0] == 1);
    CHECK(draw({}, 1, 0, {-INFINITY, -80.0f, -INFINITY}, {}, 0).action[0] == 1);
    CHECK(draw({}, 1, 0, {1, 2, 3}, {0, 0, 0}, 0).action[0] == 0);
    CHECK(draw({}, 1, 0, {1, 2, 3}, {0, 0, 0}, 0).log_prob[0] == 0.0f);
    CHECK(draw({}, 1, 0, {NAN, NAN, NAN}, {}, 0).action[0] == 0);
    CHECK(std::isnan(draw({}, 1, 0, {NAN, NAN, NAN}, {}, 0).log_prob[0]));
}

TEST_CASE("sampling: the GPU chooses as the CPU does") {
    if (!cuda_unavailable_reason().empty()) {
        WARN("skipped: " << cuda_unavailable_reason());
        return;
    }
    const std::vector<float> logits{0.5f, -1.0f, 2.0f, 0.1f};
    const Chosen host = draw({}, 50'000, 0, logits, {}, 5), device = draw({0}, 50'000, 0, logits, {}, 5);
    int64_t differ = 0;  // where a random number lies within rounding of a boundary
    for (size_t i = 0; i < host.action.size(); ++i) differ += host.action[i] != device.action[i];
    CHECK(differ <= 5);
}

TEST_CASE("shuffling: a permutation of every size, another one for each key") {
    for (uint64_t size : {1, 2, 3, 4, 5, 17, 64, 1000, 4096, 70'001}) {
        std::set<uint64_t> seen;
        const Permutation permutation(size, {{1, 2, 3, 4}});
        for (uint64_t i = 0; i < size; ++i) {
            REQUIRE(permutation(i) < size);
            seen.insert(permutation(i));
        }
        CHECK(seen.size() == size);
    }
    int64_t same = 0;
    for (uint64_t i = 0; i < 10'000; ++i)
        same += Permutation(10'000, {{1, 2, 3, 4}})(i) == Permutation(10'000, {{1, 2, 3, 5}})(i);
    CHECK(same < 20);
}

TEST_CASE("shuffling: the minibatches of a pass hold every sample once, also where they do not divide it") {
    for (Device device : test_devices()) {
        Bench bench(device);
        const int64_t num_samples = 1003, minibatch_size = 251;
        std::multiset<int64_t> seen;
        std::vector<int64_t> first_of_pass;
        for (int64_t step = 8; step < 16; ++step) {
            DeviceArray<int64_t> steps(bench, std::vector<int64_t>{step}), index(bench, size_t(minibatch_size)),
                all(bench, std::vector<int64_t>{num_samples});
            DeviceArray<int32_t> is_empty(bench, 1);
            run(bench.context(), minibatch_size,
                MinibatchIndices{steps.data(),
                                 9,
                                 {num_samples, 1, 1, 1},
                                 nullptr,
                                 all.data(),
                                 minibatch_size,
                                 4,
                                 0,
                                 index.data(),
                                 is_empty.data()});
            CHECK(is_empty.read()[0] == 0);
            for (int64_t sample : index.read())
                if (sample >= 0) seen.insert(sample);
            if (step % 4 == 0) first_of_pass.push_back(index.read()[0]);
        }
        CHECK(seen.size() == size_t(2 * num_samples));
        for (int64_t sample = 0; sample < num_samples; ++sample) REQUIRE(seen.count(sample) == 2);
        CHECK(first_of_pass[0] != first_of_pass[1]);
    }
}

TEST_CASE("minibatches: sequences, worlds and their sequences stay together, step by step, and come once an epoch") {
    constexpr int num_steps = 7, num_minibatches = 3;
    constexpr int64_t rows = 12;  // 4 worlds of 3 agents
    const int steps = GENERATE(1, 3, 7), agents = GENERATE(1, 3);
    const UnitLayout units{rows, num_steps, steps, agents};
    const int64_t per_minibatch = (units.num_units() + num_minibatches - 1) / num_minibatches;
    for (Device device : test_devices()) {
        Bench bench(device);
        std::vector<int> seen(size_t(num_steps * rows), 0);
        for (int64_t number = 0; number < num_minibatches; ++number) {
            const int64_t size = per_minibatch * units.size();
            DeviceArray<int64_t> done(bench, std::vector<int64_t>{number}), index(bench, size_t(size)),
                all(bench, std::vector<int64_t>{units.num_units()});
            DeviceArray<int32_t> is_empty(bench, 1);
            run(bench.context(), size,
                MinibatchIndices{done.data(), 4, units, nullptr, all.data(), per_minibatch, num_minibatches, 0,
                                 index.data(), is_empty.data()});
            const std::vector<int64_t> got = index.read();
            for (int64_t unit = 0; unit < per_minibatch; ++unit) {
                const int64_t first = got[size_t(unit * agents)];
                for (int step = 0; first >= 0 && step < steps; ++step)
                    for (int agent = 0; agent < agents; ++agent) {
                        const int64_t sample = got[size_t((step * per_minibatch + unit) * agents + agent)];
                        const bool is_cut = first / rows + step >= num_steps;
                        REQUIRE(sample == (is_cut ? -1 : first + step * rows + agent));
                        if (!is_cut) ++seen[size_t(sample)];
                    }
                REQUIRE((first < 0 || (first % rows % agents == 0 && first / rows % steps == 0)));
            }
        }
        for (int count : seen) REQUIRE(count == 1);
    }
}

TEST_CASE("minibatches: live units alone, each once an epoch, whatever the room; those after the last are empty") {
    constexpr int num_steps = 10, num_minibatches = 4;
    const RowSet rows{6, 16, 3, nullptr, nullptr};  // 2 worlds of 3 agents
    const UnitLayout units{6, num_steps, GENERATE(1, 2), GENERATE(1, 3)};
    const int kept = GENERATE(1, 5, 40);  // one in so many samples is live
    std::vector<uint8_t> live(num_steps * 16, 0);
    for (uint32_t i = 0; i < live.size(); ++i) live[i] = test_number(i, 77) * float(kept) < 1;
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<uint8_t> d_live(bench, live);
        DeviceArray<int64_t> count(bench, 1);
        Selection selection(*bench.memory, units.num_units(), count.data(), "a test");
        run(bench.context(), units.num_units(), MarkLiveUnits{rows, units, d_live.data(), selection.flags()});
        selection.run(bench.context());
        std::multiset<int64_t> want, seen;
        for (int64_t unit = 0; unit < units.num_units(); ++unit) {
            bool any = false;
            for (int step = 0; step < units.steps; ++step)
                for (int row = 0; row < units.rows; ++row)
                    any |= live[size_t(rows.flat_index(units.sample(unit, step, row)))] != 0;
            for (int k = 0; any && k < units.size(); ++k)
                want.insert(units.sample(unit, k / units.rows, k % units.rows));
        }
        const int64_t num_live = count.read()[0], size = (num_live + num_minibatches - 1) / num_minibatches;
        REQUIRE(num_live * units.size() == int64_t(want.size()));
        const int64_t room = size + GENERATE(0, 3);
        for (int64_t number = 0; number < num_minibatches; ++number) {
            DeviceArray<int64_t> done(bench, std::vector<int64_t>{number}), index(bench, size_t(room * units.size()));
            DeviceArray<int32_t> is_empty(bench, 1);
            run(bench.context(), room * units.size(),
                MinibatchIndices{done.data(), 4, units, selection.list(), count.data(), room, num_minibatches, 0,
                                 index.data(), is_empty.data()});
            int64_t samples = 0;
            for (int64_t sample : index.read())
                if (sample >= 0) seen.insert(sample), ++samples;
            CHECK(is_empty.read()[0] == (samples == 0));
            CHECK(samples <= size * units.size());
        }
        CHECK(seen == want);
    }
}

namespace {
/// The integral of f(x) over a normal distribution, by the trapezoidal rule.
template <class F>
double mean_over_normal(double mean, double deviation, F f) {
    double total = 0, weights = 0;
    for (int i = -8000; i <= 8000; ++i) {
        const double z = i * 1e-3, weight = std::exp(-0.5 * z * z);
        total += weight * f(mean + deviation * z), weights += weight;
    }
    return total / weights;
}
}  // namespace

TEST_CASE("Gaussian: density, entropy and gradients are what their definitions say, squashed or not") {
    const bool is_squashed = GENERATE(false, true);
    const float mean = GENERATE(-0.7f, 0.0f, 1.2f), raw = GENERATE(-2.0f, 0.3f);
    const float min_std = 0.05f;
    const double deviation = std::log1p(std::exp(double(raw))) + double(min_std);
    const auto log_density = [&](double x, double m, double s) {
        const double plain = -0.5 * (x - m) * (x - m) / (s * s) - std::log(s) - 0.5 * std::log(2 * M_PI);
        return is_squashed ? plain - std::log(1 - std::tanh(x) * std::tanh(x)) : plain;
    };
    const Gaussian g(mean, raw, min_std, is_squashed);
    for (float x : {-1.5f, 0.1f, 0.9f})
        CHECK(g.log_prob(x) == Catch::Approx(log_density(double(x), double(mean), deviation)).epsilon(1e-4));
    const auto entropy = [&](double m, double s) {
        return mean_over_normal(m, s, [&](double x) { return -log_density(x, m, s); });
    };
    CHECK(double(g.entropy()) == Catch::Approx(entropy(double(mean), deviation)).margin(2e-2));

    const float x = 0.4f, d_log_prob = 0.7f, d_entropy = -0.3f, step = 1e-2f;
    float d_mean = 0, d_raw = 0;
    g.gradient(x, d_log_prob, d_entropy, 2.0f, &d_mean, &d_raw);
    const auto loss = [&](float m, float r) {
        const Gaussian other(m, r, min_std, is_squashed);
        return 2.0 * (double(d_log_prob) * double(other.log_prob(x)) + double(d_entropy) * double(other.entropy()));
    };
    CHECK(double(d_mean) == Catch::Approx((loss(mean + step, raw) - loss(mean - step, raw)) / (2 * double(step)))
                                .epsilon(5e-3)
                                .margin(2e-3));
    CHECK(double(d_raw) == Catch::Approx((loss(mean, raw + step) - loss(mean, raw - step)) / (2 * double(step)))
                               .epsilon(5e-3)
                               .margin(2e-3));
}
