#pragma once

#include "trainer/launch.h"
#include "trainer/policy.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// One role's trained policy, ready to act on arrays that lie anywhere on a device.
class RoleActor {
  public:
    /// `trained`: from the checkpoint. `here`: agents, number types and names of the arrays that it shall look at.
    /// Throws std::invalid_argument where the two differ in what a network depends on. Waits.
    RoleActor(const PolicySpec& trained, const PolicySpec& here, const CheckpointInfo& info, const Archive& archive,
              Memory& memory, int64_t num_envs, int num_agents);

    const PolicySpec& spec() const { return policy_.spec(); }
    /// Where observation part `p` of spec() lies: [num_envs, count, shape...]; and the mask [num_envs, count,
    /// num_actions] uint8 (null: everything is allowed).
    void look_at(size_t p, const void* data);
    void use_mask(const uint8_t* mask) { mask_ = mask; }

    /// Sampled by (seed, first_env + env, counter), or the most probable: into this role's agents of `action`, int32
    /// [num_envs, num_agents]. Enqueued on LibTorch's current stream, which must be where.stream.
    struct Draw {
        bool deterministic;
        uint64_t seed;
        int64_t first_env, counter;
    };
    void act(const Where& where, const Draw& draw, int32_t* action);

  private:
    Policy policy_;
    InputColumns input_;
    Buffer network_input_, shift_, scale_;
    float limit_;
    const uint8_t* mask_ = nullptr;
};

}  // namespace flockstep
