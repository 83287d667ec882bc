#include "envs/driving/pool_file.h"

#include <bit>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include "io/atomic_file.h"
#include "io/quote.h"

namespace flockstep::driving {

static_assert(std::endian::native == std::endian::little, "pools are little endian");

namespace {

constexpr char magic[16] = "flockstep pool\n";
constexpr int num_arrays = 20;  // info, first and items of nine ragged arrays, note
constexpr int64_t alignment = 64;
constexpr const char* array_names[num_arrays] = {"info",  "agent.first",       "agent",       "state.first",
                                                 "state", "valid.first",       "valid",       "box.first",
                                                 "box",   "road.first",        "road",        "light.first",
                                                 "light", "light_state.first", "light_state", "name.first",
                                                 "name",  "scenario_id.first", "scenario_id", "note"};

struct ArrayEntry {
    int64_t offset, count;
    uint64_t item_bytes, hash;
};
struct Header {
    char magic[16];
    uint32_t version, header_bytes;
    uint64_t hash;  // of this header, with 0 here
    uint64_t key;
    int64_t file_bytes;
    ArrayEntry arrays[num_arrays];
};

constexpr size_t chunk_bytes = size_t{1} << 20;

uint64_t mixed(uint64_t h) {
    h = (h ^ h >> 32) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 29) * 0xBF58476D1CE4E5B9u;
    return h ^ h >> 32;
}

/// Four lanes of multiply and rotate, then the tail byte by byte.
uint64_t hash_of_chunk(const char* data, size_t size) {
    uint64_t lane[4] = {size, size + 1, size + 2, size + 3};
    size_t at = 0;
    for (; at + 32 <= size; at += 32)
        for (size_t k = 0; k < 4; ++k) {
            uint64_t word;
            std::memcpy(&word, data + at + 8 * k, 8);
            lane[k] = std::rotl((lane[k] ^ word) * 0x9E3779B97F4A7C15u, 29);
        }
    uint64_t hash = size;
    for (const uint64_t each : lane) hash = mixed(hash ^ each);
    for (; at < size; ++at) hash = mixed(hash ^ uint8_t(data[at]));
    return hash;
}

uint64_t hash_of_header(Header header) {
    header.hash = 0;
    return hash_of_chunk(reinterpret_cast<const char*>(&header), sizeof header);
}

std::string_view bytes_of(const auto* items, size_t count) {
    return {reinterpret_cast<const char*>(items), count * sizeof *items};
}
std::string_view bytes_of(const auto& items) { return bytes_of(items.data(), items.size()); }

/// Reads the arrays of a mapped file in the order of their table.
class Reader {
  public:
    Reader(const std::string& path, Loader& loader) : path_(path_text(path)), loader_(loader) {
        file_ = loader.map<uint8_t>(path);
        if (file_.size() < int64_t(sizeof header_)) refuse(std::to_string(file_.size()) + " bytes", "a pool of scenes");
        std::memcpy(&header_, file_.data(), sizeof header_);
        if (std::memcmp(header_.magic, magic, sizeof magic) != 0) refuse("a file of another kind", "a pool of scenes");
        if (header_.version != pool_file_version || header_.header_bytes != sizeof header_)
            refuse("version " + std::to_string(header_.version), "version " + std::to_string(pool_file_version));
        if (header_.file_bytes != file_.size())
            refuse(std::to_string(file_.size()) + " bytes",
                   std::to_string(header_.file_bytes) + ", as its header says");
        if (hash_of_header(header_) != header_.hash) refuse("a damaged header", "the bytes that were written");
    }
    template <class T>
    View<T> array() {
        const ArrayEntry& entry = header_.arrays[next_];
        const std::string name = path_ + ": " + array_names[next_++];
        if (entry.item_bytes != sizeof(T))
            throw std::invalid_argument(name + ": got items of " + std::to_string(entry.item_bytes) + " bytes, want " +
                                        std::to_string(sizeof(T)));
        const View<T> items = loader_.part<T>(file_, entry.offset, entry.count, name);
        const uint64_t hash = items.empty() ? hash_of("") : hash_of(bytes_of(items.data(), size_t(items.size())));
        if (hash != entry.hash)
            throw std::invalid_argument(name + ": got damaged items, want the bytes that were written");
        return items;
    }
    template <class T>
    Ragged<T> rows(int64_t num_scenes) {
        const std::string name = path_ + ": " + array_names[next_];
        const View<int64_t> first = array<int64_t>();
        const View<T> items = array<T>();
        if (first.size() != num_scenes + 1)
            throw std::invalid_argument(name + ": got " + std::to_string(first.size()) + " items, want " +
                                        std::to_string(num_scenes + 1));
        return make_ragged(first, items, name);
    }
    uint64_t key() const { return header_.key; }
    [[noreturn]] void refuse(const std::string& got, const std::string& want) const {
        throw std::invalid_argument(path_ + ": got " + got + ", want " + want);
    }

