#include <algorithm>
#include <stdexcept>

#include "sim/batch.h"

/// The tensors of a batch: observation parts, masks, rows and actions, planned from the environment's spaces.
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

/// All masks answer to "action_mask".
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
    std::vector<std::string> known, bare;  // bare: names that mean several tensors
    for (const Role& role : spaces_.roles) {
        const auto add = [&](const std::string& name) {
            known.push_back(qualified(role, name));
            bare.push_back(name);
        };
        for (const ObservationPart& part : role.observation_parts) add(part.name);
        for (const ActionPart& part : role.action_parts)
            if (has_mask(part)) add(mask_name(role, part));
    }
    known.insert(known.end(), std::begin(row_names), std::end(row_names));
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
        const bool exists =
            name == "*" || std::any_of(observations_.begin(), observations_.end(), [&name = name](const Tensor& t) {
                return t.name == name || t.name.ends_with("." + name);
            });
        if (!exists)
            throw std::invalid_argument("dtypes: got " + in_quotes(name) + ", which is no observation part of " +
                                        environment_);
    }
}

void Batch::plan_outputs(EngineCommon& view) {
    if (spaces_.roles.size() > size_t(max_roles))
        throw std::invalid_argument(environment_ + ": got " + std::to_string(spaces_.roles.size()) +
                                    " roles, want at most 8");
    view.num_envs = options_.num_envs;
    view.first_env = options_.first_env;
    view.num_agents = num_agents();
    view.mode = options_.autoreset_mode;
    view.final_observation = options_.final_observation;
    view.spread_phases = options_.spread_phases;
    view.statistics = options_.statistics;
    view.control = static_cast<Control*>(allocate(sizeof(Control), "the batch's control block"));
    view.num_roles = int(spaces_.roles.size());
    add_observations(view);
    add_masks(view);
    refuse_unknown_dtypes();
    refuse_unknown_outputs();
    add_rows(view);
    add_actions(view);
}

namespace {
/// Place of a role's part among the handles, which exist once for all roles. Throws where it was not listed.
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
        const Role& role = spaces_.roles[size_t(r)];
        view.roles[r] = {role.first, role.count, r * handles, handles, 0, 0};
        for (const ObservationPart& part : role.observation_parts)
            add_part(view, r * handles + handle_index(spaces_.observation_names, part.name, environment_), role, part,
                     -1);
    }
}
void Batch::add_masks(EngineCommon& view) {
    const int handles = int(spaces_.action_names.size()), first = view.num_parts;
    if (!spaces_.has_action_mask) return;
    start_parts(view, view.num_roles * handles);
    for (int r = 0; r < view.num_roles; ++r) {
        const Role& role = spaces_.roles[size_t(r)];
        view.roles[r].first_mask = first + r * handles, view.roles[r].num_masks = handles;
        for (const ActionPart& part : role.action_parts) {
            const int slot = r * handles + handle_index(spaces_.action_names, part.name, environment_);
            if (has_mask(part))
                add_part(view, first + slot, role,
                         {mask_name(role, part), DType::uint8, {choices_of(part)}, {0}, {1}, true, DType::uint8}, slot);
        }
    }
}
/// Places for `count` more parts, none of them wanted yet.
void Batch::start_parts(EngineCommon& view, int count) {
    view.num_parts += count;
    if (view.num_parts > max_parts)
        throw std::invalid_argument(environment_ + ": got " + std::to_string(view.num_parts) +
                                    " observation parts and masks, counted for every role, want at most " +
                                    std::to_string(max_parts));
    part_names_.resize(size_t(view.num_parts));
}

void Batch::add_rows(EngineCommon& view) {
    const int64_t rows = num_envs() * num_agents();
    for (int i = 0; i < num_rows; ++i) {
        if (!is_wanted(row_names[i])) continue;
        Tensor tensor{row_names[i], nullptr, i == 0 ? DType::float32 : DType::uint8, {num_envs(), num_agents()}};
        tensor.data = allocate(rows * size_of(tensor.dtype), tensor.name);
        view.set_row(i, tensor.data);
        outputs_.push_back(tensor);
    }
}

