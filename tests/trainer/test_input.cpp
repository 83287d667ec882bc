#include <cmath>
#include <deque>

#include "tests/trainer/device_array.h"
#include "trainer/data/normalise.h"
#include "trainer/policy/network.h"

using namespace flockstep;

TEST_CASE("input: parts are joined, scaled and shuffled; the last columns are zeros") {
    const RowSet rows{6, 16, 4, nullptr, nullptr};  // 2 of the 4 agents of 3 worlds
    const int64_t steps = 2, samples = steps * rows.size;
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
        input.shift = shift.data(), input.scale = scale.data(), input.limit = 8.0f;
        run(bench.context(), 5, GatherInput{input, {0, 5, index.data()}, false, output.data()});
        const std::vector<float> got = output.read();
        const int64_t wanted[] = {11, 0, 7, 0, 4};
        for (size_t i = 0; i < 5; ++i) {
            const float s = float(wanted[i]);
            for (int k = 0; k < 3; ++k) CHECK(got[i * 8 + size_t(k)] == std::min(8.0f, 0.5f * (10 * s + float(k))));
            for (int k = 0; k < 2; ++k) CHECK(got[i * 8 + 3 + size_t(k)] == std::max(-8.0f, -s - 0.25f * float(k)));
            for (int k = 5; k < 8; ++k) CHECK(got[i * 8 + size_t(k)] == 0.0f);
        }
        DeviceArray<uint16_t> rounded(bench, 5 * 8);
        input.limit = 0.0f;
        run(bench.context(), 5, GatherInput{input, {0, 5, index.data()}, true, rounded.data()});
        CHECK(rounded.read()[8 + 4] == bfloat16_bits(-0.25f));
    }
}

TEST_CASE("input: divisors divide as the processor does") {
    for (const int64_t number : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{7}, int64_t{121}, int64_t{65536},
                                 int64_t{1} << 31, (int64_t{1} << 40) + 1, int64_t{0x7FFFFFFFFFFFFFFF}}) {
        const Divisor divisor(number);
        for (uint32_t i = 0; i < 200; ++i) {
            const Words random = Rng{i, 0, 0, 0, Purpose::action}.bits4(0, 0);
            const auto any = int64_t((uint64_t{random.word[0]} << 32 | random.word[1]) >> (1 + random.word[2] % 63));
            const int64_t multiple = number > (int64_t{1} << 40) ? number : any % (int64_t{1} << 20) * number;
            for (const int64_t n : {any, multiple, std::max<int64_t>(multiple - 1, 0)}) {
                CHECK(n / divisor == n / number);
                CHECK(n % divisor == n % number);
            }
        }
    }
}

namespace {
/// Parts of every type, of lengths that begin and end anywhere within eight columns, and what their columns hold.
struct Mixture {
    static constexpr int rows = 5;
    struct Part {
        DType dtype;
        int elements, flag;
        std::vector<float> numbers;  // [rows, elements], as stored
    };
    std::vector<Part> parts;

    Mixture() {
        const int lengths[] = {3, 9, 4, 1, 17, 8, 2, 6, 12, 1};
        for (int p = 0; p < 10; ++p) {
            const DType dtype = std::vector{DType::uint8, DType::int8, DType::float32, DType::bfloat16}[size_t(p % 4)];
            Part part{dtype, lengths[p], p == 4 || p == 8 ? 2 : -1, {}};
            for (int i = 0; i < rows * part.elements; ++i)
                part.numbers.push_back(float((i * 37 + p * 11) % 127 - (dtype == DType::uint8 ? 0 : 63)));
            parts.push_back(part);
        }
    }
    std::vector<char> bytes(const Part& part) const {
        std::vector<char> bytes;
        for (const float number : part.numbers) {
            const uint16_t half = uint16_t(bfloat16_bits(number));
            const char byte = char(int(number));
            const void* const from = part.dtype == DType::float32 ? static_cast<const void*>(&number)
                                     : size_of(part.dtype) == 1   ? static_cast<const void*>(&byte)
                                                                  : &half;
            bytes.insert(bytes.end(), static_cast<const char*>(from),
                         static_cast<const char*>(from) + size_of(part.dtype));
        }
        return bytes;
    }
    std::vector<float> row(int row) const {
        std::vector<float> columns;
        for (const Part& part : parts)
            for (int k = 0; k < part.elements; ++k) {
                const float number = part.numbers[size_t(row * part.elements + k)];
                columns.push_back(part.flag < 0 ? number : float(int(number) >> part.flag & 1));
            }
        return columns;
    }
};
}  // namespace

