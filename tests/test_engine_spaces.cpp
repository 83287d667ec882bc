#include <algorithm>
#include <cmath>

#include "tests/test_engine.h"

/// Every environment's outputs are inside its spaces.
namespace flockstep {
namespace {

/// The part of a tensor named "part" or "role.part".
const ObservationPart& part_of(const Batch& batch, const std::string& name) {
    for (const Role& role : batch.spaces().roles)
        for (const ObservationPart& part : role.observation_parts)
            if (name == part.name || name == role.name + "." + part.name) return part;
    throw std::logic_error("no part " + name);
}

template <class T>
std::string outside(Batch& batch, const Tensor& tensor, const ObservationPart& part) {
    const std::vector<T> values = host_values<T>(batch, tensor);
    const size_t elements = size_t(part.elements());
    for (size_t i = 0; i < values.size(); ++i) {
        const float low = part.low[part.low.size() == 1 ? 0 : i % elements];
        const float high = part.high[part.high.size() == 1 ? 0 : i % elements], value = float(values[i]);
        if (!std::isfinite(value) || value < low || value > high)
            return tensor.name + " at " + std::to_string(i) + ": " + std::to_string(value);
    }
    return "";
}
/// A message about the first value outside its space, or "".
std::string outside(Batch& batch, const Tensor& tensor) {
    const ObservationPart& part = part_of(batch, tensor.name);
    if (tensor.dtype == DType::float32) return outside<float>(batch, tensor, part);
    if (tensor.dtype == DType::int8) return outside<int8_t>(batch, tensor, part);
    return outside<uint8_t>(batch, tensor, part);
}

bool all_flags(const std::vector<uint8_t>& values) {
    return std::all_of(values.begin(), values.end(), [](uint8_t value) { return value <= 1; });
}

void check_values(Batch& batch) {
    for (const auto* list : {&batch.observations(), &batch.final_observations()})
        for (const Tensor& tensor : *list) CHECK(outside(batch, tensor) == "");
    for (const Tensor& tensor : batch.outputs()) {
        INFO(tensor.name);
        if (tensor.dtype == DType::uint8) {
            CHECK(all_flags(host_values<uint8_t>(batch, tensor)));
            continue;
        }
        const std::vector<float> values = host_values<float>(batch, tensor);
        CHECK(std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }));
    }
    for (const Tensor& mask : batch.action_masks()) {
        const std::vector<uint8_t> values = host_values<uint8_t>(batch, mask);
        CHECK(all_flags(values));
        for (auto row = values.begin(); row < values.end(); row += mask.shape.back())
            CHECK(std::count(row, row + mask.shape.back(), uint8_t{1}) > 0);
    }
}
}  // namespace

TEST_CASE("every environment: observations, rewards and flags are finite and inside their spaces") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = some_envs(5);
                options.device = device;
                const auto batch = make(c, options);
                for (int step = 0; step < 40; ++step) {
                    check_values(*batch);
                    play(*batch, 1);
                }
            }
        }
    }
}

TEST_CASE("every environment: tensors have the shapes of their spaces") {
    for (const EngineCase& c : engine_cases()) {
        DYNAMIC_SECTION(c.name) {
            const auto batch = make(c, some_envs(3));
            for (const Tensor& tensor : batch->observations()) {
                std::vector<int64_t> rest(tensor.shape.begin() + 2, tensor.shape.end());
                const std::vector<int>& shape = part_of(*batch, tensor.name).shape;
                CHECK(tensor.shape[0] == 3);
                CHECK(rest == std::vector<int64_t>(shape.begin(), shape.end()));
            }
            for (const char* name : built_in_row_names)
                CHECK(batch->output(name).shape == std::vector<int64_t>{3, batch->num_agents()});
            for (const Tensor& tensor : batch->outputs()) CHECK(tensor.shape[0] == 3);
        }
    }
}

TEST_CASE("every environment: the first reset and every later one start an episode") {
    for (Device device : devices()) {
        for (const EngineCase& c : engine_cases()) {
            DYNAMIC_SECTION(c.name << " on " << device.name()) {
                BatchOptions options = some_envs(5);
                options.device = device;
                const auto batch = make(c, options);
                for (int round = 0; round < 2; ++round) {
                    const auto starts = host_values<uint8_t>(*batch, batch->output("episode_start"));
                    CHECK(std::all_of(starts.begin(), starts.end(), [](uint8_t start) { return start == 1; }));
                    CHECK(values_of<int32_t>(batch->get_field("elapsed")) == std::vector<int32_t>(5, 0));
                    CHECK(values_of<uint32_t>(batch->get_field("episode"))[0] == uint32_t(round));
                    if (round == 0) batch->reset();
                }
            }
        }
    }
}

}  // namespace flockstep
