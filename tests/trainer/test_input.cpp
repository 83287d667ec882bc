#include <cmath>

#include "tests/trainer/device_array.h"
#include "trainer/data/normalise.h"
#include "trainer/data/rollout.h"

using namespace flockstep;

TEST_CASE("input: parts are joined, scaled and shuffled; the last columns are zeros") {
    const RoleRows rows{3, 4, 1, 2, 16};  // 3 worlds of 4 agents, of which 2 have this role
    const int64_t steps = 2, samples = steps * rows.size();
    std::vector<uint8_t> bytes(size_t(steps * 64), 0);
    std::vector<float> floats(size_t(steps * 32), 0.0f);
    for (int64_t s = 0; s < samples; ++s) {
        for (int k = 0; k < 3; ++k) bytes[size_t(s / 6 * 64 + s % 6 * 3 + k)] = uint8_t(10 * s + k);
        for (int k = 0; k < 2; ++k) floats[size_t(s / 6 * 32 + s % 6 * 2 + k)] = -float(s) - 0.25f * float(k);
    }
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<uint8_t> first(bench, bytes);
        DeviceArray<float> second(bench, floats), scale(bench, std::vector<float>{0.5f, 0.5f, 0.5f, 1, 1, 1, 1, 1}),
            shift(bench, 8), output(bench, 5 * 8);
        DeviceArray<int64_t> index(bench, std::vector<int64_t>{11, 0, 7, -1, 4});
        InputColumns input{
            rows, {{first.data(), DType::uint8, 3, 0, 64}, {second.data(), DType::float32, 2, 3, 128}}, 2, 5, 8};
        run(bench.context(), 5,
            GatherInput{input, index.data(), 0, shift.data(), scale.data(), 8.0f, false, output.data()});
        const std::vector<float> got = output.read();
        const int64_t wanted[] = {11, 0, 7, 0, 4};
        for (size_t i = 0; i < 5; ++i) {
            const float s = float(wanted[i]);
            for (int k = 0; k < 3; ++k) CHECK(got[i * 8 + size_t(k)] == std::min(8.0f, 0.5f * (10 * s + float(k))));
            for (int k = 0; k < 2; ++k) CHECK(got[i * 8 + 3 + size_t(k)] == std::max(-8.0f, -s - 0.25f * float(k)));
            for (int k = 5; k < 8; ++k) CHECK(got[i * 8 + size_t(k)] == 0.0f);
        }
        DeviceArray<uint16_t> rounded(bench, 5 * 8);
        run(bench.context(), 5,
            GatherInput{input, index.data(), 0, shift.data(), scale.data(), 0.0f, true, rounded.data()});
        CHECK(rounded.read()[8 + 4] == bfloat16_bits(-0.25f));
    }
}

TEST_CASE("input: every flag of an integer is a part, whatever type it is stored as") {
    const PolicySpec spec{"agent", 0, 2, {{"number", DType::uint8, {2}, 1.0f}, {"flags", DType::uint8, {9}, 1.0f, 3}},
                          2,       ""};
    const DType stored = GENERATE(DType::uint8, DType::float32);
    for (Device device : test_devices()) {
        Bench bench(device);
        InputColumns input = input_columns(spec, {0, 1}, 1, 2);
        CHECK(input.num_parts == 4);
        CHECK(input.columns == 2 + 3 * 9);
        std::vector<uint8_t> bytes(32);
        for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = uint8_t(i * 5 % 8);
        DeviceArray<uint8_t> number(bench, std::vector<uint8_t>(16, 7)), flags(bench, bytes);
        DeviceArray<float> floats(bench, std::vector<float>(bytes.begin(), bytes.end()));
        for (int p = 0; p < input.num_parts; ++p) {
            InputPart& part = input.parts[p];
            CHECK(part.source == (p ? 1 : 0));
            if (part.source == 1) part.dtype = stored;
            part.data = part.source == 0 ? number.data() : stored == DType::uint8 ? flags.data() : (void*)floats.data();
        }
        DeviceArray<float> scale(bench, std::vector<float>(size_t(input.width), 1.0f)),
            shift(bench, size_t(input.width)), output(bench, size_t(2 * input.width));
        run(bench.context(), 2 * input.width / 8,
            GatherInput{input, nullptr, 0, shift.data(), scale.data(), 0.0f, false, output.data()});
        const std::vector<float> got = output.read();
        for (size_t row = 0; row < 2; ++row) {
            const float* columns = got.data() + row * size_t(input.width);
            CHECK(columns[1] == 7.0f);
            for (size_t flag = 0; flag < 3; ++flag)
                for (size_t i = 0; i < 9; ++i)
                    CHECK(columns[2 + flag * 9 + i] == float(bytes[row * 9 + i] >> flag & 1));
        }
    }
}