TEST_CASE("input: numbers of every type are read wherever their part begins and ends") {
    const Mixture mixture;
    for (Device device : test_devices()) {
        Bench bench(device);
        std::deque<DeviceArray<char>> data;
        InputColumns input;
        input.rows = {Mixture::rows, 16, 1, nullptr, nullptr};
        for (const Mixture::Part& part : mixture.parts) {
            InputPart& column = input.parts[input.num_parts++];
            column = {data.emplace_back(bench, mixture.bytes(part)).data(), part.dtype, part.elements, input.columns};
            column.flag = part.flag, input.columns += part.elements;
        }
        input.width = (input.columns + 7) / 8 * 8;
        DeviceArray<float> scale(bench, std::vector<float>(size_t(input.width), 1.0f)),
            shift(bench, size_t(input.width)), output(bench, size_t(Mixture::rows * input.width));
        input.shift = shift.data(), input.scale = scale.data();
        run(bench.context(), Mixture::rows * input.width / 8,
            GatherInput{input, {0, Mixture::rows}, false, output.data()});
        const std::vector<float> got = output.read();
        for (int row = 0; row < Mixture::rows; ++row) {
            std::vector<float> wanted = mixture.row(row);
            wanted.resize(size_t(input.width));
            const auto first = got.begin() + row * input.width;
            CHECK(std::vector<float>(first, first + input.width) == wanted);
        }
    }
}

TEST_CASE("input: every flag of an integer is a part, whatever type it is stored as") {
    const PolicySpec spec{"agent",
                          {{"agent", {}}},
                          {{"number", DType::uint8, {2}, 1.0f}, {"flags", DType::uint8, {9}, 1.0f, 3}},
                          {{"move", ActionPart::Kind::discrete, {2}, {}, {}, false}}};
    const DType stored = GENERATE(DType::uint8, DType::float32);
    for (Device device : test_devices()) {
        Bench bench(device);
        InputColumns input = Network(spec, TrainConfig{}).actor_input();
        input.rows = {2, 16, 2, nullptr, nullptr};
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
        input.shift = shift.data(), input.scale = scale.data();
        run(bench.context(), 2 * input.width / 8, GatherInput{input, {0, 2}, false, output.data()});
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
            InputColumns input{
                {rows, rows, 1, nullptr, nullptr}, {{data.data(), DType::float32, 2, 0, rows * 8}}, 1, 2, 8};
            input.active = d_active.data();
            run(bench.context(), int64_t(observation_chunks) * 2, SumColumns{input, steps * rows, partial.data()});
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
    const RowSet rows{2, 2, 1, nullptr, nullptr};
    const SumReturns item{rows,          2, 0.5f, reward.data(), terminated.data(), truncated.data(), active.data(),
                          carried.data()};
    sum(bench.context(), 2, item, sums.data(), Store::overwrite);
    CHECK(carried.read() == std::vector<float>{2.5f, 2.0f});
    CHECK(sums.read() == std::vector<double>{4, 1 + 2.5 + 1 + 2, 1 + 6.25 + 1 + 4});
    sum(bench.context(), 2, item, sums.data(), Store::overwrite);
    CHECK(carried.read() == std::vector<float>{0.5f * 2.25f + 2, 2.0f});
}

TEST_CASE("input: rows of any cells, joined observations of a world without its inactive agents, and who it is") {
    const std::vector<int32_t> cells{1, 4, 5}, sources{2, 0, 3};  // 2 worlds of 3 agents
    std::vector<float> floats(2 * 32);
    for (size_t i = 0; i < floats.size(); ++i) floats[i] = float(i);
    std::vector<uint8_t> active(2 * 16, 1);
    active[16 + 4] = 0;
    floats[32 + 2 * 4] = NAN;
    for (Device device : test_devices()) {
        Bench bench(device);
        DeviceArray<int32_t> cell(bench, cells), source(bench, sources);
        DeviceArray<float> data(bench, floats), scale(bench, std::vector<float>(16, 1.0f)), shift(bench, 16),
            output(bench, 6 * 16);
        DeviceArray<uint8_t> d_active(bench, active);
        InputColumns input;
        input.rows = {3, 16, 3, cell.data(), source.data()};
        input.num_parts = 3, input.columns = 11, input.width = 16, input.shows_world = true;
        input.parts[0] = {data.data(), DType::float32, 2, 0, 128};
        input.parts[1] = {data.data(), DType::float32, 6, 2, 128};
        input.parts[1].of = InputPart::Of::world, input.parts[1].agent_elements = 2;
        input.parts[2].elements = 3, input.parts[2].first_column = 8, input.parts[2].of = InputPart::Of::identity;
        input.shift = shift.data(), input.scale = scale.data(), input.active = d_active.data();
        run(bench.context(), 6 * 2, GatherInput{input, {0, 6}, false, output.data()});
        const std::vector<float> got = output.read();
        for (size_t step = 0; step < 2; ++step)
            for (size_t row = 0; row < 3; ++row) {
                const float* columns = got.data() + (step * 3 + row) * 16;
                const size_t env = size_t(cells[row]) / 3, agent = size_t(cells[row]) % 3;
                if (!active[step * 16 + size_t(cells[row])]) {  // an agent that is gone has no input at all
                    for (size_t k = 0; k < 16; ++k) CHECK(columns[k] == 0.0f);
                    continue;
                }
                CHECK(columns[0] == float(step * 32 + 2 * size_t(sources[row])));
                for (size_t k = 0; k < 6; ++k) {
                    const bool is_there = active[step * 16 + env * 3 + k / 2];
                    CHECK(columns[2 + k] == (is_there ? float(step * 32 + env * 6 + k) : 0.0f));
                }
                for (size_t k = 0; k < 3; ++k) CHECK(columns[8 + k] == float(k == agent));
                for (size_t k = 11; k < 16; ++k) CHECK(columns[k] == 0.0f);
            }
    }
}
