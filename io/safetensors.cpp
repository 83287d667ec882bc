#include "io/safetensors.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <tuple>

#include "io/atomic_file.h"
#include "io/json.h"
#include "io/quote.h"

namespace flockstep {

namespace {
uint64_t bytes_of(const std::string& dtype) {
    static const std::map<std::string, uint64_t> known{{"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"I16", 2}, {"U16", 2},
                                                       {"F16", 2},  {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},
                                                       {"I64", 8},  {"U64", 8},  {"F64", 8}};
    const auto found = known.find(dtype);
    if (found == known.end())
        throw std::invalid_argument("it holds an array of type " + escaped(dtype) +
                                    ", which is none that Flockstep writes");
    return found->second;
}

std::string shape_text(const std::vector<int64_t>& shape) { return Json(shape).dump(-1); }

std::string header_of(const std::map<std::string, std::string>& metadata, const std::vector<SafetensorsView>& arrays) {
    Json header;
    header["__metadata__"] = metadata;
    size_t at = 0;
    for (const SafetensorsView& array : arrays) {
        header[array.name] = {
            {"dtype", array.dtype}, {"shape", array.shape}, {"data_offsets", {at, at + array.bytes.size()}}};
        at += array.bytes.size();
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // so that the arrays are aligned
    return text;
}

/// A file that is read piece by piece.
class Reader {
  public:
    explicit Reader(const std::string& path) : stream_(path, std::ios::binary) {
        std::error_code error;
        size_ = std::filesystem::file_size(path, error);
        if (error) throw std::invalid_argument("it cannot be read: " + error.message());
    }
    uint64_t size() const { return size_; }
    void read(uint64_t at, char* to, uint64_t bytes) {
        if (!stream_.seekg(std::streamoff(at)).read(to, std::streamsize(bytes)))
            throw std::invalid_argument(std::string("it cannot be read: ") + strerror(errno));
    }

  private:
    std::ifstream stream_;
    uint64_t size_ = 0;
};

/// Unlike Json it is sorted by key, so that a header with a million keys is parsed in n log n.
using Header = nlohmann::json;

/// An array's entry in the header; `begin` and `end` count from the end of the header.
struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    uint64_t begin, end;
};

uint64_t whole_number(const Header& json, const std::string& name) {
    if (!json.is_number_unsigned() || json.get<uint64_t>() > uint64_t{1} << 62)
        throw std::invalid_argument("the entry of " + escaped(name) + " in its header is malformed");
    return json.get<uint64_t>();
}

Entry read_entry(const std::string& name, const Header& json, uint64_t data_bytes) {
    Entry entry{name, json.at("dtype"), {}, 0, 0};
    entry.begin = whole_number(json.at("data_offsets").at(0), name);
    entry.end = whole_number(json.at("data_offsets").at(1), name);
    if (entry.begin > entry.end || entry.end > data_bytes)
        throw std::invalid_argument("it ends before the array " + escaped(name) + " does: the file is cut short");
    uint64_t numbers = 1;
    for (const Header& size : json.at("shape")) {
        const uint64_t n = whole_number(size, name);
        if (n > 0 && numbers > data_bytes / n)
            throw std::invalid_argument("the shape of " + escaped(name) + " is impossible");
        numbers *= n;
        entry.shape.push_back(int64_t(n));
    }
    if (numbers * bytes_of(entry.dtype) != entry.end - entry.begin)
        throw std::invalid_argument("the shape " + shape_text(entry.shape) + " of " + escaped(name) +
                                    " does not fit its " + std::to_string(entry.end - entry.begin) + " bytes");
    return entry;
}

Header read_header(Reader& file, uint64_t& first) {
    if (file.size() < 8)
        throw std::invalid_argument("it has " + std::to_string(file.size()) + " bytes, too few for a safetensors file");
    uint64_t bytes = 0;
    file.read(0, reinterpret_cast<char*>(&bytes), 8);
    if (bytes > (uint64_t{1} << 40)) throw std::invalid_argument("it is no safetensors file");
    if (bytes > file.size() - 8)
        throw std::invalid_argument("it ends within its header: the file is cut short, or no safetensors file");
    if (bytes > max_safetensors_header)
        throw std::invalid_argument("its header has " + std::to_string(bytes) + " bytes, want at most " +
                                    std::to_string(max_safetensors_header));
    std::string text(bytes, ' ');
    file.read(8, text.data(), bytes);
    constexpr int levels = 3;  // entries, their fields, lists of numbers
    Header header = parse_json<Header>(text, levels);
    if (!header.is_object())
        throw std::invalid_argument("its header is not JSON: it is damaged, or no safetensors file");
    first = 8 + bytes;
    return header;
}

/// Entries in the order of their data. Checks that every byte belongs to exactly one array.
std::vector<Entry> read_entries(const Header& header, uint64_t data_bytes) {
    std::vector<Entry> entries;
    for (const auto& [name, json] : header.items())
        if (name != "__metadata__") entries.push_back(read_entry(name, json, data_bytes));
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
    uint64_t at = 0;
    for (const Entry& entry : entries) {
        if (entry.begin != at)
            throw std::invalid_argument("the array " + escaped(entry.name) + " begins at byte " +
                                        std::to_string(entry.begin) + " of the data, want " + std::to_string(at) +
                                        ", where the one before it ends");
        at = entry.end;
    }
    if (at != data_bytes)
        throw std::invalid_argument("it has " + std::to_string(data_bytes - at) + " bytes after its last array");
    return entries;
}

Safetensors read_all(const std::string& path, const ArrayFilter& wants) {
    Reader file(path);
    uint64_t first = 0;
    const Header header = read_header(file, first);
    Safetensors result;
    if (const auto metadata = header.find("__metadata__"); metadata != header.end())
        result.metadata = metadata->get<std::map<std::string, std::string>>();
    for (Entry& entry : read_entries(header, file.size() - first)) {
        if (wants && !wants(entry.name)) continue;
        std::vector<char> bytes(entry.end - entry.begin);
        file.read(first + entry.begin, bytes.data(), bytes.size());
        result.arrays.push_back(
            {std::move(entry.name), std::move(entry.dtype), std::move(entry.shape), std::move(bytes)});
    }
    return result;
}
}  // namespace

Safetensors read_safetensors(const std::string& path, const ArrayFilter& wants) {
    try {
        return read_all(path, wants);
    } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument(path_text(path) + ": an entry of its header is malformed");
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(path_text(path) + ": " + error.what());
    }
}

void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::vector<SafetensorsView>& arrays, const std::string& previous) {
    const std::string header = header_of(metadata, arrays);
    if (header.size() > max_safetensors_header)
        throw std::runtime_error(path + ": its header would have " + std::to_string(header.size()) +
                                 " bytes, at most " + std::to_string(max_safetensors_header) + " can be read back");
    const uint64_t header_bytes = header.size();
    std::vector<std::string_view> pieces{{reinterpret_cast<const char*>(&header_bytes), 8}, header};
    for (const SafetensorsView& array : arrays) pieces.push_back(array.bytes);
    write_file(path, pieces, previous);
}

}  // namespace flockstep
