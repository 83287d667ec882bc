#pragma once

#include <ATen/Context.h>

#include "trainer/config.h"

namespace flockstep {

/// While it lives, LibTorch computes float32 matrix products and convolutions of a device as `precision` says: in
/// TensorFloat-32 for tfloat32 on a GPU, otherwise in IEEE float32. A program's own choice, by torch.backends or
/// torch.set_float32_matmul_precision(), has no say meanwhile and is as it was afterwards. It is one of the whole
/// process: autograd's threads see it, and so do other threads.
class PrecisionScope {
  public:
    PrecisionScope(Device device, Precision precision);
    ~PrecisionScope();
    PrecisionScope(const PrecisionScope&) = delete;
    PrecisionScope& operator=(const PrecisionScope&) = delete;

  private:
    at::Float32Backend backend_;
    at::Float32Precision matmul_, conv_;  // as they were
};

}  // namespace flockstep
