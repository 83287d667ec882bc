#include <pybind11/stl.h>

#include <stdexcept>

#include "bindings/array.h"
#include "bindings/module.h"

namespace py = pybind11;

namespace flockstep {

py::dtype numpy_dtype(DType dtype) {
    if (dtype == DType::bfloat16)
        throw std::invalid_argument(
            "array: numpy has no bfloat16; ask for array=\"torch\" or \"dlpack\", or another dtype");
    return py::dtype(name_of(dtype));
}

namespace {
/// What an exported capsule keeps: the batch's memory, or a copy of it.
struct Export {
    std::shared_ptr<BatchHolder> holder;
    std::vector<char> copied;
    std::vector<int64_t> shape, strides;
};

dlpack::DataType dlpack_type(DType dtype, bool is_flag) {
    using namespace dlpack;
    const uint8_t bits = uint8_t(size_of(dtype) * 8);
    switch (dtype) {
        case DType::bfloat16:
            return {brain_float, bits, 1};
        case DType::float32:
        case DType::float64:
            return {floating, bits, 1};
        case DType::int8:
        case DType::int16:
        case DType::int32:
        case DType::int64:
            return {signed_integer, bits, 1};
        default:
            return {is_flag ? boolean : unsigned_integer, bits, 1};
    }
}

template <class M>
void destroy(M* managed) {
    delete static_cast<Export*>(managed->context);
    delete managed;
}
/// A capsule that was not consumed frees its tensor; a consumed one has been renamed.
template <class M>
void drop_capsule(PyObject* capsule) {
    const char* name = dlpack::name_of_capsule(static_cast<const M*>(nullptr));
    if (!PyCapsule_IsValid(capsule, name)) return;
    M* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, name));
    managed->deleter(managed);
}
template <class M>
py::capsule make_capsule(std::unique_ptr<Export> held, dlpack::Tensor tensor) {
    auto managed = std::make_unique<M>();
    if constexpr (std::is_same_v<M, dlpack::ManagedVersioned>) {
        managed->major = 1, managed->minor = 0;
        managed->flags = held->copied.empty() ? 0 : dlpack::flag_is_copied;
    }
    managed->deleter = destroy<M>;
    managed->tensor = tensor;
    managed->context = held.release();
    PyObject* capsule = PyCapsule_New(managed.get(), dlpack::name_of_capsule(managed.get()), drop_capsule<M>);
    if (!capsule) {
        destroy(managed.release());
        throw py::error_already_set();
    }
    managed.release();
    return py::reinterpret_steal<py::capsule>(capsule);
}

int64_t stream_number(const py::object& stream) {
    if (!py::isinstance<py::int_>(stream))
        throw std::invalid_argument("stream: got " + std::string(py::str(py::type::of(stream).attr("__name__"))) +
                                    ", want None, -1, 1, 2 or a stream's handle");
    return stream.cast<int64_t>();
}
/// The stream that a consumer names in __dlpack__; the numbers are the standard's.
Stream consumer_stream(const py::object& stream) {
    const int64_t number = stream.is_none() ? 1 : stream_number(stream);
    if (number == 0) throw std::invalid_argument("stream: got 0, want None, -1, 1, 2 or a stream's handle");
    return {number == 1 ? nullptr : reinterpret_cast<void*>(number)};
}
/// The major number of (major, minor).
int version_of(const py::object& version) {
    try {
        return version.cast<std::pair<int, int>>().first;
    } catch (const py::cast_error&) {
        throw std::invalid_argument("max_version: got " + std::string(py::str(py::type::of(version).attr("__name__"))) +
                                    ", want a pair of integers, (major, minor)");
    }
}
bool is_no_sync(const py::object& stream) { return !stream.is_none() && stream_number(stream) == -1; }
}  // namespace

dlpack::Device Array::dlpack_device() const {
    if (device().is_cuda()) return {dlpack::cuda, device().index};
    return {dlpack::cpu, 0};
}

