#include <algorithm>
#include <optional>
#include <stdexcept>

#include "bindings/array.h"

namespace py = pybind11;

/// Arrays from Python: validated, not copied.
namespace flockstep {

namespace {
std::optional<DType> dtype_of(dlpack::DataType type) {
    if (type.lanes != 1) return {};
    const auto pick = [&](DType b8, DType b16, DType b32, DType b64) -> std::optional<DType> {
        return type.bits == 8    ? b8
               : type.bits == 16 ? b16
               : type.bits == 32 ? b32
               : type.bits == 64 ? std::optional(b64)
                                 : std::nullopt;
    };
    if (type.code == dlpack::boolean && type.bits == 8) return DType::uint8;
    if (type.code == dlpack::signed_integer) return pick(DType::int8, DType::int16, DType::int32, DType::int64);
    if (type.code == dlpack::unsigned_integer) return pick(DType::uint8, DType::uint16, DType::uint32, DType::uint64);
    if (type.code == dlpack::floating && type.bits >= 32)
        return pick(DType::bit, DType::bit, DType::float32, DType::float64);
    if (type.code == dlpack::brain_float && type.bits == 16) return DType::bfloat16;
    return {};
}
std::string type_text(dlpack::DataType type) {
    constexpr const char* codes[] = {"int", "uint", "float", "handle", "bfloat", "complex", "bool"};
    if (type.code == dlpack::boolean) return "bool";
    return (type.code < 7 ? codes[type.code] : "code" + std::to_string(type.code) + "x") + std::to_string(type.bits);
}
std::string device_text(dlpack::Device device) {
    if (device.type == dlpack::cpu || device.type == dlpack::pinned) return "cpu";
    if (device.type == dlpack::cuda) return "cuda:" + std::to_string(device.index);
    return "DLPack device type " + std::to_string(device.type);
}
bool is_on(dlpack::Device given, Device spec) {
    if (spec.is_cuda()) return given.type == dlpack::cuda && given.index == spec.index;
    return given.type == dlpack::cpu || given.type == dlpack::pinned;
}
std::string expected(const ArraySpec& spec) {
    std::string text = ", want ";
    for (size_t i = 0; i < spec.dtypes.size(); ++i) text += (i ? " or " : "") + std::string(name_of(spec.dtypes[i]));
    return text + " " + shape_text(spec.shape) + " on " + spec.device.name();
}
bool is_row_major(const std::vector<int64_t>& shape, const int64_t* strides) {
    int64_t expected = 1;
    for (size_t i = shape.size(); i-- > 0;) {
        if (shape[i] != 1 && strides && strides[i] != expected) return false;
        expected *= shape[i];
    }
    return true;
}
/// Python numbers in lists, in the required type if that loses nothing.
py::array from_list(const py::object& object, const ArraySpec& spec) {
    py::array array;
    try {
        array = py::module_::import("numpy").attr("asarray")(object);
    } catch (const py::error_already_set&) {  // lists of different lengths, for example
        throw std::invalid_argument(spec.name + ": got lists that are no array" + expected(spec));
    }
    const bool is_number = array.dtype().kind() == 'i' || array.dtype().kind() == 'f';
    if (spec.dtypes[0] == DType::float32 && is_number) return array.attr("astype")("float32");
    return array;
}
[[noreturn]] void refuse_unshareable(const py::error_already_set& error, const ArraySpec& spec) {
    throw std::invalid_argument(spec.name + ": got an array that cannot be shared (" +
                                py::str(error.value()).cast<std::string>() + ")" + expected(spec));
}
dlpack::Device device_of(const py::object& object, const ArraySpec& spec) {
    try {
        return device_pair(spec.name, object.attr("__dlpack_device__")());
    } catch (py::error_already_set& error) {  // a device unknown to DLPack
        refuse_unshareable(error, spec);
    }
}
bool is_list(const py::object& object) {
    return py::isinstance<py::list>(object) || py::isinstance<py::tuple>(object) || py::isinstance<py::int_>(object) ||
           py::isinstance<py::float_>(object);
}
}  // namespace

dlpack::Device device_pair(const std::string& name, const py::object& device) {
    try {
        const auto pair = device.cast<std::pair<int32_t, int32_t>>();
        return {pair.first, pair.second};
    } catch (const py::cast_error&) {
        throw std::invalid_argument(name + ": got a DLPack device that is " +
                                    py::str(py::type::of(device).attr("__name__")).cast<std::string>() +
                                    ", want a pair of integers, (type, index)");
    }
}

BorrowedArray::BorrowedArray(const py::object& object, const ArraySpec& spec, Stream stream) {
    if (py::isinstance<py::array>(object))
        take_numpy(py::reinterpret_borrow<py::array>(object), spec);
    else if (py::hasattr(object, "__dlpack__"))
        take_dlpack(object, spec, stream);
    else if (is_list(object))
        take_numpy(from_list(object, spec), spec);
    else
        throw std::invalid_argument(
            spec.name + ": got " + py::str(py::type::of(object).attr("__name__")).cast<std::string>() + expected(spec));
}
BorrowedArray::BorrowedArray(BorrowedArray&& other) noexcept = default;
BorrowedArray& BorrowedArray::operator=(BorrowedArray&& other) noexcept = default;
BorrowedArray::~BorrowedArray() = default;

void BorrowedArray::take_numpy(const py::array& array, const ArraySpec& spec) {
    const char kind = array.dtype().kind();
    const dlpack::TypeCode code = kind == 'i'   ? dlpack::signed_integer
                                  : kind == 'u' ? dlpack::unsigned_integer
                                  : kind == 'f' ? dlpack::floating
                                                : dlpack::boolean;
    const std::vector<int64_t> shape(array.shape(), array.shape() + array.ndim());
    const bool is_native = array.dtype().byteorder() != '>';
    if ((kind != 'i' && kind != 'u' && kind != 'f' && kind != 'b') || !is_native)
        throw std::invalid_argument(spec.name + ": got " + py::str(array.dtype()).cast<std::string>() + " " +
                                    shape_text(shape) + " on cpu" + expected(spec));
    const bool is_aligned =
        reinterpret_cast<uintptr_t>(array.data()) % size_t(std::max<py::ssize_t>(array.itemsize(), 1)) == 0;
    keep_ = array;
    take(const_cast<void*>(array.data()), {code, uint8_t(array.itemsize() * 8), 1}, {dlpack::cpu, 0}, shape,
         (array.flags() & py::array::c_style) && is_aligned, spec);
}

void BorrowedArray::take_dlpack(const py::object& object, const ArraySpec& spec, Stream stream) {
    const dlpack::Device device = device_of(object, spec);
    if (!is_on(device, spec.device))
        throw std::invalid_argument(spec.name + ": got an array on " + device_text(device) + expected(spec));
    py::object capsule;
    try {
        if (device.type != dlpack::cuda)
            capsule = object.attr("__dlpack__")();
        else
            capsule = object.attr("__dlpack__")(py::arg("stream") =
                                                    stream.handle ? reinterpret_cast<intptr_t>(stream.handle) : 1);
    } catch (py::error_already_set& error) {  // a tensor that requires grad, for example
        refuse_unshareable(error, spec);
    }
    if (PyCapsule_IsValid(capsule.ptr(), "dltensor"))
        take_capsule<dlpack::Managed>(capsule, spec);
    else if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned"))
        take_capsule<dlpack::ManagedVersioned>(capsule, spec);
    else
        throw std::invalid_argument(spec.name + ": got a __dlpack__ that gives no DLPack capsule" + expected(spec));
}

template <class M>
void BorrowedArray::take_capsule(const py::object& capsule, const ArraySpec& spec) {
    constexpr bool is_versioned = std::is_same_v<M, dlpack::ManagedVersioned>;
    M* managed =
        static_cast<M*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::name_of_capsule(static_cast<M*>(nullptr))));
    if (PyCapsule_SetName(capsule.ptr(), is_versioned ? "used_dltensor_versioned" : "used_dltensor") != 0)
        throw py::error_already_set();
    keep_ = py::capsule(managed, [](void* taken) {
        M* m = static_cast<M*>(taken);
        if (m->deleter) m->deleter(m);
    });
    const dlpack::Tensor& t = managed->tensor;
    const std::vector<int64_t> shape(t.shape, t.shape + t.dimensions);
    take(static_cast<char*>(t.data) + t.byte_offset, t.dtype, t.device, shape, is_row_major(shape, t.strides), spec);
}

void BorrowedArray::take(void* data, dlpack::DataType type, dlpack::Device device, const std::vector<int64_t>& shape,
                         bool is_contiguous, const ArraySpec& spec) {
    const std::optional<DType> dtype = dtype_of(type);
    const bool is_wanted = dtype && std::find(spec.dtypes.begin(), spec.dtypes.end(), *dtype) != spec.dtypes.end();
    if (!is_wanted || shape != spec.shape || !is_on(device, spec.device) || !is_contiguous)
        throw std::invalid_argument(spec.name + ": got " + type_text(type) + " " + shape_text(shape) + " on " +
                                    device_text(device) + (is_contiguous ? "" : " that is not contiguous") +
                                    expected(spec));
    data_ = data;
    dtype_ = *dtype;
}

}  // namespace flockstep
