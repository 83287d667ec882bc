#include "sim/engine/memory.h"

#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "sim/contract/config.h"
#include "sim/cuda/memory_cuda.h"
#include "sim/engine/free_memory.h"

namespace flockstep {

namespace {
/// Large blocks that the system provides zeroed and backs with pages on first touch, so that an allocation that is too
/// large is rejected before its first part displaces other programs' memory.
class LazyBlocks {
  public:
    static constexpr size_t least = size_t{256} << 20;

    /// Null if out of memory.
    void* allocate(size_t bytes) {
        void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED) return nullptr;
        const std::lock_guard guard(mutex_);
        blocks_[data] = bytes, total_ += bytes;
        return data;
    }
    /// False if it is not one of these blocks.
    bool release(void* data) {
        const std::lock_guard guard(mutex_);
        const auto block = blocks_.find(data);
        if (block == blocks_.end()) return false;
        munmap(data, block->second);
        total_ -= block->second;
        blocks_.erase(block);
        return true;
    }
    /// Bytes that are allocated but not backed yet: a lower bound, since other allocations count too.
    size_t untouched() {
        const std::lock_guard guard(mutex_);
        return total_ == 0 ? 0 : total_ - std::min(total_, resident_bytes());
    }

  private:
    std::mutex mutex_;
    std::map<void*, size_t> blocks_;
    size_t total_ = 0;
};
LazyBlocks& lazy_blocks() {
    static LazyBlocks blocks;
    return blocks;
}

std::string text_of(const char* path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
}  // namespace

size_t free_host_bytes() {
    const size_t pages = std::min(machine_room(), cgroup_room("/sys/fs/cgroup", text_of("/proc/self/cgroup")));
    const size_t promised = pages == SIZE_MAX ? 0 : lazy_blocks().untouched();
    return std::min(pages - std::min(pages, promised), address_room());
}

namespace {
std::runtime_error out_of_memory(size_t bytes, const std::string& what) {
    return std::runtime_error("memory: " + what + " needs " + std::to_string(bytes >> 20) + " MiB, free are " +
                              std::to_string(free_host_bytes() >> 20) + " MiB");
}
}  // namespace

void check_free_host_memory(size_t bytes, const std::string& what) {
    if (bytes > free_host_bytes()) throw out_of_memory(bytes, what);
}

namespace {
class HostMemory final : public Memory {
    static constexpr size_t worth_asking = size_t{1} << 20;  // what the system has free, from several files

  public:
    Device device() const override { return {}; }
    void* allocate(size_t bytes, const std::string& what) override {
        const size_t rounded = (bytes + 255) / 256 * 256;
        if (rounded >= worth_asking) check_free_host_memory(rounded, what);
        const bool is_lazy = rounded >= LazyBlocks::least;
        void* data = is_lazy ? lazy_blocks().allocate(rounded) : std::aligned_alloc(256, rounded);
        if (!data) throw out_of_memory(bytes, what);
        if (!is_lazy) memset(data, 0, rounded);
        return data;
    }
    void release(void* data) override {
        if (!lazy_blocks().release(data)) std::free(data);
    }
    void to_host(void* host, const void* data, size_t bytes) override { memcpy(host, data, bytes); }
    void from_host(void* data, const void* host, size_t bytes) override { memcpy(data, host, bytes); }
    void zero(void* data, size_t bytes) override { memset(data, 0, bytes); }
    void synchronize() override {}
    void sum_columns(const double* data, int64_t rows, int columns, double* host) override {
        std::vector<double> leaves(size_t(sum_leaves * columns), 0.0);
        for (int64_t row = 0; row < rows; ++row)
            for (int k = 0; k < columns; ++k) leaves[size_t(row % sum_leaves * columns + k)] += data[row * columns + k];
        for (int width = sum_leaves / 2; width >= 1; width /= 2)
            for (size_t i = 0; i < size_t(width * columns); ++i) leaves[i] += leaves[i + size_t(width * columns)];
        std::copy_n(leaves.begin(), columns, host);
    }
};

Device find_cuda_device(const std::string& name) {
    int index = 0;
    if (name != "cuda") {
        char* end = nullptr;
        index = int(std::strtol(name.c_str() + 5, &end, 10));
        if (name.rfind("cuda:", 0) != 0 || end == name.c_str() + 5 || *end || index < 0)
            throw std::invalid_argument("device: got " + in_quotes(name) + ", want auto, cpu, cuda or cuda:N");
    }
    if (const std::string why = cuda_unavailable_reason(index); !why.empty())
        throw std::invalid_argument("device: got " + in_quotes(name) + ", which cannot be used: " + why);
    return {index};
}
}  // namespace

Device find_device(const std::string& name) {
    if (name == "cpu") return {};
    if (name == "auto") return cuda_unavailable_reason(0).empty() ? Device{0} : Device{};
    return find_cuda_device(name);
}

std::string describe_device(Device device) {
    if (!device.is_cuda()) return "CPU, " + std::to_string(omp_get_max_threads()) + " threads";
    return describe_cuda_device(device.index);
}

std::unique_ptr<Memory> make_memory(Device device) {
    if (device.is_cuda()) return make_cuda_memory(device.index);
    return std::make_unique<HostMemory>();
}

#ifndef FLOCKSTEP_WITH_CUDA
std::string cuda_unavailable_reason(int) { return "this build has no CUDA"; }
std::string describe_cuda_device(int) { return ""; }
std::unique_ptr<Memory> make_cuda_memory(int) { throw std::invalid_argument("device: " + cuda_unavailable_reason(0)); }
#endif

}  // namespace flockstep