py::array Array::numpy() const {
    if (device().is_cuda())
        throw std::invalid_argument(tensor_.name + ": got an array on " + device().name() +
                                    ", want one on cpu; use copy() or DLPack");
    const py::dtype dtype = is_flag_ ? py::dtype("bool") : numpy_dtype(tensor_.dtype);
    auto* keep = new std::shared_ptr<BatchHolder>(holder_);
    const py::capsule base(keep, [](void* kept) { delete static_cast<std::shared_ptr<BatchHolder>*>(kept); });
    return py::array(dtype, std::vector<py::ssize_t>(tensor_.shape.begin(), tensor_.shape.end()), tensor_.data, base);
}

py::array Array::copy() const {
    py::array result(is_flag_ ? py::dtype("bool") : numpy_dtype(tensor_.dtype),
                     std::vector<py::ssize_t>(tensor_.shape.begin(), tensor_.shape.end()));
    holder_->batch->memory().to_host(result.mutable_data(), tensor_.data, size_t(tensor_.bytes()));
    return result;
}

py::capsule Array::dlpack(const py::object& stream, const py::object& max_version, const py::object& dl_device,
                          const py::object& copy) const {
    const dlpack::Device own = dlpack_device();
    dlpack::Device target = own;
    if (!dl_device.is_none()) target = device_pair("dl_device", dl_device);
    const bool is_same = target.type == own.type && target.index == own.index,
               forbids = !copy.is_none() && !copy.cast<bool>();
    bool copies = !is_same || (!copy.is_none() && copy.cast<bool>());
    if (copies && (target.type != dlpack::cpu || forbids))
        throw py::buffer_error(tensor_.name + ": a copy from " + device().name() +
                               " can be made to host memory only, and not with copy=False");

    auto held =
        std::make_unique<Export>(Export{holder_, {}, tensor_.shape, std::vector<int64_t>(tensor_.shape.size(), 1)});
    for (size_t i = tensor_.shape.size(); i-- > 1;) held->strides[i - 1] = held->strides[i] * tensor_.shape[i];
    void* data = tensor_.data;
    if (copies) {
        held->copied.resize(size_t(std::max<int64_t>(tensor_.bytes(), 1)));
        holder_->batch->memory().to_host(held->copied.data(), tensor_.data, size_t(tensor_.bytes()));
        data = held->copied.data();
    } else if (device().is_cuda() && !is_no_sync(stream)) {
        holder_->order.join(consumer_stream(stream));
    }
    const dlpack::Tensor tensor{data,
                                target,
                                int32_t(tensor_.shape.size()),
                                dlpack_type(tensor_.dtype, is_flag_),
                                held->shape.data(),
                                held->strides.data(),
                                0};
    const bool is_versioned = !max_version.is_none() && version_of(max_version) >= 1;
    if (is_versioned) return make_capsule<dlpack::ManagedVersioned>(std::move(held), tensor);
    return make_capsule<dlpack::Managed>(std::move(held), tensor);
}

void bind_array(py::module_& module) {
    py::class_<Array>(module, "Array", R"(A tensor of a batch: row-major, writable, at one address for the batch's life.

Made by Batch; holds the batch's memory, so that it stays valid after the batch was closed. numpy.from_dlpack,
torch.from_dlpack, jax.dlpack.from_dlpack and cupy.from_dlpack view it without a copy.)")
        .def_property_readonly("name", [](const Array& a) { return a.tensor().name; })
        .def_property_readonly("shape", [](const Array& a) { return py::tuple(py::cast(a.tensor().shape)); })
        .def_property_readonly("dtype", &Array::dtype_name, "'uint8', 'float32', 'bool' and so on.")
        .def_property_readonly("device", [](const Array& a) { return a.device().name(); })
        .def("numpy", &Array::numpy, "A numpy view. ValueError on CUDA and for bfloat16.")
        .def("copy", &Array::copy, "A copy in host memory, as a numpy array. Synchronizes.")
        .def("__dlpack__", &Array::dlpack, py::kw_only(), py::arg("stream") = py::none(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(), py::arg("copy") = py::none(),
             "A capsule for the stream that the consumer names; without one, ordered with the default stream.")
        .def("__dlpack_device__",
             [](const Array& a) {
                 const dlpack::Device device = a.dlpack_device();
                 return py::make_tuple(device.type, device.index);
             })
        .def("__repr__", [](const Array& a) {
            return "<flockstep.Array " + a.tensor().name + " " + a.dtype_name() + " " + shape_text(a.tensor().shape) +
                   " on " + a.device().name() + ">";
        });
}

}  // namespace flockstep
