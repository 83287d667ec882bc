#include <ATen/Context.h>

#include "sim/engine/registry.h"
#include "tests/trainer/device_array.h"
#include "trainer/algorithm/ppo.h"
#include "trainer/learn/precision_scope.h"

using namespace flockstep;
using at::Float32Backend;
using at::Float32Op;
using at::Float32Precision;

namespace {
void set(Float32Backend backend, Float32Op op, Float32Precision precision) {
    at::globalContext().setFloat32Precision(backend, op, precision);
}
Float32Precision get(Float32Backend backend, Float32Op op) { return at::globalContext().float32Precision(backend, op); }

constexpr Float32Op operations[] = {Float32Op::MATMUL, Float32Op::CONV, Float32Op::RNN};

/// What every level of a backend's choices says, whatever those above it do: each is read under all of theirs.
std::vector<Float32Precision> choices(Float32Backend backend) {
    std::vector<Float32Precision> list{get(Float32Backend::GENERIC, Float32Op::ALL)};
    const auto read = [&] {
        for (const Float32Op op : operations) list.push_back(get(backend, op));
        list.push_back(get(backend, Float32Op::ALL));
    };
    read();
    for (const Float32Precision other : {Float32Precision::IEEE, Float32Precision::TF32, Float32Precision::NONE}) {
        set(Float32Backend::GENERIC, Float32Op::ALL, other);
        read();
    }
    set(Float32Backend::GENERIC, Float32Op::ALL, list[0]);
    return list;
}

/// LibTorch's choices, set one by one and put back when it goes.
class Choices {
  public:
    explicit Choices(Float32Backend backend) : backend_(backend) {}
    ~Choices() {
        set(Float32Backend::GENERIC, Float32Op::ALL, Float32Precision::NONE);
        set(backend_, Float32Op::ALL, Float32Precision::NONE);
        const bool is_cuda = backend_ == Float32Backend::CUDA;  // LibTorch's defaults
        for (const Float32Op op : operations)
            set(backend_, op, is_cuda && op != Float32Op::MATMUL ? Float32Precision::TF32 : Float32Precision::NONE);
    }

  private:
    Float32Backend backend_;
};
}  // namespace

TEST_CASE("precision: a scope says how LibTorch multiplies, and leaves a program's choices as they were") {
    const Device cpu{}, gpu{0};
    const bool is_cuda = GENERATE(false, true);
    const Float32Backend backend = is_cuda ? Float32Backend::CUDA : Float32Backend::MKLDNN;
    const auto any = {Float32Precision::NONE, Float32Precision::IEEE, Float32Precision::TF32};
    const Choices restored(backend);
    for (const Float32Precision generic : any)
        for (const Float32Precision all : any)
            for (const Float32Precision own : any) {
                set(Float32Backend::GENERIC, Float32Op::ALL, generic), set(backend, Float32Op::ALL, all);
                set(backend, Float32Op::MATMUL, own), set(backend, Float32Op::CONV, all);
                const auto before = choices(backend);
                for (const Precision precision : {Precision::float32, Precision::tfloat32, Precision::bfloat16}) {
                    {
                        const PrecisionScope scope(is_cuda ? gpu : cpu, precision);
                        const bool is_tfloat32 = is_cuda && precision == Precision::tfloat32;
                        const auto wanted = is_tfloat32 ? Float32Precision::TF32 : Float32Precision::IEEE;
                        CHECK(get(backend, Float32Op::MATMUL) == wanted);
                        CHECK(get(backend, Float32Op::CONV) == wanted);
                    }
                    CHECK(choices(backend) == before);
                }
            }
}

TEST_CASE("precision: a training run leaves LibTorch's choices alone, and they leave the run alone") {
    if (registry().entries().empty()) register_product_environments(registry());
    TrainConfig config;
    config.num_envs = 64, config.num_steps = 32, config.hidden_sizes = {128, 128}, config.total_steps = 64 * 32 * 2;
    for (const Device device : test_devices()) {
        const Float32Backend backend = device.is_cuda() ? Float32Backend::CUDA : Float32Backend::MKLDNN;
        const auto losses = [&] {
            Trainer trainer(make_batch("cartpole", training_options(config, device), {}), config);
            trainer.iterate(), trainer.iterate();
            const IterationMetrics metrics = trainer.read_metrics();
            return std::pair(metrics.policy_loss, metrics.gradient_norm);
        };
        config.precision = Precision::float32;
        const auto plain = losses();
        const Choices restored(backend);
        // What torch.set_float32_matmul_precision("medium") and torch.backends.*.fp32_precision do.
        set(backend, Float32Op::MATMUL, device.is_cuda() ? Float32Precision::TF32 : Float32Precision::BF16);
        set(Float32Backend::GENERIC, Float32Op::ALL, Float32Precision::TF32);
        const auto before = choices(backend);
        CHECK(losses() == plain);
        config.precision = Precision::tfloat32;
        CHECK((losses() == plain) == !device.is_cuda());  // TensorFloat-32 is for GPUs
        CHECK(choices(backend) == before);
    }
}
