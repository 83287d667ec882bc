#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace flockstep {

/// The CPU (index -1) or a CUDA device.
struct Device {
    int index = -1;
    bool is_cuda() const { return index >= 0; }
    std::string name() const { return is_cuda() ? "cuda:" + std::to_string(index) : "cpu"; }
    bool operator==(const Device&) const = default;
};

/// "cpu", "cuda", "cuda:1" or "auto" (the GPU if there is a usable one, otherwise the CPU). Throws
/// std::invalid_argument with the reason if a requested GPU cannot be used: absent, driver too old, architecture not
/// built, built without CUDA.
Device find_device(const std::string& name);
/// Why the GPU cannot be used, or an empty string if it can.
std::string cuda_unavailable_reason(int index = 0);
/// One line on what this program runs on: "NVIDIA H200 (sm_90, driver 13.0)" or "CPU, 2 threads".
std::string describe_device(Device device);

/// A CUDA stream without CUDA's headers; null is the default stream. The CPU backend ignores it.
struct Stream {
    void* handle = nullptr;
};

/// Memory of one device.
class Memory {
  public:
    virtual ~Memory() = default;
    virtual Device device() const = 0;
    /// Zeroed memory, aligned to 256 bytes, on a GPU also padded to a multiple of 16. Throws std::runtime_error with
    /// the size needed for `what` and the free size.
    virtual void* allocate(size_t bytes, const std::string& what) = 0;
    virtual void release(void* data) = 0;
    /// These wait.
    virtual void to_host(void* host, const void* data, size_t bytes) = 0;
    virtual void from_host(void* data, const void* host, size_t bytes) = 0;
    virtual void zero(void* data, size_t bytes) = 0;
    virtual void synchronize() = 0;
    /// Sums of the columns of a matrix of this memory, [rows, columns] row-major, to the host. Each is a fixed tree:
    /// rows i, i + 1024, ... are leaf i, and leaves are added in pairs i and i + 512, 256, ... The same bits
    /// everywhere.
    virtual void sum_columns(const double* data, int64_t rows, int columns, double* host) = 0;
    static constexpr int sum_leaves = 1024;
};
std::unique_ptr<Memory> make_memory(Device device);
/// Available host memory: free pages and those used only to cache files.
size_t free_host_bytes();
/// Throws the error of Memory::allocate if the host has fewer than `bytes` bytes free for `what`.
void check_free_host_memory(size_t bytes, const std::string& what);

/// An allocation that frees itself.
class Buffer {
  public:
    Buffer(Memory& memory, size_t bytes, const std::string& what)
        : memory_(&memory), data_(memory.allocate(bytes, what)) {}
    Buffer(Buffer&& other) noexcept : memory_(other.memory_), data_(other.data_) { other.data_ = nullptr; }
    Buffer& operator=(Buffer&&) = delete;
    ~Buffer() {
        if (data_) memory_->release(data_);
    }
    void* data() const { return data_; }

  private:
    Memory* memory_;
    void* data_;
};

}  // namespace flockstep
