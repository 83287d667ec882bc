#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bindings/constructed.h"
#include "bindings/dlpack.h"
#include "bindings/stream.h"
#include "sim/engine/batch.h"

/// Exchange of arrays between a batch and Python by DLPack: views of the batch's tensors, and pointers to Python's
/// arrays.
namespace flockstep {

/// A batch and what lives as long as it. Views share ownership, so memory outlives all of them.
struct BatchHolder {
    std::unique_ptr<Batch> batch;
    StreamOrder order;
    std::mutex mutex;                     // serializes calls; only lock it without the GIL, to avoid deadlock
    std::optional<Buffer> uploaded_mask;  // a reset mask copied to the batch's device
    explicit BatchHolder(std::unique_ptr<Batch> made) : batch(std::move(made)), order(batch->options().device) {}
};

/// A view of one tensor of a batch: not copied, writable, at a fixed address for the lifetime of the batch.
class Array : public Constructed {
  public:
    /// is_flag: bytes that are 0 or 1, exported as bool.
    Array(std::shared_ptr<BatchHolder> holder, Tensor tensor, bool is_flag)
        : holder_(std::move(holder)), tensor_(std::move(tensor)), is_flag_(is_flag) {}

    const Tensor& tensor() const { return tensor_; }
    std::string dtype_name() const { return is_flag_ ? "bool" : name_of(tensor_.dtype); }
    Device device() const { return holder_->batch->options().device; }
    /// A numpy view of the memory itself. Throws std::invalid_argument on CUDA and for bfloat16, which numpy lacks.
    pybind11::array numpy() const;
    /// A copy as a numpy array, from any device. Synchronizes.
    pybind11::array copy() const;
    /// __dlpack__ and __dlpack_device__ of the Python array API standard, which documents the arguments. copy=True, and
    /// dl_device=(1, 0) on CUDA, copy to host memory; BufferError for other devices.
    pybind11::capsule dlpack(const pybind11::object& stream, const pybind11::object& max_version,
                             const pybind11::object& dl_device, const pybind11::object& copy) const;
    dlpack::Device dlpack_device() const;

  private:
    std::shared_ptr<BatchHolder> holder_;
    Tensor tensor_;
    bool is_flag_;
};

/// A DLPack device from Python: (type, index). Throws std::invalid_argument for anything else.
dlpack::Device device_pair(const std::string& name, const pybind11::object& device);

/// What an array from Python is required to be.
struct ArraySpec {
    std::string name;           // in error messages
    std::vector<DType> dtypes;  // uint8 also accepts bool
    std::vector<int64_t> shape;
    Device device;
};

/// An array owned by Python, kept alive while a batch uses it.
class BorrowedArray {
  public:
    /// From anything with __dlpack__, numpy arrays and, on the CPU, nested lists of numbers; only lists are copied.
    /// Throws std::invalid_argument if dtype, shape, device or layout do not match. Work enqueued on `stream` later
    /// runs after the producer's pending work.
    BorrowedArray(const pybind11::object& object, const ArraySpec& spec, Stream stream);
    BorrowedArray(BorrowedArray&& other) noexcept;
    BorrowedArray& operator=(BorrowedArray&& other) noexcept;
    ~BorrowedArray();
    const void* data() const { return data_; }
    DType dtype() const { return dtype_; }

  private:
    void take_numpy(const pybind11::array& array, const ArraySpec& spec);
    void take_dlpack(const pybind11::object& object, const ArraySpec& spec, Stream stream);
    template <class M>
    void take_capsule(const pybind11::object& capsule, const ArraySpec& spec);
    void take(void* data, dlpack::DataType type, dlpack::Device device, const std::vector<int64_t>& shape,
              bool is_contiguous, const ArraySpec& spec);
    pybind11::object keep_;
    const void* data_ = nullptr;
    DType dtype_ = DType::uint8;
};

/// The numpy type of a DType. Throws std::invalid_argument for bfloat16.
pybind11::dtype numpy_dtype(DType dtype);

}  // namespace flockstep
