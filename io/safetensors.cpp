#include "io/safetensors.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

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

/// Whole numbers; a number with a fraction or an exponent would be converted, to anything where it is too large.
template <class T>
std::vector<T> integers_of(const Json& list) {
    std::vector<T> integers;
    if (!list.is_array()) throw std::invalid_argument("an entry of its header is malformed");
    for (const Json& number : list) {
        if (!number.is_number_integer()) throw std::invalid_argument("an entry of its header is malformed");
        integers.push_back(number.get<T>());
    }
    return integers;
}

/// `first`: where the arrays begin in the file.
Safetensors::Array read_array(const std::string& name, const Json& entry, Reader& file, uint64_t first) {
    const uint64_t data_bytes = file.size() - first;
    Safetensors::Array array{name, entry.at("dtype"), integers_of<int64_t>(entry.at("shape")), {}};
    const auto offsets = integers_of<uint64_t>(entry.at("data_offsets"));
    if (offsets.size() != 2) throw std::invalid_argument("an entry of its header is malformed");
    const uint64_t begin = offsets[0], end = offsets[1];
    if (begin > end || end > data_bytes)
        throw std::invalid_argument("it ends before the array " + escaped(name) + " does: the file is cut short");
    uint64_t numbers = 1;
    for (const int64_t n : array.shape) {
        if (n < 0 || (n > 0 && numbers > data_bytes / uint64_t(n)))
            throw std::invalid_argument("the shape of " + escaped(name) + " is impossible");
        numbers *= uint64_t(n);
    }
    if (numbers * bytes_of(array.dtype) != end - begin)
        throw std::invalid_argument("the shape " + escaped(shape_text(array.shape)) + " of " + escaped(name) +
                                    " does not fit its " + std::to_string(end - begin) + " bytes");
    array.bytes.resize(end - begin);
    file.read(first + begin, array.bytes.data(), end - begin);
    return array;
}

Json read_header(Reader& file, uint64_t& first) {
    if (file.size() < 8)
        throw std::invalid_argument("it has " + std::to_string(file.size()) + " bytes, too few for a safetensors file");
    uint64_t bytes = 0;
    file.read(0, reinterpret_cast<char*>(&bytes), 8);
    if (bytes > (uint64_t{1} << 40)) throw std::invalid_argument("it is no safetensors file");
    if (bytes > file.size() - 8)
        throw std::invalid_argument("it ends within its header: the file is cut short, or no safetensors file");
    std::string text(bytes, ' ');
    file.read(8, text.data(), bytes);
    constexpr int levels = 3;  // entries, their fields, lists of numbers
    Json header = parse_json(text, levels);
    if (!header.is_object())
        throw std::invalid_argument("its header is not JSON: it is damaged, or no safetensors file");
    first = 8 + bytes;
    return header;
}

Safetensors read_all(const std::string& path) {
    Reader file(path);
    uint64_t first = 0;
    const Json header = read_header(file, first);
    Safetensors result;
    for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__")
            result.metadata = entry.get<std::map<std::string, std::string>>();
        else
            result.arrays.push_back(read_array(name, entry, file, first));
    }
    return result;
}
}  // namespace

Safetensors read_safetensors(const std::string& path) {
    try {
        return read_all(path);
    } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument(path_text(path) + ": an entry of its header is malformed");
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(path_text(path) + ": " + error.what());
    }
}

void write_safetensors(const std::string& path, const std::map<std::string, std::string>& metadata,
                       const std::vector<SafetensorsView>& arrays) {
    const std::string header = header_of(metadata, arrays);
    const uint64_t header_bytes = header.size();
    std::vector<std::string_view> pieces{{reinterpret_cast<const char*>(&header_bytes), 8}, header};
    for (const SafetensorsView& array : arrays) pieces.push_back(array.bytes);
    write_file(path, pieces);
}

}  // namespace flockstep
