#include "trainer/data/spec.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sim/engine/batch.h"
#include "trainer/data/groups.h"
#include "trainer/data/input.h"

namespace flockstep {

namespace {
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

void check_parts(const std::string& environment, const std::string& role, const PolicySpec& spec) {
    int num_parts = 0;
    for (const PolicySpec::Part& part : spec.parts) num_parts += part.planes();
    if (num_parts < 1 || num_parts > max_input_parts)
        throw std::invalid_argument(environment + ": role " + role + " has " + std::to_string(num_parts) +
                                    " observation parts, each flag counted, want 1 to " +
                                    std::to_string(max_input_parts));
}

/// What a role's agents see and choose.
PolicySpec spec_of(const Batch& batch, const Role& role, const std::vector<RoleRange>& roles) {
    PolicySpec spec{role.name, {{role.name, {}}}, {}, {}};
    for (const ObservationPart& part : role.observation_parts)
        if (const Tensor* tensor = find_tensor(batch.observations(), tensor_name(roles, role.name, part.name)))
            spec.parts.push_back({part.name, tensor->dtype, part.shape, scale_of(part), part.num_flags});
    check_parts(batch.environment(), role.name, spec);
    for (const ActionPart& part : role.action_parts)
        spec.actions.push_back({part.name, part.kind, part.n, part.low, part.high, false});
    for (size_t a = 0; a < spec.actions.size(); ++a)
        spec.actions[a].has_mask = find_tensor(batch.action_masks(), mask_tensor(roles, role.name, spec, a));
    return spec;
}
}  // namespace

std::vector<RoleRange> role_ranges(const Batch& batch) {
    std::vector<RoleRange> roles;
    for (const Role& role : batch.spaces().roles) roles.push_back({role.name, role.first, role.count});
    return roles;
}

std::string tensor_name(const std::vector<RoleRange>& roles, const std::string& role, const std::string& part) {
    return roles.size() > 1 ? role + "." + part : part;
}

std::string mask_tensor(const std::vector<RoleRange>& roles, const std::string& role, const PolicySpec& spec,
                        size_t action) {
    return tensor_name(roles, role,
                       spec.actions.size() > 1 ? "action_mask." + spec.actions[action].name : "action_mask");
}

namespace {
/// Every role's observation, agent after agent.
void add_joint(PolicySpec& spec, const std::vector<PolicySpec>& by_role, const std::vector<RoleRange>& roles) {
    for (size_t r = 0; r < roles.size(); ++r)
        for (const PolicySpec::Part& part : by_role[r].parts) {
            PolicySpec::CriticPart joint{part, true, roles[r].first, roles[r].count};
            joint.part.name = tensor_name(roles, roles[r].name, part.name);
            joint.part.shape = {roles[r].count * part.elements()};
            spec.critic_parts.push_back(joint);
        }
}

/// The state of the world, and what it is for each agent of the policy's role.
void add_state(PolicySpec& spec, const Batch& batch, const std::vector<RoleRange>& roles) {
    const auto add = [&](const ObservationPart& part, const std::string& name, bool of_world) {
        if (const Tensor* tensor = find_tensor(batch.states(), name))
            spec.critic_parts.push_back(
                {{name, tensor->dtype, part.shape, scale_of(part), part.num_flags}, of_world, 0, 0});
    };
    for (const ObservationPart& part : batch.spaces().state_parts) add(part, part.name, true);
    for (const Role& role : batch.spaces().roles) {
        const bool is_member = std::any_of(spec.members.begin(), spec.members.end(),
                                           [&](const auto& members) { return members.role == role.name; });
        if (!is_member || role.state_parts.empty()) continue;
        if (spec.members.size() > 1)
            throw std::invalid_argument("critic_input: got state, but " + spec.name +
                                        " acts for several roles whose states differ by agent; want joint");
        for (const ObservationPart& part : role.state_parts) add(part, tensor_name(roles, role.name, part.name), false);
    }
    if (spec.critic_parts.empty())
        throw std::invalid_argument("critic_input: got state, but " + batch.environment() +
                                    " has no global state; want joint or observation");
}

void add_critic(PolicySpec& spec, CriticInput input, const Batch& batch, const std::vector<PolicySpec>& by_role,
                const std::vector<RoleRange>& roles) {
    if (input == CriticInput::observation) return;
    if (input == CriticInput::joint) add_joint(spec, by_role, roles);
    if (input == CriticInput::state) add_state(spec, batch, roles);
    if (batch.num_agents() > 1) spec.num_identities = batch.num_agents();
    int num_parts = spec.num_identities > 0;
    for (const PolicySpec::CriticPart& part : spec.critic_parts) num_parts += part.part.planes();
    if (num_parts > max_input_parts)
        throw std::invalid_argument("critic_input: " + batch.environment() + " has " + std::to_string(num_parts) +
                                    " parts for the critic, each flag counted, want at most " +
                                    std::to_string(max_input_parts));
}

/// Throws std::invalid_argument if a group has settings of its own, but is none of these.
void check_names(const TrainConfig& config, const std::vector<PolicySpec>& specs) {
    std::string names;
    for (const PolicySpec& spec : specs) names += (names.empty() ? "" : ", ") + spec.name;
    for (const auto& [name, settings] : config.group_settings)
        if (std::none_of(specs.begin(), specs.end(), [&](const PolicySpec& spec) { return spec.name == name; }))
            throw std::invalid_argument("groups." + name + ": got settings of a group that is not there, want one of " +
                                        names);
}
}  // namespace

std::vector<PolicySpec> policy_specs(const Batch& batch, const TrainConfig& config) {
    const std::vector<RoleRange> roles = role_ranges(batch);
    std::vector<PolicySpec> by_role;
    for (const Role& role : batch.spaces().roles) by_role.push_back(spec_of(batch, role, roles));
    std::vector<PolicySpec> specs = config.groups.size() == 0 ? by_role : group_specs(config.groups, by_role, roles);
    check_names(config, specs);
    for (PolicySpec& spec : specs)
        config.for_group(spec.name,
                         [&](const TrainConfig& own) { add_critic(spec, own.critic_input, batch, by_role, roles); });
    return specs;
}

}  // namespace flockstep
