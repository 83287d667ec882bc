#pragma once

#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace flockstep {

/// Throws std::runtime_error if a CUDA call failed, and clears the error so that later calls can succeed.
inline void cuda_check(cudaError_t error, const char* what) {
    if (error == cudaSuccess) return;
    cudaGetLastError();
    throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(error));
}

/// Makes a device current for the lifetime of the object.
class DeviceScope {
  public:
    explicit DeviceScope(int index) {
        cuda_check(cudaGetDevice(&before_), "reading the current device");
        if (before_ != index) cuda_check(cudaSetDevice(index), "choosing the device");
    }
    ~DeviceScope() { cudaSetDevice(before_); }
    DeviceScope(const DeviceScope&) = delete;
    DeviceScope& operator=(const DeviceScope&) = delete;

  private:
    int before_ = 0;
};

}  // namespace flockstep
