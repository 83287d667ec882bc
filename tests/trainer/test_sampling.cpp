#include <cmath>
#include <set>

#include "tests/trainer/device_array.h"
#include "trainer/policy/head.h"
#include "trainer/data/minibatch.h"

using namespace flockstep;

namespace {
struct Draws {
    std::vector<int32_t> action;
    std::vector<float> log_prob;
};

/// Actions of `num_envs` worlds with two agents each, all with the same logits and mask.
Draws draw(Device device, int64_t num_envs, int64_t first_env, const std::vector<float>& logits,
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
    sample.rows = {num_envs, 2, 0, 2, 2 * num_envs};
    sample.policy = {device_logits.data(), n, device_logits.data(), n};
    sample.mask = mask.empty() ? nullptr : device_mask.data();
    sample.n = n, sample.deterministic = deterministic, sample.seed = 3, sample.first_env = first_env,
    sample.counter = steps.data();
    sample.action = action.data(), sample.log_prob = log_prob.data();
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
        const Draws draws = draw(device, 100'000, 0, logits, mask, 5);
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
        const Draws many = draw(device, 1000, 0, logits, {}, 7), again = draw(device, 1000, 0, logits, {}, 7);
        CHECK(many.action == again.action);
        CHECK(many.log_prob == again.log_prob);
        CHECK(many.action != draw(device, 1000, 0, logits, {}, 8).action);
        CHECK(many.action != draw(device, 1000, 0, logits, {}, 7 + (int64_t{1} << 30)).action);
        const Draws last = draw(device, 400, 600, logits, {}, 7);
        CHECK(last.action == std::vector<int32_t>(many.action.begin() + 1200, many.action.end()));
    }
}

TEST_CASE("sampling: the best action is the largest allowed logit; hopeless rows get action 0") {
    CHECK(draw({}, 1, 0, {1, 5, 9}, {1, 1, 0}, 0, true).action[0] == 1);
    CHECK(draw({}, 1, 0, {-INFINITY, -80.0f, -INFINITY}, {}, 0).action[0] == 1);
    CHECK(draw({}, 1, 0, {1, 2, 3}, {0, 0, 0}, 0).action[0] == 0);
    CHECK(draw({}, 1, 0, {1, 2, 3}, {0, 0, 0}, 0).log_prob[0] == 0.0f);
    CHECK(draw({}, 1, 0, {NAN, NAN, NAN}, {}, 0).action[0] == 0);
}

TEST_CASE("sampling: the GPU chooses as the CPU does") {
    if (!cuda_unavailable_reason().empty()) {
        WARN("skipped: " << cuda_unavailable_reason());
        return;
    }
    const std::vector<float> logits{0.5f, -1.0f, 2.0f, 0.1f};
    const Draws host = draw({}, 50'000, 0, logits, {}, 5), device = draw({0}, 50'000, 0, logits, {}, 5);
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
            DeviceArray<int64_t> steps(bench, std::vector<int64_t>{step}), index(bench, size_t(minibatch_size));
            run(bench.context(), minibatch_size,
                MinibatchIndices{steps.data(), 9, num_samples, minibatch_size, 4, 0, index.data()});
            for (int64_t sample : index.read())
                if (sample >= 0) seen.insert(sample);
            if (step % 4 == 0) first_of_pass.push_back(index.read()[0]);
        }
        CHECK(seen.size() == size_t(2 * num_samples));
        for (int64_t sample = 0; sample < num_samples; ++sample) REQUIRE(seen.count(sample) == 2);
        CHECK(first_of_pass[0] != first_of_pass[1]);
    }
}