TEST_CASE("normalisation: running moments equal those of everything seen") {
    const int64_t rows = 7, steps = 50;
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<Moments> moments(bench, 2);
        DeviceArray<float> shift(bench, 8), scale(bench, 8);
        DeviceArray<double> partial(bench, size_t(observation_chunks * 2 * 3));
        std::vector<double> seen[2];
        for (uint32_t round = 0; round < 3; ++round) {
            std::vector<float> values(size_t(steps * rows * 2));
            std::vector<uint8_t> active(size_t(steps * rows));
            for (uint32_t i = 0; i < active.size(); ++i) {
                active[i] = test_number(i, 50 + round) < 0.8f;
                for (uint32_t k = 0; k < 2; ++k) {
                    values[2 * i + k] = float(k + 1) * test_number(2 * i + k, 60 + round) + 5.0f * float(round);
                    if (active[i]) seen[k].push_back(values[2 * i + k]);
                }
            }
            DeviceArray<float> data(bench, values);
            DeviceArray<uint8_t> d_active(bench, active);
            InputColumns input{{rows, 1, 0, 1, rows}, {{data.data(), DType::float32, 2, 0, rows * 8}}, 1, 2, 8};
            run(bench.context(), int64_t(observation_chunks) * 2,
                SumColumns{input, d_active.data(), steps * rows, partial.data()});
            run(bench.context(), 2, MergeColumns{input, partial.data(), moments.data(), shift.data(), scale.data()});
        }
        for (size_t k = 0; k < 2; ++k) {
            double mean = 0, variance = 0;
            for (double x : seen[k]) mean += x / double(seen[k].size());
            for (double x : seen[k]) variance += (x - mean) * (x - mean) / double(seen[k].size());
            CHECK(shift.read()[k] == Catch::Approx(mean).epsilon(1e-6));
            CHECK(scale.read()[k] == Catch::Approx(1 / std::sqrt(variance)).epsilon(1e-5));
        }
    }
}

TEST_CASE("normalisation: discounted returns go on from rollout to rollout and end with the episode") {
    Bench bench({});
    DeviceArray<float> reward(bench, std::vector<float>{1, 1, 2, 2}), carried(bench, 2);
    DeviceArray<uint8_t> terminated(bench, std::vector<uint8_t>{0, 1, 0, 0}), truncated(bench, 4),
        active(bench, std::vector<uint8_t>(6, 1));
    DeviceArray<double> sums(bench, 3);
    const SumReturns item{
        2, 2, 0.5f, reward.data(), terminated.data(), truncated.data(), active.data(), carried.data()};
    sum(bench.context(), 2, item, sums.data(), Store::overwrite);
    CHECK(carried.read() == std::vector<float>{2.5f, 2.0f});
    CHECK(sums.read() == std::vector<double>{4, 1 + 2.5 + 1 + 2, 1 + 6.25 + 1 + 4});
    sum(bench.context(), 2, item, sums.data(), Store::overwrite);
    CHECK(carried.read() == std::vector<float>{0.5f * 2.25f + 2, 2.0f});
}
