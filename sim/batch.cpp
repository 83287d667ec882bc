#include "sim/batch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

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

int64_t Tensor::count() const {
    int64_t product = 1;
    for (int64_t n : shape) product *= n;
    return product;
}
int64_t FieldInfo::elements() const {
    int64_t product = 1;
    for (int64_t n : counts) product *= n;
    return product;
}

std::vector<int64_t> FieldInfo::shape(int64_t num_envs) const {
    std::vector<int64_t> shape{num_envs};
    shape.insert(shape.end(), counts.begin(), counts.end());
    if (components > 1) shape.push_back(components);
    return shape;
}

FieldPlace FieldInfo::place(char* all_bulk) const {
    if (staged) return {nullptr, offset};
    return {all_bulk + offset, elements() * element_bytes};
}

Batch::Batch(std::string environment, const BatchOptions& options, Spaces spaces, std::unique_ptr<Memory> memory)
    : environment_(std::move(environment)), options_(options), spaces_(std::move(spaces)), memory_(std::move(memory)) {
    if (options_.num_envs < 1 || options_.num_envs > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("num_envs: got " + std::to_string(options_.num_envs) +
                                    ", want an integer from 1 to 2147483647");
}
Batch::~Batch() = default;

void* Batch::allocate(int64_t bytes, const std::string& what) {
    buffers_.emplace_back(*memory_, size_t(std::max<int64_t>(bytes, 1)), what);
    return buffers_.back().data();
}

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
            add_part(view, r * handles + handle_index(spaces_.observation_names, part.name, environment_), role, r,
                     part, -1);
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
                add_part(view, first + slot, role, r,
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

void Batch::add_part(EngineCommon& view, int slot, const Role& role, int role_index, const ObservationPart& part,
                     int mask_of) {
    PartView& p = view.parts[slot];
    p.written = part.written, p.dtype = part.dtype;
    p.mask_of = mask_of, p.role = role_index, p.first = role.first, p.count = role.count, p.elements = part.elements();
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

void Batch::plan_state(EngineCommon& view, std::vector<FieldInfo> fields, int world_bytes, int64_t bulk_bytes,
                       int tile_worlds) {
    fields_ = std::move(fields);
    view.world_bytes = world_bytes;
    view.tile_worlds = tile_worlds;
    const int64_t worlds = (num_envs() + tile_worlds - 1) / tile_worlds * tile_worlds;
    view.tiles =
        static_cast<char*>(allocate(worlds * world_bytes, "the state of " + std::to_string(num_envs()) + " worlds"));
    bulk_ = static_cast<char*>(allocate(bulk_bytes, "the bulk state of " + std::to_string(num_envs()) + " worlds"));
    if (fields_.size() > size_t(max_state_fields))
        throw std::logic_error(environment_ + ": more than 48 fields of state");
    for (size_t i = 0; i < fields_.size(); ++i) view.state_fields[i] = fields_[i].place(bulk_);
    view_ = &view;
}

int Batch::find_policy(const std::string& name) const {
    if (name == "random") return -1;
    const auto found = std::find(policies_.begin(), policies_.end(), name);
    if (found != policies_.end()) {
        const size_t policy = size_t(found - policies_.begin());
        if (policy_refusals_[policy].empty()) return int(policy);
        throw std::invalid_argument("policy: got " + in_quotes(name) + ", but " + policy_refusals_[policy]);
    }
    std::string known = "random";
    for (const std::string& policy : policies_) known += ", " + policy;
    throw std::invalid_argument("policy: got " + in_quotes(name) + ", want one of: " + known);
}

void Batch::reset(uint64_t seed, const Bindings& bindings, Stream stream) {
    memory_->from_host(&view_->control->seed, &seed, sizeof seed);
    launch({Operation::reset, nullptr, true, 0, 0, &bindings}, stream);
}
void Batch::reset(const uint8_t* mask, Stream stream) {
    launch({Operation::reset, mask, false, 0, 0, nullptr}, stream);
}
void Batch::step(Stream stream) { launch({Operation::step, nullptr, false, 0, 0, nullptr}, stream); }
void Batch::step(const Bindings& bindings, Stream stream) {
    launch({Operation::step, nullptr, false, 0, 0, &bindings}, stream);
}
void Batch::act(int policy, uint32_t draw, Stream stream) {
    launch({Operation::act, nullptr, false, policy, draw, nullptr}, stream);
}

const FieldInfo& Batch::field(const std::string& name) const {
    for (const FieldInfo& info : fields_)
        if (info.name == name) return info;
    std::string known;
    for (const FieldInfo& info : fields_) known += (known.empty() ? "" : ", ") + info.name;
    throw std::invalid_argument("field: got " + in_quotes(name) + ", want one of: " + known);
}

std::vector<char> Batch::read_tiles() {
    const int64_t worlds = (num_envs() + view_->tile_worlds - 1) / view_->tile_worlds * view_->tile_worlds;
    std::vector<char> tiles(size_t(worlds * view_->world_bytes));
    memory_->to_host(tiles.data(), view_->tiles, tiles.size());
    return tiles;
}

namespace {
/// Address of element i of a staged field within the bytes of all tiles.
int64_t staged_offset(const FieldInfo& info, const EngineCommon& view, int64_t env, int64_t i) {
    const int64_t tile = env / view.tile_worlds, index = env % view.tile_worlds;
    return tile * view.tile_worlds * view.world_bytes + info.offset * view.tile_worlds +
           (i * view.tile_worlds + index) * info.element_bytes;
}
}  // namespace

FieldValue Batch::read_field(const FieldInfo& info, const std::vector<char>* tiles) {
    FieldValue value{info.name, info.dtype, info.shape(num_envs()), {}};
    const int64_t elements = info.elements();
    value.bytes.resize(size_t(num_envs() * elements * info.element_bytes));
    if (!info.staged) {
        memory_->to_host(value.bytes.data(), bulk_ + info.offset, value.bytes.size());
        return value;
    }
    char* to = value.bytes.data();
    for (int64_t env = 0; env < num_envs(); ++env)
        for (int64_t i = 0; i < elements; ++i, to += info.element_bytes)
            memcpy(to, tiles->data() + staged_offset(info, *view_, env, i), size_t(info.element_bytes));
    return value;
}

void Batch::write_field(const FieldInfo& info, const FieldValue& value, std::vector<char>* tiles) {
    if (!info.staged) {
        memory_->from_host(bulk_ + info.offset, value.bytes.data(), value.bytes.size());
        return;
    }
    const char* from = value.bytes.data();
    for (int64_t env = 0; env < num_envs(); ++env)
        for (int64_t i = 0; i < info.elements(); ++i, from += info.element_bytes)
            memcpy(tiles->data() + staged_offset(info, *view_, env, i), from, size_t(info.element_bytes));
}

FieldValue Batch::get_field(const std::string& name) {
    check();
    const FieldInfo& info = field(name);
    if (!info.staged) return read_field(info, nullptr);
    const std::vector<char> tiles = read_tiles();
    return read_field(info, &tiles);
}

namespace {
template <class T>
double number_at(const FieldValue& value, size_t i) {
    T number;
    memcpy(&number, value.bytes.data() + i * sizeof number, sizeof number);
    return double(number);
}
/// As a double: exact but for integers beyond 2^53, which no limit is about.
double number_at(const FieldValue& value, size_t i) {
    switch (value.dtype) {
        case DType::uint8:
            return number_at<uint8_t>(value, i);
        case DType::int8:
            return number_at<int8_t>(value, i);
        case DType::int16:
            return number_at<int16_t>(value, i);
        case DType::uint16:
            return number_at<uint16_t>(value, i);
        case DType::int32:
            return number_at<int32_t>(value, i);
        case DType::uint32:
            return number_at<uint32_t>(value, i);
        case DType::int64:
            return number_at<int64_t>(value, i);
        case DType::uint64:
            return number_at<uint64_t>(value, i);
        case DType::float64:
            return number_at<double>(value, i);
        default:
            return number_at<float>(value, i);
    }
}
bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }
std::string number_text(const FieldInfo& info, double number) {
    return is_float(info.dtype) ? to_text(number) : std::to_string(int64_t(number));
}
std::string limits_text(const FieldInfo& info) {
    const std::string kind = is_float(info.dtype) ? "a finite number" : "an integer";
    const auto text = [&](double bound) { return number_text(info, bound); };
    if (info.limits.low == -infinity && info.limits.high == infinity) return kind;
    if (info.limits.high == infinity) return kind + " >= " + text(info.limits.low);
    return kind + " from " + text(info.limits.low) + " to " + text(info.limits.high);
}
/// "entry [2, 0]" of a world, from the number's place in it; "" where a world has one number.
std::string entry_text(const FieldInfo& info, size_t at) {
    std::vector<int64_t> shape = info.shape(1), index(shape.size());
    for (size_t d = shape.size(); d-- > 1; at /= size_t(shape[d])) index[d] = int64_t(at) % shape[d];
    index.erase(index.begin());
    return info.elements() * info.components > 1 ? ", entry " + shape_text(index) : "";
}
}  // namespace

void Batch::check_field(const FieldInfo& info, const FieldValue& value) const {
    const std::vector<int64_t> want = info.shape(num_envs());
    const size_t bytes = size_t(num_envs() * info.elements() * info.element_bytes);
    if (value.dtype != info.dtype || value.shape != want || value.bytes.size() != bytes)
        throw std::invalid_argument("field " + info.name + ": got " + name_of(value.dtype) + " " +
                                    shape_text(value.shape) + ", want " + name_of(info.dtype) + " " + shape_text(want));
    if (info.derived)
        throw std::invalid_argument("field " + info.name +
                                    ": got values, want none: it is derived from the other fields");
    const Limits& limits = info.limits;
    if (limits.low == -infinity && limits.high == infinity && !limits.finite) return;
    const size_t per_env = size_t(info.elements() * info.components), count = per_env * size_t(num_envs());
    for (size_t i = 0; i < count; ++i) {
        const double number = number_at(value, i);
        if (number >= limits.low && number <= limits.high && (!limits.finite || std::isfinite(number))) continue;
        throw std::invalid_argument("field " + info.name + " of world " + std::to_string(i / per_env) +
                                    entry_text(info, i % per_env) + ": got " + number_text(info, number) + ", want " +
                                    limits_text(info));
    }
}

void Batch::check_rules(const std::vector<FieldValue>& values, const std::vector<char>& tiles) {
    if (!has_state_error()) return;
    std::vector<FieldValue> present;
    present.reserve(fields_.size());
    std::map<std::string, const char*> arrays;
    for (const FieldValue& value : values) arrays[value.name] = value.bytes.data();
    for (const FieldInfo& info : fields_)
        if (!info.derived && arrays.count(info.name) == 0) {
            present.push_back(read_field(info, &tiles));
            arrays[info.name] = present.back().bytes.data();
        }
    if (const std::string error = state_error(arrays); !error.empty()) throw std::invalid_argument(error);
}

void Batch::set_fields(const std::vector<FieldValue>& values, const Bindings& bindings) {
    check();
    for (const FieldValue& value : values) check_field(field(value.name), value);
    std::vector<char> tiles = read_tiles();
    check_rules(values, tiles);
    for (const FieldValue& value : values) write_field(field(value.name), value, &tiles);
    memory_->from_host(view_->tiles, tiles.data(), tiles.size());
    launch({Operation::refresh, nullptr, false, 0, 0, &bindings}, {});
}

std::vector<FieldValue> Batch::save() {
    check();
    const std::vector<char> tiles = read_tiles();
    std::vector<FieldValue> saved;
    for (const FieldInfo& info : fields_)
        if (!info.derived && info.elements() > 0) saved.push_back(read_field(info, &tiles));
    FieldValue seed{"seed", DType::uint64, {1}, std::vector<char>(8)};
    memory_->to_host(seed.bytes.data(), &view_->control->seed, 8);
    saved.push_back(std::move(seed));
    return saved;
}

void Batch::restore(const std::vector<FieldValue>& saved, const Bindings& bindings) {
    std::vector<FieldValue> values;
    const FieldValue* seed = nullptr;
    for (const FieldValue& value : saved) {
        if (value.name == "seed")
            seed = &value;
        else
            values.push_back(value);
    }
    for (const FieldInfo& info : fields_) {
        const bool there =
            std::any_of(values.begin(), values.end(), [&](const FieldValue& v) { return v.name == info.name; });
        if (!info.derived && info.elements() > 0 && !there)
            throw std::invalid_argument(
                "state: field " + info.name +
                " is missing; it was saved by another environment, other settings or another version");
    }
    if (!seed || seed->bytes.size() != 8) throw std::invalid_argument("state: the seed is missing");
    set_fields(values, bindings);
    memory_->from_host(&view_->control->seed, seed->bytes.data(), 8);
}

namespace {
/// The field "statistics", on the host.
struct StatisticsView {
    const FieldValue& field;
    double of(int64_t env, int64_t metric, Statistic which) const {
        double value;
        memcpy(&value, field.bytes.data() + ((env * field.shape[1] + metric) * num_statistics + which) * 8, 8);
        return value;
    }
};
/// Sum over worlds in the order of a fixed tree's leaves, so that the result does not depend on where it is computed.
double total_of(const StatisticsView& view, int64_t envs, int64_t metric, Statistic which) {
    std::vector<double> leaves(1024, 0.0);
    for (int64_t env = 0; env < envs; ++env) leaves[size_t(env % 1024)] += view.of(env, metric, which);
    for (size_t width = 512; width >= 1; width /= 2)
        for (size_t i = 0; i < width; ++i) leaves[i] += leaves[i + width];
    return leaves[0];
}
int64_t total_of(const FieldValue& counts) {
    int64_t total = 0;
    for (size_t at = 0; at < counts.bytes.size(); at += 8) {
        int64_t count;
        memcpy(&count, counts.bytes.data() + at, 8);
        total += count;
    }
    return total;
}
}  // namespace

Statistics Batch::statistics(bool clear) {
    Statistics result;
    if (!options_.statistics) return result;
    const FieldValue field = get_field("statistics");
    const StatisticsView view{field};
    const auto count_of = [&](size_t m) { return total_of(view, num_envs(), int64_t(m), count_statistic); };
    result.num_episodes = int64_t(count_of(spaces_.roles.size()));  // a role that nobody played has no return
    result.agent_steps = total_of(get_field("agent_steps"));
    for (size_t m = 0; m < metrics_.size(); ++m) {
        Statistics::Metric metric{metrics_[m]};
        if (const double n = count_of(m); n > 0) {
            metric.mean = total_of(view, num_envs(), int64_t(m), sum_statistic) / n;
            const double variance =
                total_of(view, num_envs(), int64_t(m), square_statistic) / n - metric.mean * metric.mean;
            if (n > 1) metric.standard_error = std::sqrt(std::max(variance, 0.0) / (n - 1));
        }
        result.metrics.push_back(metric);
    }
    if (clear) clear_statistics();
    return result;
}

void Batch::clear_statistics() {
    const FieldInfo& info = field("statistics");
    memory_->zero(bulk_ + info.offset, size_t(num_envs() * info.elements() * info.element_bytes));
    const FieldInfo& steps = field("agent_steps");
    if (steps.elements() == 0) return;
    std::vector<char> tiles = read_tiles();
    write_field(steps, {steps.name, steps.dtype, {}, std::vector<char>(size_t(num_envs()) * 8, 0)}, &tiles);
    memory_->from_host(view_->tiles, tiles.data(), tiles.size());
}

std::map<std::string, std::vector<float>> Batch::first_episodes() {
    if (!options_.statistics)
        throw std::invalid_argument("first_episodes: got a batch without statistics, want one with statistics = true");
    const FieldValue field = get_field("statistics");
    const StatisticsView view{field};
    std::map<std::string, std::vector<float>> result;
    for (size_t m = 0; m < metrics_.size(); ++m) {
        std::vector<float>& values = result[metrics_[m]];
        values.resize(size_t(num_envs()));
        for (size_t env = 0; env < values.size(); ++env) {
            const auto of = [&](Statistic which) { return view.of(int64_t(env), int64_t(m), which); };
            values[env] = of(count_statistic) > 0 ? float(of(first_statistic)) + 0.0f  // not -0
                                                  : std::numeric_limits<float>::quiet_NaN();
        }
    }
    return result;
}

namespace {
/// The float with these bits.
std::string float_text(int64_t bits) {
    const uint32_t word = uint32_t(bits);
    float value;
    memcpy(&value, &word, sizeof value);
    return to_text(double(value));
}
}  // namespace

void Batch::check() {
    memory_->synchronize();
    ActionError error;
    memory_->to_host(&error, &view_->control->error, sizeof error);
    if (error.code == 0) return;
    memory_->zero(&view_->control->error, sizeof error);
    const ActionView& a = view_->actions[error.part];
    std::string want = "one that the action mask allows";
    const auto bound = [&](const float* bounds) {
        float value;
        memory_->to_host(&value, bounds + error.integer, sizeof value);
        return to_text(double(value));
    };
    if (error.code == 1 && a.is_box)
        want = "a number from " + bound(a.low) + " to " + bound(a.high);
    else if (error.code == 1) {
        int n = a.n;
        if (a.n_each) memory_->to_host(&n, a.n_each + error.integer, 4);
        want = "an integer from 0 to " + std::to_string(n - 1);
    }
    throw std::invalid_argument("action of world " + std::to_string(error.env) + ", agent " +
                                std::to_string(error.agent) + " at step " + std::to_string(error.step) + ": got " +
                                (a.is_box ? float_text(error.value) : std::to_string(error.value)) + ", want " + want +
                                " (it counted as " + (a.is_box ? "the nearest bound)" : "0)"));
}

int64_t Batch::minimum_bytes_per_env() const {
    int64_t bytes = 2 * int64_t(view_->world_bytes);
    for (const Tensor& tensor : actions_) bytes += tensor.bytes() / num_envs();
    for (const auto* list : {&observations_, &action_masks_, &outputs_})
        for (const Tensor& tensor : *list) bytes += tensor.bytes() / num_envs();
    return bytes;
}

}  // namespace flockstep
