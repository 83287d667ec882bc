#include "trainer/run/actor.h"

#include <deque>
#include <stdexcept>

#include "trainer/policy/role_actor.h"

namespace flockstep {

struct Actor::Impl {
    CheckpointInfo info;
    Batch& batch;
    uint64_t seed;
    int64_t calls = 0;
    std::deque<RoleActor> roles;

    /// A role's actor, looking at the batch's own tensors.
    void add(const PolicySpec& trained, const PolicySpec& here, const Archive& archive) {
        RoleActor& role =
            roles.emplace_back(trained, here, info, archive, batch.memory(), batch.num_envs(), batch.num_agents());
        for (size_t p = 0; p < here.parts.size(); ++p)
            for (const Tensor& tensor : batch.observations())
                if (tensor.name == here.parts[p].name) role.bind_observation(p, tensor.data);
        for (const Tensor& tensor : batch.action_masks())
            if (tensor.name == here.action_mask) role.bind_action_mask(static_cast<const uint8_t*>(tensor.data));
    }
};

Actor::Actor(const Archive& archive, Batch& batch, uint64_t seed)
    : impl_(new Impl{read_info(archive), batch, seed, 0, {}}) {
    const std::vector<PolicySpec> here = policy_specs(batch), &trained = impl_->info.policies;
    if (here.size() != trained.size())
        throw std::invalid_argument(archive.place() + "it has policies for " + std::to_string(trained.size()) +
                                    " roles, the environment has " + std::to_string(here.size()));
    for (size_t r = 0; r < here.size(); ++r) impl_->add(trained[r], here[r], archive);
}
Actor::~Actor() = default;
const CheckpointInfo& Actor::info() const { return impl_->info; }

void Actor::act(bool deterministic) {
    Batch& batch = impl_->batch;
    const ExecutionContext context{batch.memory().device(), {}, nullptr};
    const RoleActor::Draw draw{deterministic, impl_->seed, batch.options().first_env, impl_->calls};
    for (RoleActor& role : impl_->roles) role.act(context, draw, static_cast<int32_t*>(batch.actions()[0].data));
    ++impl_->calls;
}

}  // namespace flockstep
