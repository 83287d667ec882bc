#include "trainer/run/archive.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "io/text_table.h"

namespace flockstep {

namespace {
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

DType dtype_of_name(const std::string& name, const std::string& path) {
    for (const TypeName& type : type_names)
        if (name == type.name) return type.dtype;
    throw std::invalid_argument(path + ": it holds an array of type " + name + ", which is none that Flockstep writes");
}
}  // namespace

const NamedArray* Archive::find(const std::string& name) const {
    for (const NamedArray& array : arrays)
        if (array.name == name) return &array;
    return nullptr;
}

const NamedArray& Archive::expect(const std::string& name, DType dtype, const std::vector<int64_t>& shape) const {
    const NamedArray* array = find(name);
    if (!array) throw std::invalid_argument(place() + "the array " + name + " is missing");
    if (array->dtype != dtype || array->shape != shape)
        throw std::invalid_argument(place() + name + " is " + name_of(array->dtype) + " " + shape_text(array->shape) +
                                    ", want " + name_of(dtype) + " " + shape_text(shape));
    return *array;
}

namespace {
template <class T>
T element(const NamedArray& array, size_t i) {
    T number;
    memcpy(&number, array.bytes.data() + i * sizeof(T), sizeof(T));
    return number;
}
template <class T>
int64_t find_wrong(const NamedArray& array, double low, double high) {
    for (size_t i = 0; i < array.bytes.size() / sizeof(T); ++i) {
        const double number = double(element<T>(array, i));
        if (!std::isfinite(number) || number < low || number > high) return int64_t(i);
    }
    return -1;
}
std::string text_at(const NamedArray& array, int64_t i) {
    if (array.dtype == DType::int64) return std::to_string(element<int64_t>(array, size_t(i)));
    const double number = number_at(array, i);
    return std::isfinite(number) ? plain_number(number) : std::to_string(number);
}
}  // namespace

double number_at(const NamedArray& array, int64_t i) {
    return array.dtype == DType::float64 ? element<double>(array, size_t(i)) : double(element<float>(array, size_t(i)));
}

int64_t find_wrong_number(const NamedArray& array, double low, double high) {
    return array.dtype == DType::int64     ? find_wrong<int64_t>(array, low, high)
           : array.dtype == DType::float64 ? find_wrong<double>(array, low, high)
                                           : find_wrong<float>(array, low, high);
}

const NamedArray& Archive::expect_numbers(const std::string& name, DType dtype, const std::vector<int64_t>& shape,
                                          double low, double high) const {
    const NamedArray& array = expect(name, dtype, shape);
    const int64_t wrong = find_wrong_number(array, low, high);
    if (wrong < 0) return array;
    if (std::isfinite(high))
        throw DamagedCheckpoint(place() + name + ": got " + text_at(array, wrong) +
                                (dtype == DType::int64 ? ", want an integer from " : ", want a number from ") +
                                std::to_string(int64_t(low)) + " to " + std::to_string(int64_t(high)));
    throw DamagedCheckpoint(place() + name + ": number " + std::to_string(wrong) + " is not finite" +
                            (std::isfinite(low) ? " or is below " + plain_number(low) : "") +
                            "; the file is damaged, or training diverged");
}

const std::string& Archive::text(const std::string& name) const {
    const auto found = metadata.find(name);
    if (found == metadata.end())
        throw DamagedCheckpoint(place() + "its metadata has no \"" + name + "\": it is not a checkpoint of Flockstep");
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

void write_archive(const std::string& path, const Archive& archive, const std::string& previous) {
    std::vector<SafetensorsView> views;
    for (const NamedArray& array : archive.arrays)
        views.push_back({array.name, type_name(array.dtype), array.shape, {array.bytes.data(), array.bytes.size()}});
    write_safetensors(path, archive.metadata, views, previous);
}

Archive read_archive(const std::string& path, const ArrayFilter& wants) {
    try {
        Safetensors file = read_safetensors(path, wants);
        Archive archive{std::move(file.metadata), {}, path};
        for (Safetensors::Array& array : file.arrays)
            archive.arrays.push_back({std::move(array.name), dtype_of_name(array.dtype, path), std::move(array.shape),
                                      std::move(array.bytes)});
        return archive;
    } catch (const std::invalid_argument& error) {
        throw DamagedCheckpoint(std::string("checkpoint ") + error.what());
    }
}

}  // namespace flockstep
