#pragma once

#include <memory>
#include <string>

#include "sim/engine/memory.h"

/// The CUDA part of memory.h, defined in memory_cuda.cu or, in a build without CUDA, as errors in memory.cpp.
namespace flockstep {

std::string describe_cuda_device(int index);
std::unique_ptr<Memory> make_cuda_memory(int index);

}  // namespace flockstep
