#include "trainer/learn/precision_scope.h"

namespace flockstep {

namespace {
using at::Float32Backend;
using at::Float32Op;
using at::Float32Precision;

void set(Float32Backend backend, Float32Op op, Float32Precision precision) {
    at::globalContext().setFloat32Precision(backend, op, precision);
}

/// Sets a level of LibTorch's choices to NONE while it lives, so that those below it read as they are: one that is NONE
/// reads as the level above it, an operation as its backend, a backend as GENERIC.
class Silenced {
  public:
    explicit Silenced(Float32Backend backend)
        : backend_(backend), before_(at::globalContext().float32Precision(backend, Float32Op::ALL)) {
        set(backend_, Float32Op::ALL, Float32Precision::NONE);
    }
    ~Silenced() { set(backend_, Float32Op::ALL, before_); }
    Silenced(const Silenced&) = delete;

  private:
    Float32Backend backend_;
    Float32Precision before_;
};
}  // namespace

PrecisionScope::PrecisionScope(Device device, Precision precision)
    : backend_(device.is_cuda() ? Float32Backend::CUDA : Float32Backend::MKLDNN) {
    {
        const Silenced generic(Float32Backend::GENERIC), backend(backend_);
        matmul_ = at::globalContext().float32Precision(backend_, Float32Op::MATMUL);
        conv_ = at::globalContext().float32Precision(backend_, Float32Op::CONV);
    }
    const bool is_tfloat32 = device.is_cuda() && precision == Precision::tfloat32;
    for (const Float32Op op : {Float32Op::MATMUL, Float32Op::CONV})
        set(backend_, op, is_tfloat32 ? Float32Precision::TF32 : Float32Precision::IEEE);
}

PrecisionScope::~PrecisionScope() {
    set(backend_, Float32Op::MATMUL, matmul_);
    set(backend_, Float32Op::CONV, conv_);
}

}  // namespace flockstep
