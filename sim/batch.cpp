#include "sim/batch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace flockstep {

namespace {
const char* const row_names[] = {"reward", "terminated", "truncated", "active", "acts", "episode_start"};

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
        return role.action.size() == 1 && role.action[0].kind == ActionPart::Kind::discrete;
    });
}

const Tensor& Batch::output(const std::string& name) const {
    for (const Tensor& tensor : outputs_)
        if (tensor.name == name) return tensor;
    throw std::invalid_argument(environment_ + ": output " + in_quotes(name) + " is not written; add it to outputs");
}

void Batch::refuse_unknown_outputs() const {
    std::vector<std::string> known;
    for (const Role& role : spaces_.roles)
        for (const ObservationPart& part : role.observation) known.push_back(qualified(role, part.name));
    known.insert(known.end(), std::begin(row_names), std::end(row_names));
    known.push_back("action_mask");
    for (const std::string& name : options_.outputs) {
        const bool is_known = std::any_of(known.begin(), known.end(), [&](const std::string& each) {
            return each == name || each.ends_with("." + name) || name.starts_with("action_mask.");
        });
        if (is_known) continue;
        std::string list;
        for (const std::string& each : known) list += (list.empty() ? "" : ", ") + each;
        throw std::invalid_argument("outputs: got " + in_quotes(name) + ", want some of: " + list);
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
    int action_part = 0;
    for (const Role& role : spaces_.roles) {
        RoleView& r = view.roles[view.num_roles];
        r = {role.first, role.count, view.num_parts, 0};
        for (const ObservationPart& part : role.observation) add_part(view, role, view.num_roles, part, -1);
        for (const ActionPart& part : role.action) {
            if (spaces_.has_action_mask && part.kind != ActionPart::Kind::box) {
                ObservationPart mask{"action_mask", DType::uint8, {choices_of(part)}, {0}, {1}, true, DType::uint8};
                if (role.action.size() > 1) mask.name += "." + part.name;
                add_part(view, role, view.num_roles, mask, action_part);
            }
            ++action_part;
        }
        r.last_part = view.num_parts;
        ++view.num_roles;
    }
    for (const auto& [name, dtype] : options_.dtypes) {
        const bool exists =
            name == "*" || std::any_of(observations_.begin(), observations_.end(), [&name = name](const Tensor& t) {
                return t.name == name || t.name.ends_with("." + name);
            });
        if (!exists)
            throw std::invalid_argument("dtypes: got " + in_quotes(name) + ", which is no observation part of " +
                                        environment_);
    }
    refuse_unknown_outputs();
    uint8_t** const flags[] = {&view.terminated, &view.truncated, &view.active, &view.acts, &view.episode_start};
    const int64_t rows = num_envs() * num_agents();
    for (int i = 0; i < 6; ++i) {
        if (!is_wanted(row_names[i])) continue;
        Tensor tensor{row_names[i], nullptr, i == 0 ? DType::float32 : DType::uint8, {num_envs(), num_agents()}};
        tensor.data = allocate(rows * size_of(tensor.dtype), tensor.name);
        if (i == 0)
            view.reward = static_cast<float*>(tensor.data);
        else
            *flags[i - 1] = static_cast<uint8_t*>(tensor.data);
        outputs_.push_back(tensor);
    }
    add_actions(view);
}

void Batch::add_part(EngineCommon& view, const Role& role, int role_index, const ObservationPart& part, int mask_of) {
    if (view.num_parts == max_parts)
        throw std::invalid_argument(environment_ + ": more than 24 observation parts and masks");
    PartView& p = view.parts[view.num_parts++];
    p = {};
    p.written = part.written, p.dtype = part.dtype;
    p.mask_of = mask_of, p.role = role_index, p.first = role.first, p.count = role.count, p.elements = part.elements();
    if (mask_of < 0)
        for (const auto& [name, dtype] : options_.dtypes)
            if (name == "*" || name == part.name || name == qualified(role, part.name)) p.dtype = dtype;
    p.agent_bytes = p.elements * size_of(p.dtype), p.env_bytes = int64_t(p.count) * p.agent_bytes;
    if (part.written == DType::float32 && size_of(p.dtype) == 1)
        throw std::invalid_argument("dtypes: got " + std::string(name_of(p.dtype)) + " for " + part.name +
                                    ", want float32 or bfloat16");
    if (!part.enabled || !(is_wanted(part.name) || is_wanted(qualified(role, part.name)))) return;
    Tensor tensor{qualified(role, part.name), nullptr, p.dtype, with_leading({num_envs(), role.count}, part.shape)};
    tensor.data = allocate(tensor.bytes(), tensor.name);
    p.output = static_cast<char*>(tensor.data);
    own_output_[view.num_parts - 1] = tensor.data;
    (mask_of < 0 ? observations_ : action_masks_).push_back(tensor);
    if (mask_of >= 0 || options_.final_observation == FinalObservation::none) return;
    tensor.data = allocate(tensor.bytes(), "final_observation." + tensor.name);
    p.final_output = static_cast<char*>(tensor.data);
    final_observations_.push_back(tensor);
}

void Batch::add_actions(EngineCommon& view) {
    const bool one = has_one_action_tensor();
    if (one) {
        Tensor tensor{"action", nullptr, DType::int32, {num_envs(), num_agents()}};
        tensor.data = allocate(tensor.bytes(), "actions");
        actions_.push_back(tensor);
    }
    int offset = 0;
    for (const Role& role : spaces_.roles) {
        for (const ActionPart& part : role.action) {
            if (view.num_action_parts == max_action_parts)
                throw std::invalid_argument(environment_ + ": more than 8 action parts");
            const int p = view.num_action_parts++;
            ActionView& a = view.actions[p];
            a = {};
            a.first = role.first, a.count = role.count, a.size = part.size;
            a.is_box = part.kind == ActionPart::Kind::box;
            a.n = a.is_box ? 0 : part.n[0], a.low = part.low, a.high = part.high;
            if (part.kind == ActionPart::Kind::multi_discrete) {
                void* table = allocate(int64_t(part.n.size()) * 4, "choices of " + part.name);
                memory_->from_host(table, part.n.data(), part.n.size() * 4);
                a.n_each = static_cast<const int*>(table);
            }
            if (!one) {
                Tensor tensor{qualified(role, part.name),
                              nullptr,
                              a.is_box ? DType::float32 : DType::int32,
                              {num_envs(), role.count}};
                if (part.kind != ActionPart::Kind::discrete) tensor.shape.push_back(part.size);
                tensor.data = allocate(tensor.bytes(), "actions " + tensor.name);
                actions_.push_back(tensor);
            }
            a.input = one ? static_cast<int32_t*>(actions_[0].data) + role.first : actions_.back().data;
            a.env_stride = one ? num_agents() : int64_t(role.count) * part.size;
            view.action_offset[p] = offset, view.action_first[p] = role.first, view.action_size[p] = part.size;
            offset += role.count * part.size;
        }
    }
    view.action_words = offset;
}

void Batch::use_actions(int action, const void* data, DType dtype) {
    const Tensor& own = actions_.at(size_t(action));
    const bool fits = dtype == own.dtype || (own.dtype == DType::int32 && dtype == DType::int64);
    if (!fits)
        throw std::invalid_argument("action " + own.name + ": got " + name_of(dtype) + ", want " + name_of(own.dtype) +
                                    (own.dtype == DType::int32 ? " or int64" : ""));
    const bool one = has_one_action_tensor();
    for (int p = one ? 0 : action; p < (one ? view_->num_action_parts : action + 1); ++p) {
        ActionView& a = view_->actions[p];
        a.is_int64 = data && dtype == DType::int64;
        a.input = static_cast<const char*>(data ? data : own.data) + (one ? a.first * (a.is_int64 ? 8 : 4) : 0);
    }
}

void Batch::redirect(const std::string& output, void* data) {
    for (int p = 0; p < view_->num_parts; ++p) {
        PartView& part = view_->parts[p];
        for (const auto* list : {&observations_, &action_masks_})
            for (const Tensor& tensor : *list) {
                if (tensor.name != output || !part.wanted() || tensor.data != own_output_[p]) continue;
                part.output = static_cast<char*>(data ? data : tensor.data);
                return;
            }
    }
    const Tensor& own = this->output(output);
    void* target = data ? data : own.data;
    if (own.name == "reward") view_->reward = static_cast<float*>(target);
    uint8_t** const flags[] = {&view_->terminated, &view_->truncated, &view_->active, &view_->acts,
                               &view_->episode_start};
    for (int i = 1; i < 6; ++i)
        if (own.name == row_names[i]) *flags[i - 1] = static_cast<uint8_t*>(target);
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

void Batch::reset(uint64_t seed, Stream stream) {
    memory_->from_host(&view_->control->seed, &seed, sizeof seed);
    launch({Operation::reset, nullptr, true, 0, 0}, stream);
}
void Batch::reset(const uint8_t* mask, Stream stream) { launch({Operation::reset, mask, false, 0, 0}, stream); }
void Batch::step(Stream stream) { launch({Operation::step, nullptr, false, 0, 0}, stream); }
void Batch::act(int policy, uint32_t draw, Stream stream) {
    launch({Operation::act, nullptr, false, policy, draw}, stream);
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
    FieldValue value{info.name, info.dtype, {num_envs()}, {}};
    value.shape.insert(value.shape.end(), info.counts.begin(), info.counts.end());
    if (info.components > 1) value.shape.push_back(info.components);
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

void Batch::set_fields(const std::vector<FieldValue>& values) {
    check();
    std::vector<const FieldInfo*> infos;
    for (const FieldValue& value : values) {
        const FieldInfo& info = field(value.name);
        std::vector<int64_t> want{num_envs()};
        want.insert(want.end(), info.counts.begin(), info.counts.end());
        if (info.components > 1) want.push_back(info.components);
        const size_t bytes = size_t(num_envs() * info.elements() * info.element_bytes);
        if (value.dtype != info.dtype || value.shape != want || value.bytes.size() != bytes)
            throw std::invalid_argument("field " + info.name + ": got " + name_of(value.dtype) + " " +
                                        shape_text(value.shape) + ", want " + name_of(info.dtype) + " " +
                                        shape_text(want));
        infos.push_back(&info);
    }
    std::vector<char> tiles = read_tiles();
    for (size_t i = 0; i < values.size(); ++i) write_field(*infos[i], values[i], &tiles);
    memory_->from_host(view_->tiles, tiles.data(), tiles.size());
    launch({Operation::refresh, nullptr, false, 0, 0}, {});
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

void Batch::restore(const std::vector<FieldValue>& saved) {
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
    set_fields(values);
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
    const double n = total_of(view, num_envs(), 0, count_statistic);
    result.num_episodes = int64_t(n);
    result.agent_steps = total_of(get_field("agent_steps"));
    for (size_t m = 0; m < metrics_.size(); ++m) {
        Statistics::Metric metric{metrics_[m]};
        if (n > 0) {
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

void Batch::check() {
    memory_->synchronize();
    ActionError error;
    memory_->to_host(&error, &view_->control->error, sizeof error);
    if (error.code == 0) return;
    memory_->zero(&view_->control->error, sizeof error);
    const ActionView& a = view_->actions[error.part];
    std::string want = "one that the action mask allows";
    if (error.code == 1 && a.is_box)
        want = "a number from " + to_text(double(a.low)) + " to " + to_text(double(a.high));
    else if (error.code == 1) {
        int n = a.n;
        if (a.n_each) memory_->to_host(&n, a.n_each + error.integer, 4);
        want = "an integer from 0 to " + std::to_string(n - 1);
    }
    throw std::invalid_argument("action of world " + std::to_string(error.env) + ", agent " +
                                std::to_string(error.agent) + " at step " + std::to_string(error.step) + ": got " +
                                std::to_string(error.value) + ", want " + want + " (it counted as " +
                                (a.is_box ? "the nearest bound)" : "0)"));
}

int64_t Batch::minimum_bytes_per_env() const {
    int64_t bytes = 2 * int64_t(view_->world_bytes);
    for (const Tensor& tensor : actions_) bytes += tensor.bytes() / num_envs();
    for (const auto* list : {&observations_, &action_masks_, &outputs_})
        for (const Tensor& tensor : *list) bytes += tensor.bytes() / num_envs();
    return bytes;
}

}  // namespace flockstep
