#pragma once

#include <memory>
#include <vector>

#include "trainer/learn/engine.h"
#include "trainer/run/trained_network.h"

namespace flockstep {

/// A role of the worlds that a policy acts in: its agents, and how its observation parts are stored.
struct ActorRole {
    RoleRange range;
    std::vector<DType> dtypes;
};

/// One trained policy of a checkpoint, which acts on arrays anywhere on the device: those of each role whose agents it
/// acts for, whole arrays even where other policies act for some of the role's agents.
class PolicyActor {
  public:
    /// trained: outlives the actor; roles: those of the worlds. Roles whose agents are all the policy's may have any
    /// number of them. Throws std::invalid_argument if an agent does not exist. Waits.
    PolicyActor(const TrainedNetwork& trained, const std::vector<ActorRole>& roles, int64_t num_envs);
    PolicyActor(const PolicyActor&) = delete;

    const PolicySpec& spec() const { return trained_.spec(); }
    /// Sets the addresses of a role's arrays, by the role's index; nothing happens for a role that is not the policy's.
    /// Observation part `p` of spec(): [num_envs, count, shape...]; action part `a`: int32 or float32
    /// [num_envs, count, size], or, by_cell, int32 [num_envs, agents of all roles]; its mask: uint8
    /// [num_envs, count, choices] (null: every choice is legal).
    void bind_observation(size_t role, size_t p, const void* data);
    void bind_action(size_t role, size_t a, void* data, bool by_cell);
    void bind_mask(size_t role, size_t a, const uint8_t* mask);
    /// Rows: [num_envs, count].
    void bind_distribution(size_t role, size_t a, const DistributionColumns& columns);

    /// Chooses actions, sampled by (seed, first_env + env, counter) or the most probable ones. Enqueued on LibTorch's
    /// current stream, which must be context.stream.
    struct Draw {
        bool deterministic;
        uint64_t seed;
        int64_t first_env, counter;
        bool keeps_overshoot = false;  // floats of a Box are left as drawn, even if out of bounds
        float* log_prob = nullptr;     // [num_envs, agents of all roles]: of what was drawn; null: not stored
    };
    void act(const ExecutionContext& context, const Draw& draw);

    /// What describe() computes: float32 [num_envs, agents of all roles], written for the policy's agents; null: not
    /// wanted. log_prob: of the bound actions, read as bind_action's.
    struct Wanted {
        bool distributions = false;  // to where bind_distribution() says
        float *log_prob = nullptr, *entropy = nullptr, *value = nullptr;
    };
    /// Enqueued like act(). wanted.value must be null where the critic has an input of its own.
    void describe(const ExecutionContext& context, const Wanted& wanted);

  private:
    /// The policy's agents of one role.
    struct Member {
        size_t role;
        NetworkInputs inputs;  // of the actor alone
        Head head;
        std::vector<DistributionColumns> distributions;  // one for each action part
    };
    void add_member(const PolicySpec::Members& members, const std::vector<ActorRole>& roles, int64_t num_envs);
    int32_t* upload(const std::vector<int32_t>& list);
    Member* find(size_t role);

    const TrainedNetwork& trained_;
    std::vector<Buffer> buffers_;
    std::vector<Member> members_;
    std::unique_ptr<Engine> engine_;
};

/// Checks that the policies can act for these roles: that they see and choose the same. here: one spec for each role,
/// as policy_specs gives them. Throws std::invalid_argument that says what differs.
void check_roles(const CheckpointInfo& info, const Archive& archive, const std::vector<PolicySpec>& here);

}  // namespace flockstep
