#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "sim/engine/batch.h"

/// The state of a batch on the host: reading, checking and writing fields, saving and restoring.
namespace flockstep {

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

FieldLocation FieldInfo::location(char* all_bulk) const {
    if (staged) return {nullptr, offset};
    return {all_bulk + offset, elements() * element_bytes};
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
    for (size_t i = 0; i < fields_.size(); ++i) view.state_fields[i] = fields_[i].location(bulk_);
    view_ = &view;
}

const FieldInfo& Batch::field(const std::string& name) const {
    for (const FieldInfo& info : fields_)
        if (info.name == name) return info;
    std::string known;
    for (const FieldInfo& info : fields_) known += (known.empty() ? "" : ", ") + info.name;
    throw std::invalid_argument("field: got " + in_quotes(name) + ", want one of: " + known);
}

void Batch::set_limits(const std::vector<FieldInfo>& fields) {
    for (size_t i = 0; i < fields_.size(); ++i) fields_[i].limits = fields.at(i).limits;
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
/// As a double: exact except for integers beyond 2^53, which limits do not reach.
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
/// ", entry [2, 0]" for the number at index `at` of a world; "" if a world has one number.
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

namespace {
constexpr const char* keys_name = "own_seeds";  // [num_envs, 2]: seed, then the lower half env, the upper all_envs

void check_seeds(const FieldValue& value, const std::vector<int64_t>& want) {
    if (value.dtype != DType::uint64 || value.shape != want)
        throw std::invalid_argument("state: " + value.name + ": got " + name_of(value.dtype) + " " +
                                    shape_text(value.shape) + ", want uint64 " + shape_text(want));
}
}  // namespace
StreamKey Batch::key_of(uint64_t seed, int64_t env) const {
    return {seed, uint32_t(view_->first_env + env), uint32_t(view_->all_envs)};
}
std::vector<StreamKey> Batch::read_keys() {
    std::vector<StreamKey> keys(static_cast<size_t>(num_envs()));
    if (uses_keys_) {
        memory_->to_host(keys.data(), keys_->data(), keys.size() * sizeof(StreamKey));
        return keys;
    }
    uint64_t seed;
    memory_->to_host(&seed, &view_->control->seed, sizeof seed);
    for (size_t env = 0; env < keys.size(); ++env) keys[env] = key_of(seed, int64_t(env));
    return keys;
}
void Batch::write_keys(const std::vector<StreamKey>& keys) {
    const size_t bytes = keys.size() * sizeof(StreamKey);
    if (!keys_) keys_.emplace(*memory_, bytes, "the seeds of " + std::to_string(num_envs()) + " worlds");
    memory_->from_host(keys_->data(), keys.data(), bytes);
    const void* address = keys_->data();
    memory_->from_host(&view_->control->keys, &address, sizeof address);
    uses_keys_ = true;
}
void Batch::clear_keys() {
    if (!uses_keys_) return;
    const void* none = nullptr;
    memory_->from_host(&view_->control->keys, &none, sizeof none);
    uses_keys_ = false;
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
    if (uses_keys_) {
        const std::vector<StreamKey> keys = read_keys();
        FieldValue value{keys_name, DType::uint64, {num_envs(), 2}, std::vector<char>(keys.size() * sizeof keys[0])};
        memcpy(value.bytes.data(), keys.data(), value.bytes.size());
        saved.push_back(std::move(value));
    }
    return saved;
}

void Batch::restore(const std::vector<FieldValue>& saved, const Bindings& bindings) {
    std::vector<FieldValue> values;
    const FieldValue *seed = nullptr, *own_seeds = nullptr;
    for (const FieldValue& value : saved) {
        if (value.name == "seed")
            seed = &value;
        else if (value.name == keys_name)
            own_seeds = &value;
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
    if (!seed) throw std::invalid_argument("state: the seed is missing");
    check_seeds(*seed, {1});
    std::vector<StreamKey> keys(own_seeds ? size_t(num_envs()) : 0);
    if (own_seeds) check_seeds(*own_seeds, {num_envs(), 2});
    if (own_seeds) memcpy(keys.data(), own_seeds->bytes.data(), keys.size() * sizeof keys[0]);
    set_fields(values, bindings);
    memory_->from_host(&view_->control->seed, seed->bytes.data(), 8);
    own_seeds ? write_keys(keys) : clear_keys();
}

}  // namespace flockstep
