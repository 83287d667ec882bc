#pragma once

#include "sim/engine/batch.h"

namespace flockstep {

/// Bytes of a batch's tensors and state, without shared data and scratch memory. For a batch of one world: what each
/// world of a larger batch needs, at least.
double batch_bytes(const Batch& batch);

/// Throws std::runtime_error if host memory does not suffice for `num_envs` worlds of `bytes_per_env` bytes, before any
/// of it is touched. `what` starts the message: "memory: training with num_envs = 1000 needs ...".
void check_batch_memory(double bytes_per_env, int64_t num_envs, const std::string& what);

}  // namespace flockstep
