#include "trainer/run/actor.h"

#include <deque>

#include "trainer/run/policy_actor.h"

namespace flockstep {

namespace {
void* data_of(const std::vector<Tensor>& tensors, const std::string& name) {
    for (const Tensor& tensor : tensors)
        if (tensor.name == name) return tensor.data;
    return nullptr;
}
}  // namespace

struct Actor::Impl {
    CheckpointInfo info;
    Batch& batch;
    uint64_t seed;
    int64_t calls = 0;
    std::deque<TrainedNetwork> networks;
    std::deque<PolicyActor> policies;

    /// The policy reads and writes the batch's own tensors.
    void bind(PolicyActor& policy, const std::vector<RoleRange>& roles) {
        const bool one = batch.has_one_action_tensor();
        for (size_t r = 0; r < roles.size(); ++r) {
            const auto name = [&](const std::string& part) { return tensor_name(roles, roles[r].name, part); };
            const PolicySpec& spec = policy.spec();
            for (size_t p = 0; p < spec.parts.size(); ++p)
                policy.bind_observation(r, p, data_of(batch.observations(), name(spec.parts[p].name)));
            for (size_t a = 0; a < spec.actions.size(); ++a) {
                policy.bind_action(
                    r, a, one ? batch.actions()[0].data : data_of(batch.actions(), name(spec.actions[a].name)), one);
                policy.bind_mask(r, a,
                                 static_cast<const uint8_t*>(
                                     data_of(batch.action_masks(), mask_tensor(roles, roles[r].name, spec, a))));
            }
        }
    }
};

Actor::Actor(const Archive& archive, Batch& batch, uint64_t seed)
    : impl_(new Impl{read_info(archive), batch, seed, 0, {}, {}}) {
    const CheckpointInfo& info = impl_->info;
    for (size_t p = 0; p < info.policies.size(); ++p) impl_->networks.emplace_back(info, archive, p, batch.memory());
    const std::vector<PolicySpec> here = policy_specs(batch);
    check_roles(info, archive, here);
    const std::vector<RoleRange> ranges = role_ranges(batch);
    std::vector<ActorRole> roles;
    for (size_t r = 0; r < here.size(); ++r) {
        ActorRole& role = roles.emplace_back(ActorRole{ranges[r], {}});
        for (const PolicySpec::Part& part : here[r].parts) role.dtypes.push_back(part.dtype);
    }
    for (const TrainedNetwork& network : impl_->networks)
        impl_->bind(impl_->policies.emplace_back(network, roles, batch.num_envs()), ranges);
}
Actor::~Actor() = default;
const CheckpointInfo& Actor::info() const { return impl_->info; }

void Actor::act(bool deterministic) {
    Batch& batch = impl_->batch;
    const ExecutionContext context{batch.memory().device(), {}, nullptr};
    for (PolicyActor& policy : impl_->policies)
        policy.act(context, {deterministic, impl_->seed, batch.options().first_env, impl_->calls});
    ++impl_->calls;
}

}  // namespace flockstep
