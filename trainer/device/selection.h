#pragma once

#include <cstdint>
#include <string>

#include "trainer/device/launch.h"

namespace flockstep {

/// Compacts flags to a list: the numbers i in [0, n) whose flag is not 0, ascending, and how many there are. On a GPU
/// by CUB, with storage that is allocated once, so that captured graphs may contain it.
class Selection {
  public:
    /// count: where the number goes, on the device.
    Selection(Memory& memory, int64_t n, int64_t* count, const std::string& what);
    int64_t size() const { return size_; }
    uint8_t* flags() const { return static_cast<uint8_t*>(flags_.data()); }
    const int64_t* list() const { return static_cast<int64_t*>(list_.data()); }  // [count]
    const int64_t* count() const { return count_; }
    void run(const ExecutionContext& context);

  private:
    int64_t size_;
    int64_t* count_;
    size_t storage_bytes_;
    Buffer flags_, list_, storage_;
};

#ifdef FLOCKSTEP_WITH_CUDA
/// Defined in kernels.cu. Without storage, only returns the bytes that it needs.
size_t select_on_cuda(const ExecutionContext& context, void* storage, size_t bytes, int64_t n, const uint8_t* flags,
                      int64_t* list, int64_t* count);
#endif

}  // namespace flockstep
