#pragma once

#include "trainer/device/launch.h"
#include "trainer/policy/policy.h"
#include "trainer/run/checkpoint.h"

namespace flockstep {

/// One role's trained policy, which acts on arrays anywhere on the device.
class RoleActor {
  public:
    /// `trained`: from the checkpoint. `here`: agents, dtypes and names of the arrays it will read. Throws
    /// std::invalid_argument if the two differ in what the network depends on. Synchronises.
    RoleActor(const PolicySpec& trained, const PolicySpec& here, const CheckpointInfo& info, const Archive& archive,
              Memory& memory, int64_t num_envs, int num_agents);

    const PolicySpec& spec() const { return policy_.spec(); }
    /// Sets the address of observation part `p` of spec(), [num_envs, count, shape...], and of the action mask,
    /// [num_envs, count, num_actions] uint8 (null: every action is legal).
    void bind_observation(size_t p, const void* data);
    void bind_action_mask(const uint8_t* mask) { mask_ = mask; }

    /// Writes actions, sampled by (seed, first_env + env, counter) or the most probable ones, for this role's agents
    /// into `action`, int32 [num_envs, num_agents]. Enqueued on LibTorch's current stream, which must be
    /// context.stream.
    struct Draw {
        bool deterministic;
        uint64_t seed;
        int64_t first_env, counter;
    };
    void act(const ExecutionContext& context, const Draw& draw, int32_t* action);

  private:
    Policy policy_;
    InputColumns input_;
    Buffer network_input_, shift_, scale_;
    float limit_;
    const uint8_t* mask_ = nullptr;
};

}  // namespace flockstep
