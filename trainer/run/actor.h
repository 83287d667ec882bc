#pragma once

#include <cstdint>
#include <memory>

#include "sim/engine/batch.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// A checkpoint's policies acting in a batch: for evaluation, replays and other programs.
class Actor {
  public:
    /// `archive`: snapshot() or read_archive(). The batch must outlive the actor and have the same roles,
    /// parts and actions, in any number of worlds, and of agents where there is one role. Works on the batch's device.
    /// Throws std::invalid_argument if they differ.
    Actor(const Archive& archive, Batch& batch, uint64_t seed);
    ~Actor();

    /// Writes actions for the current observations into the batch's action tensors: sampled, or the most probable ones.
    /// Random numbers depend on (seed, world, number of calls). Enqueued on the device's default stream; asynchronous.
    void act(bool deterministic);
    const CheckpointInfo& info() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace flockstep