  private:
    std::string path_;
    Loader& loader_;
    View<uint8_t> file_;
    Header header_;
    int next_ = 0;
};

/// Throws unless each scene's rows are as long as its info says, and its types are known.
void check_scenes(const ScenePool& pool, const Reader& reader) {
    for (int64_t k = 0; k < pool.size(); ++k) {
        const SceneInfo& info = pool.info[k];
        const auto fits = [](int64_t count, int64_t wanted) { return count == wanted; };
        const int64_t agents = info.num_agents, frames = info.num_frames, lights = info.num_lights;
        const bool is_sound = agents >= 0 && frames >= 0 && lights >= 0 && info.num_boxes >= 0 &&
                              fits(pool.agent.count(k), agents) && fits(pool.state.count(k), frames * agents) &&
                              fits(pool.valid.count(k), frames * ((agents + 31) / 32)) &&
                              fits(pool.box.count(k), info.num_boxes) && fits(pool.road.count(k), info.num_boxes) &&
                              fits(pool.light.count(k), lights) && fits(pool.light_state.count(k), frames * lights);
        if (!is_sound)
            reader.refuse("a scene " + std::to_string(k) + " whose arrays do not fit its counts", "equal counts");
        bool is_known = true;
        for (int i = 0; i < pool.agent.count(k); ++i) is_known &= pool.agent.row(k)[i].type <= AgentType::other;
        for (int i = 0; i < pool.road.count(k); ++i) is_known &= pool.road.row(k)[i].type <= RoadType::driveway;
        for (int i = 0; i < pool.light_state.count(k); ++i)
            is_known &= pool.light_state.row(k)[i] <= LightState::flashing_caution;
        if (!is_known) reader.refuse("a scene " + std::to_string(k) + " with a type out of range", "known types");
    }
}

}  // namespace

uint64_t hash_of(std::string_view bytes) {
    const int64_t chunks = int64_t((bytes.size() + chunk_bytes - 1) / chunk_bytes);
    std::vector<uint64_t> hashes(static_cast<size_t>(chunks));
#pragma omp parallel for schedule(static) if (chunks > 8)
    for (int64_t k = 0; k < chunks; ++k) {
        const std::string_view chunk = bytes.substr(size_t(k) * chunk_bytes, chunk_bytes);
        hashes[size_t(k)] = hash_of_chunk(chunk.data(), chunk.size());
    }
    const std::string_view all = bytes_of(hashes);
    return hash_of_chunk(all.data(), all.size());
}

void PoolBuilder::add(PackedScene&& scene) {
    info_.push_back(scene.info);
    agent_.add(scene.agents), state_.add(scene.states), valid_.add(scene.valid), box_.add(scene.boxes);
    road_.add(scene.roads), light_.add(scene.lights), light_state_.add(scene.light_states);
    name_.add(scene.name), scenario_id_.add(scene.scenario_id);
    scene = {};
}

ScenePool PoolBuilder::keep(Loader& loader) {
    const auto rows = [&](auto& rows) {
        auto first = loader.keep(std::move(rows.first));
        rows.first = {0};
        return make_ragged(first, loader.keep(std::move(rows.items)), "scenes");
    };
    ScenePool pool;
    pool.info = loader.keep(std::move(info_));
    pool.agent = rows(agent_), pool.state = rows(state_), pool.valid = rows(valid_), pool.box = rows(box_);
    pool.road = rows(road_), pool.light = rows(light_), pool.light_state = rows(light_state_);
    pool.name = rows(name_), pool.scenario_id = rows(scenario_id_);
    return pool;
}

