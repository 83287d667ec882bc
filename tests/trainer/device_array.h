#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "sim/contract/random.h"
#include "sim/engine/memory.h"
#include "tests/catch.h"
#include "trainer/device/launch.h"

namespace flockstep {

/// The CPU, and the GPU where there is one.
inline std::vector<Device> test_devices() {
    std::vector<Device> devices{{}};
    if (cuda_unavailable_reason().empty())
        devices.push_back({0});
    else
        WARN("no GPU: the kernels were tested on the CPU alone (" << cuda_unavailable_reason() << ")");
    return devices;
}

/// A device to run the trainer's items on.
class Bench {
  public:
    explicit Bench(Device device)
        : memory(make_memory(device)), partials_(*memory, max_sum_chunks * max_sums * sizeof(double), "sums") {}
    ExecutionContext context() const { return {memory->device(), {}, static_cast<double*>(partials_.data())}; }
    std::unique_ptr<Memory> memory;

  private:
    Buffer partials_;
};

/// A vector on a device.
template <class T>
class DeviceArray {
  public:
    DeviceArray(Bench& bench, const std::vector<T>& values)
        : memory_(*bench.memory),
          size_(values.size()),
          buffer_(memory_, std::max<size_t>(size_, 1) * sizeof(T), "a test") {
        memory_.from_host(buffer_.data(), values.data(), size_ * sizeof(T));
    }
    DeviceArray(Bench& bench, size_t size) : DeviceArray(bench, std::vector<T>(size)) {}
    T* data() const { return static_cast<T*>(buffer_.data()); }
    std::vector<T> read() const {
        std::vector<T> values(size_);
        memory_.to_host(values.data(), buffer_.data(), size_ * sizeof(T));
        return values;
    }

  private:
    Memory& memory_;
    size_t size_;
    Buffer buffer_;
};

/// Repeatable numbers for tests.
inline float test_number(uint32_t i, uint32_t stream = 0) {
    return unit_float(Rng{17, stream, 0, 0, Purpose::step}.bits(i >> 10, i & 1023));
}

}  // namespace flockstep
