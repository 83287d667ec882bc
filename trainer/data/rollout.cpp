#include "trainer/data/rollout.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

#include "trainer/learn/optimiser.h"

namespace flockstep {

namespace {
int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

const Tensor* find_tensor(const std::vector<Tensor>& list, const std::string& name) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Tensor& tensor) { return tensor.name == name; });
    return found == list.end() ? nullptr : &*found;
}

/// Integers are divided by their largest possible magnitude; floats and bit flags are not scaled.
float scale_of(const ObservationPart& part) {
    if (part.source_dtype == DType::float32 || part.num_flags) return 1.0f;
    float largest = 1.0f;
    for (const auto* bounds : {&part.low, &part.high})
        for (float bound : *bounds) largest = std::max(largest, std::abs(bound));
    return 1.0f / largest;
}
}  // namespace

int PolicySpec::Part::elements() const {
    return std::accumulate(shape.begin(), shape.end(), 1, std::multiplies<int>());
}

std::vector<PolicySpec> policy_specs(const Batch& batch) {
    if (!batch.has_one_action_tensor())
        throw std::invalid_argument(
            batch.environment() +
            ": policies choose one Discrete action per agent; other action spaces cannot be trained yet");
    std::vector<PolicySpec> specs;
    const std::vector<Role>& roles = batch.spaces().roles;
    for (const Role& role : roles) {
        const std::string prefix = roles.size() > 1 ? role.name + "." : "";
        PolicySpec spec{role.name, role.first, role.count, {}, role.action_parts[0].n[0], ""};
        for (const ObservationPart& part : role.observation_parts)
            if (const Tensor* tensor = find_tensor(batch.observations(), prefix + part.name))
                spec.parts.push_back({tensor->name, tensor->dtype, part.shape, scale_of(part), part.num_flags});
        int num_parts = 0;
        for (const PolicySpec::Part& part : spec.parts) num_parts += part.planes();
        if (num_parts < 1 || num_parts > max_input_parts)
            throw std::invalid_argument(
                batch.environment() + ": role " + role.name + " has " + std::to_string(num_parts) +
                " observation parts, each flag counted, want 1 to " + std::to_string(max_input_parts));
        if (find_tensor(batch.action_masks(), prefix + "action_mask")) spec.action_mask = prefix + "action_mask";
        specs.push_back(std::move(spec));
    }
    return specs;
}

InputColumns input_columns(const PolicySpec& spec, const std::vector<int>& order, int64_t num_envs, int num_agents) {
    InputColumns input;
    input.rows = {num_envs, num_agents, spec.first, spec.count, round_up(num_envs * num_agents, 16)};
    for (int p : order) {
        const PolicySpec::Part& part = spec.parts[size_t(p)];
        for (int plane = 0; plane < part.planes(); ++plane) {
            input.parts[input.num_parts++] = {
                nullptr, part.dtype, part.elements(), input.columns, 0, p, part.num_flags ? plane : -1};
            input.columns += part.elements();
        }
    }
    input.width = int(round_up(input.columns, 8));
    return input;
}

Rollout::Rollout(Batch& batch, int num_steps, const std::vector<PolicySpec>& specs)
    : batch_(batch), num_steps_(num_steps), slot_rows_(round_up(batch.num_envs() * batch.num_agents(), 16)) {
    reward = allocate_rows<float>(num_steps, "rewards");
    log_prob = allocate_rows<float>(num_steps, "log-probabilities");
    advantage = allocate_rows<float>(num_steps, "advantages");
    value_target = allocate_rows<float>(num_steps, "value targets");
    value = allocate_rows<float>(num_steps + 1, "values");
    terminated = allocate_rows<uint8_t>(num_steps, "terminations");
    truncated = allocate_rows<uint8_t>(num_steps, "truncations");
    active = allocate_rows<uint8_t>(num_steps + 1, "active agents");
    action = allocate_rows<int32_t>(num_steps, "actions");
    for (const PolicySpec& spec : specs) {
        std::vector<StepBuffer>& parts = parts_.emplace_back();
        for (const PolicySpec::Part& part : spec.parts)
            parts.push_back(allocate_step_buffer(*find_tensor(batch.observations(), part.name)));
        const Tensor* mask = find_tensor(batch.action_masks(), spec.action_mask);
        masks_.push_back(mask ? allocate_step_buffer(*mask) : StepBuffer{"", nullptr, 0});
    }
    for (int step = 0; step < num_steps; ++step) bindings_.push_back(bind(step));
}

template <class T>
T* Rollout::allocate_rows(int slots, const char* what) {
    return static_cast<T*>(
        buffers_
            .emplace_back(batch_.memory(), size_t(slots * slot_rows_) * sizeof(T), std::string("the rollout's ") + what)
            .data());
}

Rollout::StepBuffer Rollout::allocate_step_buffer(const Tensor& tensor) {
    const int64_t slot_bytes = round_up(tensor.bytes(), 16);
    Buffer& buffer =
        buffers_.emplace_back(batch_.memory(), size_t((num_steps_ + 1) * slot_bytes), "the rollout's " + tensor.name);
    return {tensor.name, static_cast<char*>(buffer.data()), slot_bytes};
}

RoleRows Rollout::rows(const PolicySpec& spec) const {
    return {batch_.num_envs(), batch_.num_agents(), spec.first, spec.count, slot_rows_};
}

Bindings Rollout::bind(int step) const {
    const int64_t row = step * slot_rows_, slot = step + 1;
    Bindings bindings(batch_);
    bindings.read_action(0, action + row, DType::int32)
        .write_output("reward", reward + row)
        .write_output("terminated", terminated + row)
        .write_output("truncated", truncated + row)
        .write_output("active", active + slot * slot_rows_);
    for (const auto& parts : parts_)
        for (const StepBuffer& slots : parts) bindings.write_output(slots.output, slots.data + slot * slots.slot_bytes);
    for (const StepBuffer& slots : masks_)
        if (slots.data) bindings.write_output(slots.output, slots.data + slot * slots.slot_bytes);
    return bindings;
}

void Rollout::begin(const ExecutionContext& context) {
    const auto copy = [&](char* data, int64_t bytes) {
        run(context, bytes / 16,
            CopyVector{reinterpret_cast<const Vector16*>(data + num_steps_ * bytes),
                       reinterpret_cast<Vector16*>(data)});
    };
    copy(reinterpret_cast<char*>(active), slot_rows_);
    for (const auto& parts : parts_)
        for (const StepBuffer& slots : parts) copy(slots.data, slots.slot_bytes);
    for (const StepBuffer& slots : masks_)
        if (slots.data) copy(slots.data, slots.slot_bytes);
}

}  // namespace flockstep
