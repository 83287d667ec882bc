#include "trainer/data/spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "io/quote.h"
#include "sim/engine/batch.h"
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

std::optional<int> to_int(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

/// "3" or "0-2" as first and last; nothing if it is neither.
std::optional<std::pair<int, int>> to_range(std::string_view text) {
    const size_t dash = text.find('-');
    const auto first = to_int(text.substr(0, dash)), last = dash == text.npos ? first : to_int(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return std::pair{*first, *last};
}

/// Reads the setting `groups`.
class GroupReader {
  public:
    explicit GroupReader(const std::vector<RoleRange>& roles) : roles_(roles) {
        num_agents_ = roles.back().first + roles.back().count;
    }
    /// Name and the world's agents of each group.
    struct Named {
        std::string name;
        std::vector<int> agents;
    };
    std::vector<Named> read(const StringList& groups) const {
        std::vector<Named> list;
        for (const std::string& item : groups) list.push_back(read_item(item));
        check_partition(list);
        return list;
    }
    std::vector<Named> one_per_agent() const {
        std::vector<Named> list;
        for (const RoleRange& role : roles_)
            for (int i = 0; i < role.count; ++i)
                list.push_back({role.count == 1 ? role.name : role.name + "_" + std::to_string(i), {role.first + i}});
        return list;
    }

  private:
    [[noreturn]] void refuse(const std::string& got, const std::string& want) const {
        throw std::invalid_argument("groups: got " + in_quotes(got) + ", want " + want);
    }
    Named read_item(const std::string& item) const {
        const size_t equals = item.find('=');
        if (equals == item.npos || equals == 0)
            refuse(item, "agent, or items NAME=MEMBERS: roles, or ranges such as 0-2, joined by +");
        Named group{item.substr(0, equals), {}};
        if (group.name.find_first_of(".[]") != std::string::npos) refuse(item, "a name without dots and brackets");
        for (size_t at = equals; at < item.size(); at = std::min(item.find('+', at + 1), item.size())) {
            const size_t end = std::min(item.find('+', at + 1), item.size());
            add_members(item.substr(at + 1, end - at - 1), item, group.agents);
        }
        std::sort(group.agents.begin(), group.agents.end());
        return group;
    }
    void add_members(const std::string& text, const std::string& item, std::vector<int>& agents) const {
        const size_t bracket = text.find('[');
        int first = 0, count = num_agents_;
        std::optional<std::pair<int, int>> range = to_range(text);
        if (!range) {
            const auto role = std::find_if(roles_.begin(), roles_.end(),
                                           [&](const RoleRange& each) { return each.name == text.substr(0, bracket); });
            if (role == roles_.end())
                refuse(item, "roles (" + role_names() + ") or agents from 0 to " + std::to_string(num_agents_ - 1) +
                                 " such as 0-2, joined by +");
            first = role->first, count = role->count;
            range = bracket == text.npos || text.back() != ']'
                        ? std::pair{0, count - 1}
                        : to_range(std::string_view(text).substr(bracket + 1, text.size() - bracket - 2));
            if (bracket != text.npos && text.back() != ']') range.reset();
        }
        if (!range || range->first < 0 || range->second >= count)
            refuse(item, "agents from 0 to " + std::to_string(count - 1));
        for (int i = range->first; i <= range->second; ++i) agents.push_back(first + i);
    }
    std::string role_names() const {
        std::string text;
        for (const RoleRange& role : roles_) text += (text.empty() ? "" : ", ") + role.name;
        return text;
    }
    void check_partition(const std::vector<Named>& list) const {
        std::vector<int> times(size_t(num_agents_), 0);
        for (size_t g = 0; g < list.size(); ++g) {
            for (size_t other = 0; other < g; ++other)
                if (list[other].name == list[g].name) refuse(list[g].name, "a name for each group that no other has");
            for (int agent : list[g].agents) ++times[size_t(agent)];
        }
        for (int agent = 0; agent < num_agents_; ++agent)
            if (times[size_t(agent)] != 1)
                throw std::invalid_argument("groups: agent " + std::to_string(agent) + " is in " +
                                            std::to_string(times[size_t(agent)]) +
                                            " of them, want every agent in exactly one");
    }
    const std::vector<RoleRange>& roles_;
    int num_agents_ = 0;
};

/// The agents of a world, divided by role.
std::vector<PolicySpec::Members> members_of(const std::vector<int>& agents, const std::vector<RoleRange>& roles) {
    std::vector<PolicySpec::Members> members;
    for (const RoleRange& role : roles) {
        std::vector<int> own;
        for (int agent : agents)
            if (agent >= role.first && agent < role.first + role.count) own.push_back(agent - role.first);
        if (own.empty()) continue;
        if (int(own.size()) == role.count) own.clear();
        members.push_back({role.name, own});
    }
    return members;
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

std::vector<PolicySpec> group_specs(const Batch& batch, const StringList& groups,
                                    const std::vector<PolicySpec>& by_role, const std::vector<RoleRange>& roles);
}  // namespace

std::vector<PolicySpec> policy_specs(const Batch& batch, const StringList& groups, CriticInput critic_input) {
    const std::vector<RoleRange> roles = role_ranges(batch);
    std::vector<PolicySpec> by_role;
    for (const Role& role : batch.spaces().roles) by_role.push_back(spec_of(batch, role, roles));
    std::vector<PolicySpec> specs = groups.size() == 0 ? by_role : group_specs(batch, groups, by_role, roles);
    for (PolicySpec& spec : specs) {
        if (critic_input == CriticInput::observation) continue;
        if (critic_input == CriticInput::joint) add_joint(spec, by_role, roles);
        if (critic_input == CriticInput::state) add_state(spec, batch, roles);
        if (batch.num_agents() > 1) spec.num_identities = batch.num_agents();
        int num_parts = spec.num_identities > 0;
        for (const PolicySpec::CriticPart& part : spec.critic_parts) num_parts += part.part.planes();
        if (num_parts > max_input_parts)
            throw std::invalid_argument("critic_input: " + batch.environment() + " has " + std::to_string(num_parts) +
                                        " parts for the critic, each flag counted, want at most " +
                                        std::to_string(max_input_parts));
    }
    return specs;
}

namespace {
std::vector<PolicySpec> group_specs(const Batch&, const StringList& groups, const std::vector<PolicySpec>& by_role,
                                    const std::vector<RoleRange>& roles) {
    const GroupReader reader(roles);
    const bool by_agent = groups.size() == 1 && groups[0] == "agent";
    std::vector<PolicySpec> specs;
    for (const GroupReader::Named& group : by_agent ? reader.one_per_agent() : reader.read(groups)) {
        PolicySpec spec;
        for (const PolicySpec::Members& member : members_of(group.agents, roles)) {
            const auto role = std::find_if(by_role.begin(), by_role.end(),
                                           [&](const PolicySpec& each) { return each.name == member.role; });
            if (spec.members.empty()) spec = *role, spec.name = group.name, spec.members.clear();
            if (!spec.sees_and_chooses_like(*role))
                throw std::invalid_argument("groups: " + group.name + " has the roles " + spec.members[0].role +
                                            " and " + member.role +
                                            ", which differ in their observations or actions; want one for each");
            spec.members.push_back(member);
        }
        specs.push_back(std::move(spec));
    }
    return specs;
}
}  // namespace

}  // namespace flockstep
