#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>

#include "io/atomic_file.h"
#include "trainer/checkpoint.h"

namespace flockstep {

namespace {
using Json = nlohmann::ordered_json;

struct TypeName {
    DType dtype;
    const char* name;
};
constexpr TypeName type_names[] = {{DType::uint8, "U8"},    {DType::int8, "I8"},    {DType::bfloat16, "BF16"},
                                   {DType::float32, "F32"}, {DType::int16, "I16"},  {DType::uint16, "U16"},
                                   {DType::int32, "I32"},   {DType::uint32, "U32"}, {DType::int64, "I64"},
                                   {DType::uint64, "U64"},  {DType::float64, "F64"}};

const char* type_name(DType dtype) {
    for (const TypeName& type : type_names)
        if (type.dtype == dtype) return type.name;
    throw std::logic_error("an archive cannot hold bits");
}

std::string header_of(const Archive& archive) {
    Json header;
    header["__metadata__"] = archive.metadata;
    size_t at = 0;
    for (const NamedArray& array : archive.arrays) {
        header[array.name] = {
            {"dtype", type_name(array.dtype)}, {"shape", array.shape}, {"data_offsets", {at, at + array.bytes.size()}}};
        at += array.bytes.size();
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');  // so that the arrays are aligned
    return text;
}

DType dtype_of_name(const std::string& name) {
    for (const TypeName& type : type_names)
        if (name == type.name) return type.dtype;
    throw std::invalid_argument("it holds an array of type " + name + ", which is none that Flockstep writes");
}

NamedArray read_array(const std::string& name, const Json& entry, const std::string& data) {
    NamedArray array{
        name, dtype_of_name(entry.at("dtype").get<std::string>()), entry.at("shape").get<std::vector<int64_t>>(), {}};
    const auto begin = entry.at("data_offsets").at(0).get<uint64_t>(),
               end = entry.at("data_offsets").at(1).get<uint64_t>();
    if (begin > end || end > data.size())
        throw std::invalid_argument("it ends before the array " + name + " does: the file is cut short");
    uint64_t numbers = 1;
    for (int64_t n : array.shape) {
        if (n < 0 || (n > 0 && numbers > data.size() / uint64_t(n)))
            throw std::invalid_argument("the shape of " + name + " is impossible");
        numbers *= uint64_t(n);
    }
    if (numbers * uint64_t(size_of(array.dtype)) != end - begin)
        throw std::invalid_argument("the shape " + shape_text(array.shape) + " of " + name + " does not fit its " +
                                    std::to_string(end - begin) + " bytes");
    array.bytes.assign(data.begin() + int64_t(begin), data.begin() + int64_t(end));
    return array;
}

Archive parse_archive(const std::string& file) {
    uint64_t header_bytes = 0;
    if (file.size() < 8)
        throw std::invalid_argument("it has " + std::to_string(file.size()) + " bytes, too few for a safetensors file");
    memcpy(&header_bytes, file.data(), 8);
    if (header_bytes > (uint64_t{1} << 40)) throw std::invalid_argument("it is no safetensors file");
    if (header_bytes > file.size() - 8)
        throw std::invalid_argument("it ends within its header: the file is cut short, or no safetensors file");
    const Json header = Json::parse(file.begin() + 8, file.begin() + 8 + int64_t(header_bytes), nullptr, false);
    if (!header.is_object())
        throw std::invalid_argument("its header is not JSON: it is damaged, or no safetensors file");
    const std::string data = file.substr(8 + header_bytes);
    Archive archive;
    for (const auto& [name, entry] : header.items()) {
        if (name == "__metadata__")
            archive.metadata = entry.get<std::map<std::string, std::string>>();
        else
            archive.arrays.push_back(read_array(name, entry, data));
    }
    return archive;
}
}  // namespace

const NamedArray* Archive::find(const std::string& name) const {
    for (const NamedArray& array : arrays)
        if (array.name == name) return &array;
    return nullptr;
}

const NamedArray& Archive::expect(const std::string& name, DType dtype, const std::vector<int64_t>& shape) const {
    const NamedArray* array = find(name);
    if (!array) throw std::invalid_argument("checkpoint: the array " + name + " is missing");
    if (array->dtype != dtype || array->shape != shape)
        throw std::invalid_argument("checkpoint: " + name + " is " + name_of(array->dtype) + " " +
                                    shape_text(array->shape) + ", want " + name_of(dtype) + " " + shape_text(shape));
    return *array;
}

const std::string& Archive::text(const std::string& name) const {
    const auto found = metadata.find(name);
    if (found == metadata.end())
        throw std::invalid_argument("checkpoint: its metadata has no \"" + name + "\"; it is none of Flockstep's");
    return found->second;
}

void Archive::add(const std::string& name, DType dtype, std::vector<int64_t> shape, const void* data) {
    NamedArray array{name, dtype, std::move(shape), {}};
    int64_t bytes = size_of(dtype);
    for (int64_t n : array.shape) bytes *= n;
    const char* from = static_cast<const char*>(data);
    array.bytes.assign(from, from + bytes);
    arrays.push_back(std::move(array));
}

void write_archive(const std::string& path, const Archive& archive) {
    const std::string header = header_of(archive);
    const uint64_t header_bytes = header.size();
    std::vector<std::string_view> pieces{{reinterpret_cast<const char*>(&header_bytes), 8}, header};
    for (const NamedArray& array : archive.arrays) pieces.emplace_back(array.bytes.data(), array.bytes.size());
    write_file(path, pieces);
}

std::string find_checkpoint(const std::string& file_or_run) {
    const std::filesystem::path path = file_or_run;
    const std::filesystem::path file = std::filesystem::is_directory(path) ? path / "checkpoint.safetensors" : path;
    if (!std::filesystem::is_regular_file(file))
        throw std::invalid_argument("checkpoint: got \"" + file_or_run +
                                    "\", want a checkpoint.safetensors or a run folder; there is no " + file.string());
    return file.string();
}

Archive read_archive(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    const std::string file{std::istreambuf_iterator<char>(stream), {}};
    if (!stream.good() && !stream.eof())
        throw std::invalid_argument("checkpoint " + path + ": it cannot be read: " + strerror(errno));
    try {
        return parse_archive(file);
    } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument("checkpoint " + path + ": an entry of its header is malformed");
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument("checkpoint " + path + ": " + error.what());
    }
}

}  // namespace flockstep
