#include <cuda_runtime.h>

#include <vector>

#include "sim/contract/random.h"
#include "sim/contract/real.h"
#include "sim/cuda/cuda_check.h"
#include "sim/engine/memory.h"
#include "tests/catch.h"

/// Every function of real.h gives the same bits on the GPU as on the CPU.
namespace flockstep {
namespace {

constexpr const char* names[] = {"sqrt",       "sin",   "cos",  "tan",   "exp",  "log",   "log1p", "softplus",
                                 "atan",       "asin",  "acos", "abs",   "min",  "max",   "clamp", "floor",
                                 "wrap_angle", "atan2", "pow",  "hypot", "sine", "cosine"};
constexpr int num_functions = int(sizeof names / sizeof *names);

/// Function number `k` in the order of `names`; those of one argument ignore y.
SIM_HD float evaluate(int k, float x, float y) {
    switch (k) {
        case 0:
            return real::sqrt(x);
        case 1:
            return real::sin(x);
        case 2:
            return real::cos(x);
        case 3:
            return real::tan(x);
        case 4:
            return real::exp(x);
        case 5:
            return real::log(x);
        case 6:
            return real::log1p(x);
        case 7:
            return real::softplus(x);
        case 8:
            return real::atan(x);
        case 9:
            return real::asin(x);
        case 10:
            return real::acos(x);
        case 11:
            return real::abs(x);
        case 12:
            return real::min(x, y);
        case 13:
            return real::max(x, y);
        case 14:
            return real::clamp(x, -1.0f, y);
        case 15:
            return real::floor(x);
        case 16:
            return real::wrap_angle(x);
        case 17:
            return real::atan2(x, y);
        case 18:
            return real::pow(x, y);
        case 19:
            return real::hypot(x, y);
        default: {
            double sine, cosine;
            real::sincos_double(double(x) + 1e-9 * double(y), sine, cosine);
            const double value = k == 20 ? sine : cosine;
            return float(value - double(float(value)));  // the digits that a float lacks
        }
    }
}

__global__ void evaluate_kernel(const float* x, const float* y, float* value, int k, int n) {
    const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n) value[i] = evaluate(k, x[i], y[i]);
}
void launch_evaluate(const Buffer& x, const Buffer& y, const Buffer& value, int k, int n) {
    evaluate_kernel<<<(n + 255) / 256, 256>>>(static_cast<const float*>(x.data()), static_cast<const float*>(y.data()),
                                              static_cast<float*>(value.data()), k, n);
    cuda_check(cudaGetLastError(), "launching evaluate_kernel");
}

/// All pairs of values at the edges, then arbitrary bits, then numbers of ordinary size.
void fill_inputs(std::vector<float>& x, std::vector<float>& y) {
    const float edges[] = {0.0f,   -0.0f,      1e-45f,      -1e-45f,      0x1p-126f, 0x1p-24f,       0.5f,
                           1.0f,   -1.0f,      2.0f,        -3.0f,        1.5f,      real::pi,       -real::pi,
                           87.0f,  -87.0f,     88.7f,       88.8f,        1e4f,      -1e4f,          1e5f,
                           1.1e5f, 1e19f,      -1e30f,      3.4e38f,      -3.4e38f,  real::infinity, -real::infinity,
                           NAN,    0.7853982f, 16777216.0f, 2147483648.0f};
    for (float a : edges)
        for (float b : edges) x.push_back(a), y.push_back(b);
    const Rng rng{1, 0, 0, 0, Purpose::step};
    for (uint32_t i = 0; i < 100'000; ++i) {
        const Words four = rng.bits4(i, 0);
        const bool ordinary = i & 1;
        x.push_back(ordinary ? rng.uniform(i, 4, -20.0f, 20.0f) : real::from_bits(four.word[0]));
        y.push_back(ordinary ? rng.uniform(i, 5, -20.0f, 20.0f) : real::from_bits(four.word[1]));
    }
}

/// NaNs count as equal: their bits are unspecified.
bool same(float a, float b) { return real::bits_of(a) == real::bits_of(b) || (a != a && b != b); }

}  // namespace

TEST_CASE("real: the GPU gives the bits of the CPU for any input") {
    if (!cuda_unavailable_reason().empty()) {
        WARN("skipped: " << cuda_unavailable_reason());
        return;
    }
    std::vector<float> x, y;
    fill_inputs(x, y);
    const size_t bytes = x.size() * sizeof(float);
    const std::unique_ptr<Memory> memory = make_memory({0});
    const Buffer x_device(*memory, bytes, "x"), y_device(*memory, bytes, "y"), value_device(*memory, bytes, "values");
    memory->from_host(x_device.data(), x.data(), bytes);
    memory->from_host(y_device.data(), y.data(), bytes);
    std::vector<float> value(x.size());
    for (int k = 0; k < num_functions; ++k) {
        launch_evaluate(x_device, y_device, value_device, k, int(x.size()));
        memory->to_host(value.data(), value_device.data(), bytes);
        int differ = 0, example = 0;
        for (size_t i = 0; i < x.size(); ++i)
            if (!same(value[i], evaluate(k, x[i], y[i]))) ++differ, example = int(i);
        INFO(names[k] << ", for example of " << x[size_t(example)] << ", " << y[size_t(example)]);
        CHECK(differ == 0);
    }
}

}  // namespace flockstep
