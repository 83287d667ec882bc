#include "trainer/data/rollout.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "trainer/device/items.h"

namespace flockstep {

namespace {
constexpr int64_t unit = 16;  // rows and bytes that the engine's addresses are multiples of

int64_t round_up(int64_t n) { return (n + unit - 1) / unit * unit; }

bool have_common_role(const PolicySpec& a, const PolicySpec& b) {
    return std::any_of(a.members.begin(), a.members.end(), [&](const PolicySpec::Members& one) {
        return std::any_of(b.members.begin(), b.members.end(),
                           [&](const PolicySpec::Members& other) { return one.role == other.role; });
    });
}

/// Whether the rows of a policy are all rows of one role.
bool is_whole_role(const PolicySpec& spec) { return spec.members.size() == 1 && spec.members[0].agents.empty(); }
}  // namespace

Rollout::Rollout(Batch& batch, int num_steps, int segment_steps, const std::vector<PolicySpec>& policies)
    : batch_(batch),
      num_steps_(num_steps),
      segment_steps_(segment_steps),
      slot_rows_(round_up(batch.num_envs() * batch.num_agents())),
      roles_(role_ranges(batch)) {
    if (slot_rows_ > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("num_envs: got " + std::to_string(batch.num_envs()) + " worlds of " +
                                    std::to_string(batch.num_agents()) + " agents, want fewer than 2^31 agents");
    const int64_t rows = num_steps * slot_rows_;
    reward = allocate<float>(rows, "rewards");
    log_prob = allocate<float>(rows, "log-probabilities");
    advantage = allocate<float>(rows, "advantages");
    value_target = allocate<float>(rows, "value targets");
    value = allocate<float>(rows + slot_rows_, "values");
    final_value = allocate<float>(num_segments() * slot_rows_, "final values");
    terminated = allocate<uint8_t>(rows, "terminations");
    truncated = allocate<uint8_t>(rows, "truncations");
    active = allocate<uint8_t>(rows + slot_rows_, "active agents");
    final_active = allocate<uint8_t>(num_segments() * slot_rows_, "truncated agents");
    if (batch.agents_can_wait()) acts = allocate<uint8_t>(rows + slot_rows_, "turns");
    make_sources(policies);
    allocate_states(policies);
    for (int step = 0; step < num_steps; ++step) bindings_.push_back(bind_step(step, policies));
}

template <class T>
T* Rollout::allocate(int64_t count, const std::string& what) {
    Buffer& buffer = buffers_.emplace_back(batch_.memory(), size_t(count) * sizeof(T), "the rollout's " + what);
    return static_cast<T*>(buffer.data());
}

/// Policies that have a role in common read the same source.
void Rollout::make_sources(const std::vector<PolicySpec>& policies) {
    source_.assign(policies.size(), 0);
    for (size_t p = 0; p < policies.size(); ++p) {
        source_[p] = p;
        for (size_t other = 0; other < p; ++other)
            if (have_common_role(policies[p], policies[other]))
                std::replace(source_.begin(), source_.begin() + std::ptrdiff_t(p) + 1, source_[p], source_[other]);
    }
    sources_.resize(policies.size());  // by their first policy; the others stay empty
    for (size_t p = 0; p < policies.size(); ++p) {
        Source& source = sources_[source_[p]];
        for (const RoleRange& role : roles_) {
            const auto has_role = [&](const auto& each) { return each.role == role.name; };
            const auto is_tenant = [&](const Tenant& tenant) { return tenant.role.name == role.name; };
            if (std::none_of(policies[p].members.begin(), policies[p].members.end(), has_role) ||
                std::any_of(source.roles.begin(), source.roles.end(), is_tenant))
                continue;
            source.roles.push_back({role, source.rows});
            source.rows += round_up(batch_.num_envs() * role.count);
        }
    }
    for (size_t p = 0; p < policies.size(); ++p)
        if (sources_[source_[p]].parts.empty()) allocate_source(sources_[source_[p]], policies[p]);
    for (size_t p = 0; p < policies.size(); ++p) rows_.push_back(make_rows(policies[p], sources_[source_[p]]));
}

void Rollout::allocate_source(Source& source, const PolicySpec& spec) {
    for (const PolicySpec::Part& part : spec.parts) {
        const int64_t row_bytes = int64_t(part.elements()) * size_of(part.dtype);
        const int64_t slot = source.roles.size() == 1
                                 ? round_up(batch_.num_envs() * source.roles[0].role.count * row_bytes)
                                 : source.rows * row_bytes;
        source.part_bytes.push_back(row_bytes);
        source.parts.push_back({allocate<char>((num_steps_ + 1) * slot, part.name),
                                allocate<char>(num_segments() * slot, "final " + part.name), slot});
        for (const Tenant& tenant : source.roles) {
            const int64_t offset = tenant.first_row * row_bytes;
            tensors_[tensor_name(roles_, tenant.role.name, part.name)] = {
                source.parts.back().data + offset, source.parts.back().final_data + offset, slot};
        }
    }
    allocate_actions(source, spec);
}

void Rollout::allocate_actions(Source& source, const PolicySpec& spec) {
    for (const PolicySpec::Action& part : spec.actions) {
        ActionColumn column;
        column.size = part.size(), column.choices = part.choices();
        column.by_cell = batch_.has_one_action_tensor();
        column.kept_slot = (column.by_cell ? slot_rows_ : source.rows) * column.size * 4;
        column.kept = column.by_cell && action_ ? action_ : allocate<char>(num_steps_ * column.kept_slot, "actions");
        if (column.by_cell) action_ = column.kept;
        if (part.is_box()) column.action = allocate<char>(column.kept_slot, "clipped actions " + part.name);
        if (part.has_mask) {
            column.mask_slot = source.rows * column.choices;
            column.mask = allocate<uint8_t>((num_steps_ + 1) * column.mask_slot, "action masks " + part.name);
        }
        source.actions.push_back(column);
    }
}

void Rollout::allocate_states(const std::vector<PolicySpec>& policies) {
    for (const PolicySpec& spec : policies)
        for (const PolicySpec::CriticPart& critic : spec.critic_parts)
            for (const Tensor& tensor : batch_.states()) {
                if (tensor.name != critic.part.name || tensors_.count(tensor.name)) continue;
                const int64_t slot = round_up(tensor.bytes());
                tensors_[tensor.name] = {allocate<char>((num_steps_ + 1) * slot, tensor.name),
                                         allocate<char>(num_segments() * slot, "final " + tensor.name), slot};
                states_.push_back(tensor.name);
            }
}

/// Rows in ascending order of their cells. Lists are made only where they say something.
RowSet Rollout::make_rows(const PolicySpec& spec, const Source& source) {
    struct Agent {
        int agent;
        int64_t first_row;  // of its role in the source
        int count, index;   // of the role; within the role
    };
    std::vector<Agent> agents;
    for (const PolicySpec::Members& member : spec.members)
        for (const Tenant& tenant : source.roles)
            for (int i = 0; tenant.role.name == member.role && i < tenant.role.count; ++i)
                if (member.agents.empty() || std::count(member.agents.begin(), member.agents.end(), i))
                    agents.push_back({tenant.role.first + i, tenant.first_row, tenant.role.count, i});
    std::sort(agents.begin(), agents.end(), [](const Agent& a, const Agent& b) { return a.agent < b.agent; });

    RowSet rows{batch_.num_envs() * int64_t(agents.size()), slot_rows_, batch_.num_agents(), nullptr, nullptr};
    const auto upload = [&](const char* what, const auto& row_of) {
        std::vector<int32_t> list;
        for (int64_t env = 0; env < batch_.num_envs(); ++env)
            for (const Agent& agent : agents) list.push_back(int32_t(row_of(env, agent)));
        int32_t* data = allocate<int32_t>(int64_t(list.size()), what);
        batch_.memory().from_host(data, list.data(), list.size() * 4);
        return data;
    };
    if (int(agents.size()) != rows.num_agents)
        rows.cell = upload("rows", [&](int64_t env, const Agent& a) { return env * rows.num_agents + a.agent; });
    if (!is_whole_role(spec) || source.roles.size() > 1)
        rows.source = upload("rows of observations",
                             [](int64_t env, const Agent& a) { return a.first_row + env * a.count + a.index; });
    return rows;
}

namespace {
/// Points the columns of an input at their parts; `part_of` gives that of a column.
template <class PartOf>
void bind_columns(InputColumns& input, const RowSet& rows, const uint8_t* active, PartOf part_of) {
    input.rows = rows, input.active = active;
    for (int i = 0; i < input.num_parts; ++i) {
        InputPart& column = input.parts[i];
        if (column.of == InputPart::Of::identity) continue;
        std::tie(column.data, column.slot_bytes) = part_of(column);
    }
}
}  // namespace

void Rollout::bind(size_t p, InputColumns& input) const {
    bind_columns(input, rows_[p], active, [&](const InputPart& column) {
        const PartBuffer& part = parts(p)[size_t(column.source)];
        return std::pair(part.data, part.slot_bytes);
    });
}
void Rollout::bind_final(size_t p, InputColumns& input) const {
    bind_columns(input, rows_[p], final_active, [&](const InputPart& column) {
        const PartBuffer& part = parts(p)[size_t(column.source)];
        return std::pair(part.final_data, part.slot_bytes);
    });
}
void Rollout::bind_critic(const std::vector<PolicySpec::CriticPart>& parts, size_t p, InputColumns& input) const {
    bind_columns(input, rows_[p], active, [&](const InputPart& column) {
        const PartBuffer& part = tensors_.at(parts[size_t(column.source)].part.name);
        return std::pair(part.data - first_row_bytes(parts, p, column), part.slot_bytes);
    });
}
void Rollout::bind_final_critic(const std::vector<PolicySpec::CriticPart>& parts, size_t p, InputColumns& input) const {
    bind_columns(input, rows_[p], final_active, [&](const InputPart& column) {
        const PartBuffer& part = tensors_.at(parts[size_t(column.source)].part.name);
        return std::pair(part.final_data - first_row_bytes(parts, p, column), part.slot_bytes);
    });
}
/// An agent's state is found by its source row, and its role's tensor begins at the role's first row of the source.
int64_t Rollout::first_row_bytes(const std::vector<PolicySpec::CriticPart>& parts, size_t p,
                                 const InputPart& column) const {
    if (column.of != InputPart::Of::agent) return 0;
    const PolicySpec::Part& part = parts[size_t(column.source)].part;
    for (const Tenant& tenant : sources_[source_[p]].roles)
        if (tensor_name(roles_, tenant.role.name, "") == part.name.substr(0, part.name.rfind('.') + 1))
            return tenant.first_row * part.elements() * size_of(part.dtype);
    return 0;
}
Bindings Rollout::bind_step(int step, const std::vector<PolicySpec>& policies) const {
    const int64_t row = step * slot_rows_, slot = step + 1;
    Bindings bindings(batch_);
    bindings.write_output("reward", reward + row)
        .write_output("terminated", terminated + row)
        .write_output("truncated", truncated + row)
        .write_output("active", active + slot * slot_rows_);
    if (acts) bindings.write_output("acts", acts + slot * slot_rows_);
    for (size_t p = 0; p < policies.size(); ++p) {
        const Source& source = sources_[source_[p]];
        if (source_[p] != p) continue;  // another policy has bound it
        for (const Tenant& tenant : source.roles) {
            for (size_t i = 0; i < source.parts.size(); ++i) {
                const PartBuffer& part = source.parts[i];
                const std::string name = tensor_name(roles_, tenant.role.name, policies[p].parts[i].name);
                const int64_t offset = tenant.first_row * source.part_bytes[i];
                bindings.write_output(name, part.data + slot * part.slot_bytes + offset);
                bindings.write_final(name, part.final_data + step / segment_steps_ * part.slot_bytes + offset);
            }
            for (size_t a = 0; a < source.actions.size(); ++a) {
                const ActionColumn& column = source.actions[a];
                if (!column.mask) continue;
                uint8_t* const data = const_cast<uint8_t*>(column.mask) + slot * column.mask_slot;
                bindings.write_output(mask_tensor(roles_, tenant.role.name, policies[p], a),
                                      data + tenant.first_row * column.choices);
            }
        }
    }
    for (const std::string& name : states_) {
        const PartBuffer& state = tensors_.at(name);
        bindings.write_output(name, state.data + slot * state.slot_bytes);
        bindings.write_final(name, state.final_data + step / segment_steps_ * state.slot_bytes);
    }
    bind_actions(step, bindings, policies);
    return bindings;
}

void Rollout::bind_actions(int step, Bindings& bindings, const std::vector<PolicySpec>& policies) const {
    const auto data_of = [&](const ActionColumn& column) {
        return column.action ? static_cast<char*>(column.action)
                             : static_cast<char*>(column.kept) + step * column.kept_slot;
    };
    const std::vector<Tensor>& tensors = batch_.actions();
    if (batch_.has_one_action_tensor()) {
        bindings.read_action(0, data_of(sources_[source_[0]].actions[0]), DType::int32);
        return;
    }
    for (size_t p = 0; p < policies.size(); ++p) {
        const Source& source = sources_[source_[p]];
        if (source_[p] != p) continue;
        for (const Tenant& tenant : source.roles)
            for (size_t a = 0; a < source.actions.size(); ++a) {
                const ActionColumn& column = source.actions[a];
                const std::string name = tensor_name(roles_, tenant.role.name, policies[p].actions[a].name);
                for (size_t t = 0; t < tensors.size(); ++t)
                    if (tensors[t].name == name)
                        bindings.read_action(t, data_of(column) + tenant.first_row * column.size * 4, tensors[t].dtype);
            }
    }
}

void Rollout::begin(const ExecutionContext& context) {
    const auto copy = [&](void* data, int64_t bytes) {
        run(context, bytes / 16,
            CopyVector{reinterpret_cast<const Vector16*>(static_cast<char*>(data) + num_steps_ * bytes),
                       static_cast<Vector16*>(data)});
    };
    copy(active, slot_rows_);
    if (acts) copy(acts, slot_rows_);
    for (const std::string& name : states_) copy(tensors_.at(name).data, tensors_.at(name).slot_bytes);
    for (const Source& source : sources_) {
        for (const PartBuffer& part : source.parts) copy(part.data, part.slot_bytes);
        for (const ActionColumn& column : source.actions)
            if (column.mask) copy(const_cast<uint8_t*>(column.mask), column.mask_slot);
    }
}

}  // namespace flockstep
