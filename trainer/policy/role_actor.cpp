#include "trainer/policy/role_actor.h"

#include <stdexcept>

namespace flockstep {

namespace {
void check_same(const Archive& archive, const PolicySpec& got, const PolicySpec& want) {
    const auto differs = [&](const std::string& what) {
        throw std::invalid_argument(archive.place() + "its role " + got.role + " and the environment's " + want.role +
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
/// The spec of `trained`, with the agents and dtypes of `here`. Its network matches the stored parameters.
PolicySpec joined(const PolicySpec& trained, PolicySpec here, const TrainConfig& config, const Archive& archive) {
    check_policy(archive, trained, config);
    check_same(archive, trained, here);
    for (size_t p = 0; p < here.parts.size(); ++p)
        here.parts[p].scale = trained.parts[p].scale, here.parts[p].num_flags = trained.parts[p].num_flags;
    return here;
}
}  // namespace

RoleActor::RoleActor(const PolicySpec& trained, const PolicySpec& here, const CheckpointInfo& info,
                     const Archive& archive, Memory& memory, int64_t num_envs, int num_agents)
    : policy_(joined(trained, here, info.config, archive), info.config, memory),
      input_(policy_.input(num_envs, num_agents)),
      network_input_(memory, size_t(input_.rows.size() * input_.width * policy_.input_element_bytes()),
                     "the policy's input"),
      shift_(memory, size_t(input_.width) * 4, "input shift"),
      scale_(memory, size_t(input_.width) * 4, "input scale"),
      limit_(info.config.norm_obs ? observation_limit : 0.0f) {
    restore_policy(archive, policy_, memory, false);
    const NamedArray& numbers =
        archive.expect_numbers(trained.role + ".input.shift_and_scale", DType::float32, {2, input_.width});
    memory.from_host(shift_.data(), numbers.bytes.data(), size_t(input_.width) * 4);
    memory.from_host(scale_.data(), numbers.bytes.data() + input_.width * 4, size_t(input_.width) * 4);
}

void RoleActor::bind_observation(size_t p, const void* data) {
    for (int i = 0; i < input_.num_parts; ++i)
        if (input_.parts[i].source == int(p)) input_.parts[i].data = data;
}

void RoleActor::act(const ExecutionContext& context, const Draw& draw, int32_t* action) {
    const int64_t rows = input_.rows.size();
    run(context, rows * (input_.width / 8),
        GatherInput{input_, nullptr, 0, static_cast<float*>(shift_.data()), static_cast<float*>(scale_.data()), limit_,
                    policy_.is_bfloat16(), network_input_.data()});
    SampleActions sample{};
    sample.rows = input_.rows;
    sample.policy = policy_.forward_actor(network_input_.data(), rows);
    sample.mask = mask_, sample.n = policy_.spec().num_actions, sample.deterministic = draw.deterministic;
    sample.seed = draw.seed, sample.first_env = draw.first_env, sample.counter_offset = draw.counter;
    sample.action = action;
    run(context, rows, sample);
}

}  // namespace flockstep
