#include "sim/engine/memory.h"

#include <omp.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "sim/contract/config.h"
#include "sim/cuda/memory_cuda.h"

namespace flockstep {

size_t free_host_bytes() {
    size_t kilobytes = 0;
    if (FILE* info = std::fopen("/proc/meminfo", "r")) {
        char line[128];
        while (std::fgets(line, sizeof line, info))
            if (std::sscanf(line, "MemAvailable: %zu kB", &kilobytes) == 1) break;
        std::fclose(info);
    }
    return kilobytes ? kilobytes << 10 : ~size_t{0};
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
  public:
    Device device() const override { return {}; }
    void* allocate(size_t bytes, const std::string& what) override {
        const size_t rounded = (bytes + 255) / 256 * 256;
        check_free_host_memory(rounded, what);
        void* data = std::aligned_alloc(256, rounded);
        if (!data) throw out_of_memory(bytes, what);
        memset(data, 0, rounded);
        return data;
    }
    void release(void* data) override { std::free(data); }
    void to_host(void* host, const void* data, size_t bytes) override { memcpy(host, data, bytes); }
    void from_host(void* data, const void* host, size_t bytes) override { memcpy(data, host, bytes); }
    void zero(void* data, size_t bytes) override { memset(data, 0, bytes); }
    void synchronize() override {}
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
std::string cuda_unavailable_reason(int) { return "this build has no CUDA (nvcc was not found when it was built)"; }
std::string describe_cuda_device(int) { return ""; }
std::unique_ptr<Memory> make_cuda_memory(int) { throw std::invalid_argument("device: " + cuda_unavailable_reason(0)); }
#endif

}  // namespace flockstep
