#include <algorithm>
#include <stdexcept>

#include "sim/engine/batch.h"

/// The tensors of a batch: observation parts, states, masks, rows and actions, planned from the environment's spaces.
namespace flockstep {

namespace {
std::vector<int64_t> with_leading(std::initializer_list<int64_t> leading, const std::vector<int>& rest) {
    std::vector<int64_t> shape(leading);
    shape.insert(shape.end(), rest.begin(), rest.end());
    return shape;
}
int choices_of(const ActionPart& part) {
    int total = 0;
    for (int n : part.n) total += n;
    return total;
}
}  // namespace

bool Batch::is_wanted(const std::string& output) const {
    return options_.outputs.empty() ||
           std::find(options_.outputs.begin(), options_.outputs.end(), output) != options_.outputs.end();
}
std::string Batch::qualified(const Role& role, const std::string& part) const {
    return spaces_.roles.size() > 1 ? role.name + "." + part : part;
}
bool Batch::has_one_action_tensor() const {
    return std::all_of(spaces_.roles.begin(), spaces_.roles.end(), [](const Role& role) {
        return role.action_parts.size() == 1 && role.action_parts[0].kind == ActionPart::Kind::discrete;
    });
}

const Tensor& Batch::output(const std::string& name) const {
    for (const Tensor& tensor : outputs_)
        if (tensor.name == name) return tensor;
    throw std::invalid_argument(environment_ + ": output " + in_quotes(name) + " is not written; add it to outputs");
}

/// "action_mask" selects all masks.
bool Batch::is_wanted(const Role& role, const ObservationPart& part, bool is_mask) const {
    return is_wanted(part.name) || is_wanted(qualified(role, part.name)) || (is_mask && is_wanted("action_mask"));
}
bool Batch::has_mask(const ActionPart& part) const {
    return spaces_.has_action_mask && part.kind != ActionPart::Kind::box;
}
std::string Batch::mask_name(const Role& role, const ActionPart& part) const {
    return role.action_parts.size() > 1 ? "action_mask." + part.name : "action_mask";
}

void Batch::refuse_unknown_outputs() const {
    std::vector<std::string> known, bare;  // bare: unqualified names, which may select several tensors
    for (const Role& role : spaces_.roles) {
        const auto add = [&](const std::string& name) {
            known.push_back(qualified(role, name));
            bare.push_back(name);
        };
        for (const ObservationPart& part : role.observation_parts) add(part.name);
        for (const ObservationPart& part : role.state_parts) add(part.name);
        for (const ActionPart& part : role.action_parts)
            if (has_mask(part)) add(mask_name(role, part));
    }
    for (const ObservationPart& part : spaces_.state_parts) known.push_back(part.name);
    for (const RowInfo& row : rows_) known.push_back(row.name);
    if (std::find(known.begin(), known.end(), "action_mask") == known.end()) known.push_back("action_mask");
    const auto has = [](const std::vector<std::string>& list, const std::string& name) {
        return std::find(list.begin(), list.end(), name) != list.end();
    };
    for (const std::string& name : options_.outputs) {
        if (has(known, name) || has(bare, name)) continue;
        std::string list;
        for (const std::string& each : known) list += (list.empty() ? "" : ", ") + each;
        throw std::invalid_argument("outputs: got " + in_quotes(name) + ", want some of: " + list);
    }
}
void Batch::refuse_unknown_dtypes() const {
    for (const auto& [name, dtype] : options_.dtypes) {
        const auto is_among = [&name = name](const std::vector<Tensor>& list) {
            return std::any_of(list.begin(), list.end(),
                               [&](const Tensor& t) { return t.name == name || t.name.ends_with("." + name); });
        };
        const bool exists = name == "*" || is_among(observations_) || is_among(states_);
        if (!exists)
            throw std::invalid_argument("dtypes: got " + in_quotes(name) + ", which is no observation part of " +
                                        environment_);
    }
}

void Batch::plan_outputs(EngineCommon& view, std::vector<RowInfo> rows, bool some_inactive, bool some_wait) {
    rows_ = std::move(rows);
    some_inactive_ = some_inactive, some_wait_ = some_wait;
    if (rows_.size() > size_t(max_rows))
        throw std::logic_error(environment_ + ": more than " + std::to_string(max_rows - num_built_in_rows) +
                               " outputs of its own");
    if (all_spaces_.roles.size() > size_t(max_roles))
        throw std::invalid_argument(environment_ + ": got " + std::to_string(all_spaces_.roles.size()) +
                                    " roles, want at most 8");
    view.num_envs = options_.num_envs;
    view.first_env = options_.first_env;
    view.num_agents = all_spaces_.num_agents();
    view.num_learners = num_agents();
    view.illegal_actions = options_.illegal_actions;
    view.all_envs = std::max(options_.all_envs, options_.first_env + options_.num_envs);
    view.mode = options_.autoreset_mode;
    view.final_observation = options_.final_observation;
    view.stagger_episodes = options_.stagger_episodes;
    view.statistics = options_.statistics;
    view.control = static_cast<Control*>(allocate(sizeof(Control), "the batch's control block"));
    view.num_roles = int(all_spaces_.roles.size());
    view.first_learner = first_learner_;
    add_observations(view);
    add_state(view);
    add_masks(view);
    refuse_unknown_dtypes();
    refuse_unknown_outputs();
    add_rows(view, some_inactive, some_wait);
    add_actions(view);
    lay_out_legal_actions(view);
}

namespace {
/// Index of a role's part among the handles, which exist once for all roles. Throws if it is not listed.
int handle_index(const std::vector<std::string>& handles, const std::string& name, const std::string& environment) {
    const auto found = std::find(handles.begin(), handles.end(), name);
    if (found == handles.end())
        throw std::logic_error(environment + ": part " + name + " is not among the environment's `tensors`");
    return int(found - handles.begin());
}
}  // namespace

void Batch::add_observations(EngineCommon& view) {
    const int handles = int(spaces_.observation_names.size());
    start_parts(view, view.num_roles * handles);
    for (int r = 0; r < view.num_roles; ++r) {
        const Role& role = all_spaces_.roles[size_t(r)];
        const int policy = role.learns() ? RoleView::learns : find_policy(role.policy);
        view.roles[r] = {role.first, role.count, r * handles, handles, 0, 0, policy};
        view.num_scripted += !role.learns();
        for (const ObservationPart& part : role.observation_parts)
            add_part(view, r * handles + handle_index(spaces_.observation_names, part.name, environment_), role, part,
                     -1);
    }
}
/// The world itself is represented as one more role with one row.
void Batch::add_state(EngineCommon& view) {
    const int handles = int(spaces_.observation_names.size()), first = view.num_parts;
    if (spaces_.state_parts.empty()) return;
    view.has_state = true;
    start_parts(view, handles);
    view.roles[view.num_roles] = {0, 1, first, handles, 0, 0, RoleView::learns};
    Role world;
    world.count = 1;
    for (const ObservationPart& part : spaces_.state_parts)
        add_part(view, first + handle_index(spaces_.observation_names, part.name, environment_), world, part, -1);
}
void Batch::add_masks(EngineCommon& view) {
    const int handles = int(spaces_.action_names.size()), first = view.num_parts;
    if (!spaces_.has_action_mask) return;
    start_parts(view, view.num_roles * handles);
    for (int r = 0; r < view.num_roles; ++r) {
        const Role& role = all_spaces_.roles[size_t(r)];
        view.roles[r].first_mask = first + r * handles, view.roles[r].num_masks = handles;
        for (const ActionPart& part : role.action_parts) {
            const int slot = r * handles + handle_index(spaces_.action_names, part.name, environment_);
            if (has_mask(part))
                add_part(view, first + slot, role,
                         {mask_name(role, part), DType::uint8, {choices_of(part)}, {0}, {1}, true, DType::uint8}, slot);
        }
    }
}
/// Reserves `count` more parts, initially not requested.
void Batch::start_parts(EngineCommon& view, int count) {
    view.num_parts += count;
    if (view.num_parts > max_parts)
        throw std::invalid_argument(environment_ + ": got " + std::to_string(view.num_parts) +
                                    " observation parts and masks, counted for every role, want at most " +
                                    std::to_string(max_parts));
    part_names_.resize(size_t(view.num_parts));
}

/// Flags that are always 1 for every agent are written once here, and by launches that bind them to other tensors.
void Batch::add_rows(EngineCommon& view, bool some_inactive, bool some_wait) {
    for (size_t i = 0; i < rows_.size(); ++i) {
        const RowInfo& row = rows_[i];
        if (!is_wanted(row.name)) continue;
        Tensor tensor{row.name, nullptr, row.dtype, {num_envs()}};
        if (row.is_per_agent()) tensor.shape.push_back(num_agents());
        if (row.size > 1) tensor.shape.push_back(row.size);
        tensor.data = allocate(tensor.bytes(), tensor.name);
        outputs_.push_back(tensor);
        const bool is_constant = (i == active_row && !some_inactive) || (i == acts_row && !some_wait);
        if (!is_constant) view.rows[i] = static_cast<char*>(tensor.data);
        const std::vector<char> ones(is_constant ? size_t(tensor.bytes()) : 0, 1);
        if (is_constant) memory_->from_host(tensor.data, ones.data(), ones.size());
    }
}

void Batch::add_part(EngineCommon& view, int slot, const Role& role, const ObservationPart& part, int mask_of) {
    PartView& p = view.parts[slot];
    p.source_dtype = part.source_dtype, p.dtype = part.dtype;
    p.mask_of = mask_of, p.first = role.first, p.count = role.count, p.elements = part.elements();
    p.row_elements = part.shape.empty() ? 1 : part.shape.back();
    const bool is_world = role.name.empty();
    const std::string name = is_world ? part.name : qualified(role, part.name);
    if (mask_of < 0)
        for (const auto& [key, dtype] : options_.dtypes)
            if (key == "*" || key == part.name || key == name) p.dtype = dtype;
    p.agent_bytes = p.elements * size_of(p.dtype), p.env_bytes = int64_t(p.count) * p.agent_bytes;
    if (part.source_dtype == DType::float32 && size_of(p.dtype) == 1)
        throw std::invalid_argument("dtypes: got " + std::string(name_of(p.dtype)) + " for " + part.name +
                                    ", want float32 or bfloat16");
    if (!part.enabled || !role.learns() || !is_wanted(role, part, mask_of >= 0)) return;
    std::vector<int64_t> shape =
        is_world ? with_leading({num_envs()}, part.shape) : with_leading({num_envs(), role.count}, part.shape);
    if (mask_of >= 0)
        allocate_part(p, slot, name, std::move(shape), action_masks_, nullptr);
    else if (is_world || part.is_state)
        allocate_part(p, slot, name, std::move(shape), states_, &final_states_);
    else
        allocate_part(p, slot, name, std::move(shape), observations_, &final_observations_);
}
/// Allocates a part's tensor into `list`, and its final observations into `finals` if those are kept.
void Batch::allocate_part(PartView& p, int slot, const std::string& name, std::vector<int64_t> shape,
                          std::vector<Tensor>& list, std::vector<Tensor>* finals) {
    Tensor tensor{name, nullptr, p.dtype, std::move(shape)};
    tensor.data = allocate(tensor.bytes(), tensor.name);
    p.output = static_cast<char*>(tensor.data);
    part_names_[size_t(slot)] = tensor.name;
    list.push_back(tensor);
    if (!finals || options_.final_observation == FinalObservation::none) return;
    tensor.data = allocate(tensor.bytes(), "final_observation." + tensor.name);
    p.final_output = static_cast<char*>(tensor.data);
    finals->push_back(tensor);
}

void Batch::add_actions(EngineCommon& view) {
    const int handles = int(spaces_.action_names.size());
    view.num_action_parts = view.num_roles * handles;
    if (view.num_action_parts > max_action_parts)
        throw std::invalid_argument(environment_ + ": got " + std::to_string(view.num_action_parts) +
                                    " action parts, counted for every role, want at most " +
                                    std::to_string(max_action_parts));
    if (has_one_action_tensor()) add_action_tensor("action", DType::int32, {num_envs(), num_agents()});
    lay_out_actions(view);
    int draw = 0;
    for (int r = 0; r < view.num_roles; ++r) {
        const Role& role = all_spaces_.roles[size_t(r)];
        for (const ActionPart& part : role.action_parts) {
            const int handle = handle_index(spaces_.action_names, part.name, environment_);
            ActionView& a = view.actions[r * handles + handle];
            a.first_word = view.action_offset[handle] + role.first * part.size;
            a.first_draw = draw, draw += role.count * part.size;
            add_action(a, role, part);
        }
    }
}
/// Every handle has words for all agents, so that rules can index them without knowing the roles.
void Batch::lay_out_actions(EngineCommon& view) {
    for (const Role& role : all_spaces_.roles)
        for (const ActionPart& part : role.action_parts) {
            int& size = view.action_size[handle_index(spaces_.action_names, part.name, environment_)];
            if (size != 0 && size != part.size)
                throw std::logic_error(environment_ + ": action " + part.name + " has " + std::to_string(size) +
                                       " numbers in one role and " + std::to_string(part.size) + " in another");
            size = part.size;
        }
    for (size_t handle = 0; handle < spaces_.action_names.size(); ++handle) {
        view.action_offset[handle] = view.action_words;
        view.action_words += all_spaces_.num_agents() * view.action_size[handle];
    }
}
void Batch::add_action_tensor(const std::string& name, DType dtype, std::vector<int64_t> shape) {
    Tensor tensor{name, nullptr, dtype, std::move(shape)};
    tensor.data = allocate(tensor.bytes(), "actions " + name);
    actions_.push_back(tensor);
}
void Batch::add_action(ActionView& a, const Role& role, const ActionPart& part) {
    const bool one = has_one_action_tensor();
    a.first = role.first, a.count = role.count, a.size = part.size;
    a.is_box = part.kind == ActionPart::Kind::box;
    a.n = a.is_box ? 0 : part.n[0];
    a.default_choice = a.is_box ? 0 : part.default_choice[0];
    if (part.kind == ActionPart::Kind::multi_discrete)
        a.n_each = upload(part.n, "choices of " + part.name),
        a.default_choice_each = upload(part.default_choice, "default choices of " + part.name);
    if (a.is_box)
        a.low = upload(part.low, "bounds of " + part.name), a.high = upload(part.high, "bounds of " + part.name);
    a.env_stride = one ? num_agents() : int64_t(role.count) * part.size;
    if (!role.learns()) return;
    if (!one) {
        std::vector<int64_t> shape{num_envs(), role.count};
        if (part.kind != ActionPart::Kind::discrete) shape.push_back(part.size);
        add_action_tensor(qualified(role, part.name), a.is_box ? DType::float32 : DType::int32, std::move(shape));
    }
    a.own = static_cast<int32_t*>(actions_.back().data) + (one ? role.first - first_learner_ : 0);
    a.input = a.own;
}
/// Lays out the bits of legal choices for every part with a mask, including scripted roles, whose policies may use
/// them.
void Batch::lay_out_legal_actions(EngineCommon& view) {
    const int handles = int(spaces_.action_names.size());
    for (int r = 0; r < view.num_roles; ++r)
        for (const ActionPart& part : all_spaces_.roles[size_t(r)].action_parts) {
            if (!has_mask(part)) continue;
            ActionView& a = view.actions[r * handles + handle_index(spaces_.action_names, part.name, environment_)];
            a.legal_words = (choices_of(part) + 31) / 32;
            a.first_legal = view.legal_words;
            view.legal_words += a.count * a.legal_words;
        }
}
template <class T>
const T* Batch::upload(const std::vector<T>& values, const std::string& what) {
    void* data = allocate(int64_t(values.size() * sizeof(T)), what);
    memory_->from_host(data, values.data(), values.size() * sizeof(T));
    return static_cast<const T*>(data);
}

int Batch::output_slot(const std::string& name) const {
    const auto part = std::find(part_names_.begin(), part_names_.end(), name);
    if (part != part_names_.end() && !name.empty()) return int(part - part_names_.begin());
    output(name);  // throws if it is not written
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const RowInfo& each) { return each.name == name; });
    return max_parts + int(row - rows_.begin());
}

}  // namespace flockstep
