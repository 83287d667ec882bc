#include <algorithm>
#include <set>

#include "tests/test_engine.h"

/// Which outputs are written, to which tensors, and in which types.
namespace flockstep {
namespace {

BatchOptions on(Device device) {
    BatchOptions options = some_envs(5);
    options.device = device;
    return options;
}

/// The upper half of a float, rounded to nearest, ties to even.
uint16_t nearest_bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    const uint32_t low = bits & 0xFFFFu, high = bits >> 16;
    const bool up = low > 0x8000u || (low == 0x8000u && high % 2 == 1);
    return uint16_t(high + up);
}

template <class T>
std::vector<float> as_floats(Batch& batch, const Tensor& tensor) {
    const std::vector<T> values = host_values<T>(batch, tensor);
    return {values.begin(), values.end()};
}
std::vector<float> as_floats(Batch& batch, const Tensor& tensor) {
    if (tensor.dtype == DType::float32) return as_floats<float>(batch, tensor);
    if (tensor.dtype == DType::int8) return as_floats<int8_t>(batch, tensor);
    return as_floats<uint8_t>(batch, tensor);
}

void check_converted(const EngineCase& c, Device device, DType dtype) {
    BatchOptions converted = on(device);
    converted.dtypes["*"] = dtype;
    const auto natural = make(c, on(device)), other = make(c, converted);
    for (int step = 0; step < 20; ++step) {
        const auto check = [&](const std::vector<Tensor>& of_natural, const std::vector<Tensor>& of_other) {
            for (size_t i = 0; i < of_natural.size(); ++i) {
                const std::vector<float> values = as_floats(*natural, of_natural[i]);
                REQUIRE(of_other[i].dtype == dtype);
                if (dtype == DType::float32) {
                    REQUIRE(host_values<float>(*other, of_other[i]) == values);
                    continue;
                }
                std::vector<uint16_t> want;
                for (float value : values) want.push_back(nearest_bfloat16(value));
                REQUIRE(host_values<uint16_t>(*other, of_other[i]) == want);
            }
        };
        check(natural->observations(), other->observations());
        check(natural->final_observations(), other->final_observations());
        play(*natural, 1), play(*other, 1);
    }
}
}  // namespace

TEST_CASE("every environment: observations as float32 and bfloat16 are converted from the default type") {
    for (Device device : devices())
        for (const EngineCase& c : engine_cases())
            for (DType dtype : {DType::float32, DType::bfloat16})
                DYNAMIC_SECTION(c.name << " as " << name_of(dtype) << " on " << device.name()) {
                    check_converted(c, device, dtype);
                }
}

TEST_CASE("every environment: an output that a launch binds is written there and nowhere else") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto plain = make(c, on(device)), other = make(c, on(device));
                std::vector<Tensor> tensors = other->observations();
                for (const auto* list : {&other->states(), &other->action_masks(), &other->outputs()})
                    tensors.insert(tensors.end(), list->begin(), list->end());
                std::vector<Buffer> memory;
                std::vector<std::vector<char>> before;
                Bindings elsewhere(*other);
                for (const Tensor& tensor : tensors) {
                    memory.push_back(beside(*other, std::vector<char>(size_t(tensor.bytes()), 0x55)));
                    before.push_back(host_bytes(*other, tensor));
                    elsewhere.write_output(tensor.name, memory.back().data());
                }
                play(*plain, 3);
                for (int step = 0; step < 3; ++step) other->act(-1), other->step(elsewhere);
                const std::vector<Tensor> want = written_tensors(*plain);
                for (size_t i = 0; i < tensors.size(); ++i) {
                    INFO(tensors[i].name);
                    Tensor moved = tensors[i];
                    moved.data = memory[i].data();
                    std::vector<char> written = host_bytes(*other, moved);
                    clear_inactive_rows(*plain, moved, written);
                    CHECK(written == host_bytes(*plain, want[i]));
                    CHECK(host_bytes(*other, tensors[i]) == before[i]);
                }
                play(*plain, 1), play(*other, 1);
                CHECK(difference(*plain, *other) == "");
            }
        }
    }
}