template <class F>
void PoolBuilder::each_array(F f) const {
    const auto rows = [&](const auto& rows) { f(rows.first), f(rows.items); };
    f(info_), rows(agent_), rows(state_), rows(valid_), rows(box_), rows(road_), rows(light_), rows(light_state_);
    rows(name_), rows(scenario_id_);
}

/// A file as its header and the views that follow it.
struct PoolBuilder::Pieces {
    Header header{};
    std::vector<std::string_view> rest;
};

PoolBuilder::Pieces PoolBuilder::pieces(uint64_t key, const std::string& note) const {
    static constexpr char zeros[alignment] = {};
    Pieces out;
    Header& header = out.header;
    std::memcpy(header.magic, magic, sizeof magic);
    header.version = pool_file_version, header.header_bytes = sizeof header, header.key = key;
    int64_t at = sizeof header;
    int k = 0;
    const auto add = [&](const auto& items) {
        const int64_t gap = (alignment - at % alignment) % alignment;
        const std::string_view bytes = bytes_of(items);
        out.rest.emplace_back(zeros, size_t(gap));
        out.rest.push_back(bytes);
        header.arrays[k++] = {at + gap, int64_t(items.size()), sizeof(items[0]), hash_of(bytes)};
        at += gap + int64_t(bytes.size());
    };
    each_array(add), add(note);
    header.file_bytes = at, header.hash = hash_of_header(header);
    return out;
}

void PoolBuilder::write(const std::string& path, uint64_t key, const std::string& note) const {
    Pieces parts = pieces(key, note);
    parts.rest.insert(parts.rest.begin(), {reinterpret_cast<const char*>(&parts.header), sizeof parts.header});
    write_file(path, parts.rest);
}

ScenePool map_pool(const std::string& path, Loader& loader, PoolFileInfo* info) {
    Reader reader(path, loader);
    ScenePool pool;
    pool.info = reader.array<SceneInfo>();
    const int64_t n = pool.info.size();
    pool.agent = reader.rows<LoggedAgent>(n), pool.state = reader.rows<LoggedState>(n);
    pool.valid = reader.rows<uint32_t>(n), pool.box = reader.rows<RoadBox>(n), pool.road = reader.rows<RoadInfo>(n);
    pool.light = reader.rows<TrafficLight>(n), pool.light_state = reader.rows<LightState>(n);
    pool.name = reader.rows<char>(n), pool.scenario_id = reader.rows<char>(n);
    const View<char> note = reader.array<char>();
    check_scenes(pool, reader);
    if (info) *info = {reader.key(), note.empty() ? "" : std::string(note.data(), size_t(note.size()))};
    return pool;
}

void seal_pool(std::string& bytes) {
    Header header;
    if (bytes.size() < sizeof header) return;
    std::memcpy(&header, bytes.data(), sizeof header);
    for (ArrayEntry& entry : header.arrays) {
        const int64_t size = int64_t(bytes.size());
        if (entry.offset < 0 || entry.offset > size || entry.count < 0 || entry.item_bytes == 0) continue;
        if (entry.item_bytes > bytes.size() || entry.count > (size - entry.offset) / int64_t(entry.item_bytes))
            continue;
        entry.hash =
            hash_of(std::string_view(bytes).substr(size_t(entry.offset), size_t(entry.count) * entry.item_bytes));
    }
    header.hash = hash_of_header(header);
    std::memcpy(bytes.data(), &header, sizeof header);
}

uint64_t key_of_pool(const std::string& path) {
    Header header{};
    std::ifstream file(path, std::ios::binary);
    if (!file.read(reinterpret_cast<char*>(&header), sizeof header)) return 0;
    const bool is_pool = std::memcmp(header.magic, magic, sizeof magic) == 0 && header.version == pool_file_version;
    return is_pool ? header.key : 0;
}

}  // namespace flockstep::driving
