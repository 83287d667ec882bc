#include "trainer/run/checkpoint.h"

#include <cstring>
#include <limits>
#include <stdexcept>

#include "trainer/policy/policy.h"

namespace flockstep {

namespace {
constexpr double any_number = -std::numeric_limits<double>::infinity();

struct FlatArray {
    const char* name;
    float* data;
    double low = any_number;  // what its numbers must not fall below
};
std::vector<FlatArray> flat_arrays(const Policy& policy, bool with_moments) {
    std::vector<FlatArray> arrays{{"parameter", policy.parameter()}};
    if (with_moments)
        arrays.insert(arrays.end(),
                      {{"first_moment", policy.first_moment()}, {"second_moment", policy.second_moment(), 0.0}});
    return arrays;
}
}  // namespace

void save_policy(Archive& archive, const Policy& policy, Memory& memory) {
    std::vector<float> numbers(size_t(policy.size()));
    for (const FlatArray& flat : flat_arrays(policy, true)) {
        memory.to_host(numbers.data(), flat.data, numbers.size() * 4);
        for (const Parameter& p : policy.parameters())
            archive.add(policy.spec().role + "." + flat.name + "." + p.name, DType::float32, p.shape,
                        numbers.data() + p.offset);
    }
}

void restore_policy(const Archive& archive, Policy& policy, Memory& memory, bool with_moments) {
    for (const FlatArray& flat : flat_arrays(policy, with_moments)) {
        std::vector<float> numbers(size_t(policy.size()), 0.0f);
        for (const Parameter& p : policy.parameters()) {
            const NamedArray& array = archive.expect_numbers(policy.spec().role + "." + flat.name + "." + p.name,
                                                             DType::float32, p.shape, flat.low);
            memcpy(numbers.data() + p.offset, array.bytes.data(), array.bytes.size());
        }
        memory.from_host(flat.data, numbers.data(), numbers.size() * 4);
    }
    policy.refresh();
}

void check_policy(const Archive& archive, const PolicySpec& spec, const TrainConfig& config) {
    std::vector<Parameter> parameters;
    try {
        parameters = NetworkLayout(spec, config).parameters;
    } catch (const std::invalid_argument& error) {
        throw DamagedCheckpoint(archive.place() + "training_settings." + error.what());
    }
    for (const Parameter& p : parameters) archive.expect(spec.role + ".parameter." + p.name, DType::float32, p.shape);
}

void save_progress(Archive& archive, const TrainingProgress& progress) {
    archive.add("trainer.steps", DType::int64, {2}, &progress.env_steps);
    archive.add("trainer.agent_steps", DType::float64, {1}, &progress.agent_steps);
}

TrainingProgress read_progress(const Archive& archive, int64_t num_envs) {
    constexpr int64_t most = int64_t{1} << 62;
    TrainingProgress progress;
    memcpy(&progress.env_steps, archive.expect("trainer.steps", DType::int64, {2}).bytes.data(), 16);
    memcpy(&progress.agent_steps, archive.expect_numbers("trainer.agent_steps", DType::float64, {1}, 0).bytes.data(),
           8);
    const auto check = [&](const char* name, const auto& value, int64_t high) {
        if (value < 0 || double(value) > double(high))
            throw DamagedCheckpoint(archive.place() + name + ": got " + to_text(value) +
                                    ", want an integer from 0 to " + std::to_string(high));
    };
    check("trainer.steps[0]", progress.env_steps, most / num_envs);
    check("trainer.steps[1]", progress.optimiser_steps, most);
    check("trainer.agent_steps", progress.agent_steps, most);
    return progress;
}

}  // namespace flockstep