TEST_CASE("every environment: leaving outputs out does not change the others") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                const auto all = make(c, on(device));
                for (const Tensor& wanted : written_tensors(*all)) {
                    if (wanted.name.rfind("final", 0) == 0) continue;
                    BatchOptions options = on(device);
                    options.outputs = {wanted.name}, options.final_observation = FinalObservation::none;
                    const auto full = make(c, on(device)), one = make(c, options);
                    play(*full, 15), play(*one, 15);
                    REQUIRE(written_tensors(*one).size() == 1);
                    for (const Tensor& tensor : written_tensors(*full))
                        if (tensor.name == wanted.name)
                            CHECK(host_bytes(*full, tensor) == host_bytes(*one, written_tensors(*one)[0]));
                }
            }
        }
    }
}

TEST_CASE("outputs: names that do not exist get one sentence") {
    const EngineCase& c = engine_case("pathfinding all parts");
    BatchOptions outputs = on({-1}), dtypes = on({-1}), bytes = on({-1});
    outputs.outputs = {"reward", "rewards"};
    dtypes.dtypes["window"] = DType::float32;
    bytes.dtypes["observation"] = DType::int8;
    const std::string unknown = error_of([&] { make(c, outputs); });
    CHECK(unknown.rfind("outputs: got \"rewards\", want some of: ", 0) == 0);
    CHECK(unknown.find("cost_to_go") != std::string::npos);
    CHECK(error_of([&] { make(c, dtypes); }) == "dtypes: got \"window\", which is no observation part of pathfinding");
    CHECK(error_of([&] { make(engine_case("cartpole"), bytes); }) ==
          "dtypes: got int8 for observation, want float32 or bfloat16");
    CHECK(error_of([&] { observation_dtype("double"); }) ==
          "dtype: got \"double\", want uint8, int8, bfloat16 or float32");
    BatchOptions few = on({-1});
    few.outputs = {"reward"};
    CHECK(error_of([&] { make(c, few)->output("active"); }) ==
          "pathfinding: output \"active\" is not written; add it to outputs");
    const auto batch = make(c, few);
    CHECK(error_of([&] { Bindings(*batch).write_output("windows", nullptr); }).find("windows") != std::string::npos);
    CHECK(error_of([&] { Bindings(*batch).write_output("", nullptr); }).find("is not written") != std::string::npos);
    CHECK(error_of([&] { Bindings(*batch).write_output("reward", reinterpret_cast<void*>(40)); }) ==
          "output reward: got memory at 40, want an address that is a multiple of 16");
}

TEST_CASE(
    "outputs: every tensor is requested by its own name, by its name without the role, masks by one name for all") {
    const auto written = [](const std::vector<std::string>& outputs) {
        BatchOptions options = on({-1});
        options.outputs = outputs, options.final_observation = FinalObservation::none;
        std::vector<std::string> names;
        for (const Tensor& tensor : written_tensors(*make(engine_case("test_stones"), options)))
            names.push_back(tensor.name);
        return names;
    };
    using Names = std::vector<std::string>;
    CHECK(written({"taker.action_mask"}) == Names{"taker.action_mask"});
    CHECK(written({"dealer.action_mask"}) == Names{"dealer.action_mask"});
    CHECK(written({"action_mask"}) == Names{"taker.action_mask", "dealer.action_mask"});
    CHECK(written({"heap", "dealer.turn"}) == Names{"taker.heap", "dealer.turn"});
    for (const char* unknown : {"taker.stock", "action_mask.take", "action_mask.", "keeper.action_mask"})
        CHECK(error_of([&] { written({unknown}); }).rfind("outputs: got \"" + std::string(unknown) + "\"", 0) == 0);
}

TEST_CASE("batches: a number of worlds that is too small or too large gets one sentence") {
    for (int64_t num_envs : {int64_t{0}, int64_t{-4}, int64_t{1} << 31})
        CHECK(error_of([&] { make(engine_case("cartpole"), some_envs(num_envs)); }) ==
              "num_envs: got " + std::to_string(num_envs) + ", want an integer from 1 to 2147483647");
}

}  // namespace flockstep
