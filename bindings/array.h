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

/// Arrays on their way between a batch and Python: out as views, in as pointers, by DLPack both ways.
namespace flockstep {

/// A batch and everything whose life hangs on it. Views hold it too, so that memory outlives who looks at it.
struct BatchHolder {
    std::unique_ptr<Batch> batch;
    StreamOrder order;
    std::mutex mutex;  // one call at a time; taken without the GIL only, or two threads would wait for each other
    std::optional<Buffer> uploaded_mask;  // a reset mask from the host, on the batch's device
    explicit BatchHolder(std::unique_ptr<Batch> made) : batch(std::move(made)), order(batch->options().device) {}
};

/// One tensor of a batch as Python sees it: no copy, writable, at the same address for the batch's life.
class Array : public Constructed {
  public:
    /// is_flag: its bytes are 0 or 1 and go out as bool.
    Array(std::shared_ptr<BatchHolder> holder, Tensor tensor, bool is_flag)
        : holder_(std::move(holder)), tensor_(std::move(tensor)), is_flag_(is_flag) {}

    const Tensor& tensor() const { return tensor_; }
    std::string dtype_name() const { return is_flag_ ? "bool" : name_of(tensor_.dtype); }
    Device device() const { return holder_->batch->options().device; }
    /// A numpy view of the memory itself. Throws std::invalid_argument on CUDA and for bfloat16, which numpy lacks.
    pybind11::array numpy() const;
    /// A numpy array of its own in host memory, from any device. Waits.
    pybind11::array copy() const;
    /// The methods of the array API standard's exchange protocol, which is where their arguments are explained. A copy
    /// is made for copy=True and for dl_device=(1, 0) on CUDA, in host memory; BufferError for other devices.
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

/// What an array from Python must be.
struct Wanted {
    std::string name;           // in the sentence that refuses it
    std::vector<DType> dtypes;  // uint8 takes bool as well
    std::vector<int64_t> shape;
    Device device;
};

/// An array that Python gave, in use by a batch; keeps it alive.
class Given {
  public:
    /// From anything with __dlpack__, numpy arrays, and on the CPU nested lists of numbers. No copy but for lists.
    /// Throws std::invalid_argument that names what was given and wanted if dtype, shape, device or layout differ. What
    /// its producer still computes is finished before what is enqueued on `stream` later.
    Given(const pybind11::object& object, const Wanted& wanted, Stream stream);
    Given(Given&& other) noexcept;
    Given& operator=(Given&& other) noexcept;
    ~Given();
    const void* data() const { return data_; }
    DType dtype() const { return dtype_; }

  private:
    void take_numpy(const pybind11::array& array, const Wanted& wanted);
    void take_dlpack(const pybind11::object& object, const Wanted& wanted, Stream stream);
    template <class M>
    void take_capsule(const pybind11::object& capsule, const Wanted& wanted);
    void take(void* data, dlpack::DataType type, dlpack::Device device, const std::vector<int64_t>& shape,
              bool is_contiguous, const Wanted& wanted);
    pybind11::object keep_;
    const void* data_ = nullptr;
    DType dtype_ = DType::uint8;
};

/// The numpy type of a DType. Throws std::invalid_argument for bfloat16.
pybind11::dtype numpy_dtype(DType dtype);

}  // namespace flockstep