void Batch::add_part(EngineCommon& view, int slot, const Role& role, const ObservationPart& part, int mask_of) {
    PartView& p = view.parts[slot];
    p.written = part.written, p.dtype = part.dtype;
    p.mask_of = mask_of, p.first = role.first, p.count = role.count, p.elements = part.elements();
    p.row_elements = part.shape.empty() ? 1 : part.shape.back();
    if (mask_of < 0)
        for (const auto& [name, dtype] : options_.dtypes)
            if (name == "*" || name == part.name || name == qualified(role, part.name)) p.dtype = dtype;
    p.agent_bytes = p.elements * size_of(p.dtype), p.env_bytes = int64_t(p.count) * p.agent_bytes;
    if (part.written == DType::float32 && size_of(p.dtype) == 1)
        throw std::invalid_argument("dtypes: got " + std::string(name_of(p.dtype)) + " for " + part.name +
                                    ", want float32 or bfloat16");
    if (!part.enabled || !is_wanted(role, part, mask_of >= 0)) return;
    Tensor tensor{qualified(role, part.name), nullptr, p.dtype, with_leading({num_envs(), role.count}, part.shape)};
    tensor.data = allocate(tensor.bytes(), tensor.name);
    p.output = static_cast<char*>(tensor.data);
    part_names_[size_t(slot)] = tensor.name;
    (mask_of < 0 ? observations_ : action_masks_).push_back(tensor);
    if (mask_of >= 0 || options_.final_observation == FinalObservation::none) return;
    tensor.data = allocate(tensor.bytes(), "final_observation." + tensor.name);
    p.final_output = static_cast<char*>(tensor.data);
    final_observations_.push_back(tensor);
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
        const Role& role = spaces_.roles[size_t(r)];
        for (const ActionPart& part : role.action_parts) {
            const int handle = handle_index(spaces_.action_names, part.name, environment_);
            ActionView& a = view.actions[r * handles + handle];
            a.first_word = view.action_offset[handle] + role.first * part.size;
            a.first_draw = draw, draw += role.count * part.size;
            add_action(a, role, part);
        }
    }
}
/// Every handle has words for all agents, so that rules find them without knowing the roles.
void Batch::lay_out_actions(EngineCommon& view) {
    for (const Role& role : spaces_.roles)
        for (const ActionPart& part : role.action_parts) {
            int& size = view.action_size[handle_index(spaces_.action_names, part.name, environment_)];
            if (size != 0 && size != part.size)
                throw std::logic_error(environment_ + ": action " + part.name + " has " + std::to_string(size) +
                                       " numbers in one role and " + std::to_string(part.size) + " in another");
            size = part.size;
        }
    for (size_t handle = 0; handle < spaces_.action_names.size(); ++handle) {
        view.action_offset[handle] = view.action_words;
        view.action_words += num_agents() * view.action_size[handle];
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
    if (part.kind == ActionPart::Kind::multi_discrete) a.n_each = upload(part.n, "choices of " + part.name);
    if (a.is_box)
        a.low = upload(part.low, "bounds of " + part.name), a.high = upload(part.high, "bounds of " + part.name);
    if (!one) {
        std::vector<int64_t> shape{num_envs(), role.count};
        if (part.kind != ActionPart::Kind::discrete) shape.push_back(part.size);
        add_action_tensor(qualified(role, part.name), a.is_box ? DType::float32 : DType::int32, std::move(shape));
    }
    a.own = static_cast<int32_t*>(actions_.back().data) + (one ? role.first : 0);
    a.input = a.own;
    a.env_stride = one ? num_agents() : int64_t(role.count) * part.size;
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
    return max_parts + int(std::find(std::begin(row_names), std::end(row_names), name) - std::begin(row_names));
}

}  // namespace flockstep
