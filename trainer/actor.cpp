#include "trainer/actor.h"

#include <deque>
#include <stdexcept>

#include "trainer/launch.h"
#include "trainer/policy.h"

namespace flockstep {

namespace {
void check_same(const PolicySpec& got, const PolicySpec& want) {
    const auto differs = [&](const std::string& what) {
        throw std::invalid_argument("checkpoint: its role " + got.role + " and the environment's " + want.role +
                                    " differ in " + what);
    };
    if (got.role != want.role) differs("name");
    if (got.num_actions != want.num_actions)
        differs("the number of actions: " + std::to_string(got.num_actions) + " and " +
                std::to_string(want.num_actions));
    if (got.parts.size() != want.parts.size()) differs("the number of observation parts");
    for (size_t p = 0; p < got.parts.size(); ++p)
        if (got.parts[p].name != want.parts[p].name || got.parts[p].shape != want.parts[p].shape)
            differs("name or shape of the observation part " + want.parts[p].name);
}

struct Head {
    Policy policy;
    InputColumns input;
    Buffer network_input, shift, scale;
    float limit;
    const uint8_t* mask = nullptr;

    Head(const PolicySpec& trained, const PolicySpec& here, const CheckpointInfo& info, const Archive& archive,
         Batch& batch)
        : policy(spec_for(trained, here), info.config, batch.memory()),
          input(policy.input(batch.num_envs(), batch.num_agents())),
          network_input(batch.memory(), size_t(input.rows.size() * input.width * policy.input_number_bytes()),
                        "the policy's input"),
          shift(batch.memory(), size_t(input.width) * 4, "input shift"),
          scale(batch.memory(), size_t(input.width) * 4, "input scale"),
          limit(info.config.normalise_observation ? observation_limit : 0.0f) {
        restore_policy(archive, policy, batch.memory(), false);
        const NamedArray& numbers =
            archive.expect(trained.role + ".input.shift_and_scale", DType::float32, {2, input.width});
        batch.memory().from_host(shift.data(), numbers.bytes.data(), size_t(input.width) * 4);
        batch.memory().from_host(scale.data(), numbers.bytes.data() + input.width * 4, size_t(input.width) * 4);
        for (int i = 0; i < input.num_parts; ++i)
            for (const Tensor& tensor : batch.observations())
                if (tensor.name == here.parts[size_t(policy.part_order()[size_t(i)])].name)
                    input.parts[i].data = tensor.data;
        for (const Tensor& tensor : batch.action_masks())
            if (tensor.name == here.action_mask) mask = static_cast<const uint8_t*>(tensor.data);
    }
    /// The batch's own agents and number types; scales as trained.
    static PolicySpec spec_for(const PolicySpec& trained, const PolicySpec& here) {
        check_same(trained, here);
        PolicySpec spec = here;
        for (size_t p = 0; p < spec.parts.size(); ++p) spec.parts[p].scale = trained.parts[p].scale;
        return spec;
    }
};
}  // namespace

struct Actor::Impl {
    CheckpointInfo info;
    Batch& batch;
    uint64_t seed;
    int64_t calls = 0;
    std::deque<Head> heads;
};

Actor::Actor(const Archive& archive, Batch& batch, uint64_t seed)
    : impl_(new Impl{read_info(archive), batch, seed, 0, {}}) {
    const std::vector<PolicySpec> here = policy_specs(batch), &trained = impl_->info.policies;
    if (here.size() != trained.size())
        throw std::invalid_argument("checkpoint: it has policies for " + std::to_string(trained.size()) +
                                    " roles, the environment has " + std::to_string(here.size()));
    for (size_t r = 0; r < here.size(); ++r)
        impl_->heads.emplace_back(trained[r], here[r], impl_->info, archive, batch);
}
Actor::~Actor() = default;
const CheckpointInfo& Actor::info() const { return impl_->info; }

void Actor::act(bool deterministic) {
    const Where where{impl_->batch.memory().device(), {}, nullptr};
    for (Head& head : impl_->heads) {
        const int64_t rows = head.input.rows.size();
        run(where, rows * (head.input.width / 8),
            GatherInput{head.input, nullptr, 0, static_cast<float*>(head.shift.data()),
                        static_cast<float*>(head.scale.data()), head.limit, head.policy.is_bfloat16(),
                        head.network_input.data()});
        ChooseActions choose{};
        choose.rows = head.input.rows;
        choose.policy = head.policy.evaluate(head.network_input.data(), rows);
        choose.mask = head.mask, choose.n = head.policy.spec().num_actions, choose.deterministic = deterministic;
        choose.seed = impl_->seed, choose.first_env = impl_->batch.options().first_env,
        choose.counter_offset = impl_->calls;
        choose.action = static_cast<int32_t*>(impl_->batch.actions()[0].data);
        run(where, rows, choose);
    }
    ++impl_->calls;
}

}  // namespace flockstep
