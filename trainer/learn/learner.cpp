#include "trainer/learn/learner.h"

#include <algorithm>

#include "trainer/data/shuffle.h"

namespace flockstep {

namespace {
constexpr int norm_sum = LossSums::size, num_sums = LossSums::size + 1;
}  // namespace

Learner::Learner(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t role)
    : config_(config),
      batch_(batch),
      rows_(rollout.rows(spec)),
      role_(role),
      num_samples_(config.num_steps * rows_.size()),
      minibatch_size_((num_samples_ + config.num_minibatches - 1) / config.num_minibatches),
      policy_(spec, config, batch.memory()) {
    input_ = final_input_ = policy_.input(batch.num_envs(), batch.num_agents());
    for (int i = 0; i < input_.num_parts; ++i) {
        const size_t p = size_t(input_.parts[i].source);
        const Rollout::StepBuffer& slots = rollout.part(role, p);
        input_.parts[i].data = slots.data, input_.parts[i].slot_bytes = slots.slot_bytes;
        for (const Tensor& tensor : batch.final_observations())
            if (tensor.name == spec.parts[p].name) final_input_.parts[i].data = tensor.data;
    }
    const auto allocate = [&](int64_t bytes, const char* what) {
        return static_cast<char*>(
            buffers_.emplace_back(batch.memory(), size_t(bytes), std::string("the policy's ") + what).data());
    };
    network_input_ =
        allocate(std::max(rows_.size(), minibatch_size_) * input_.width * policy_.input_element_bytes(), "input");
    index_ = reinterpret_cast<int64_t*>(allocate(minibatch_size_ * 8, "minibatch"));
    shift_ = reinterpret_cast<float*>(allocate(input_.width * 8, "input scale"));
    scale_ = shift_ + input_.width;
    const std::vector<float> scale = policy_.input_scale();
    batch.memory().from_host(scale_, scale.data(), scale.size() * 4);
    sums_ = reinterpret_cast<double*>(allocate((num_sums + RolloutSums::size + 1) * 8, "sums"));
    rollout_sums_ = sums_ + num_sums;
    square_norm_ = rollout_sums_ + RolloutSums::size;
    adam_ = reinterpret_cast<AdamScalars*>(allocate(sizeof(AdamScalars), "optimiser"));
    moments_ = reinterpret_cast<Moments*>(allocate(input_.columns * int64_t(sizeof(Moments)), "moments"));
    if (config.norm_obs)
        column_sums_ =
            reinterpret_cast<double*>(allocate(int64_t(observation_chunks) * input_.columns * 24, "sums of moments"));
    policy_.initialize(uint64_t(config.seed));
}

void Learner::act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state) {
    SampleActions sample{};
    sample.rows = rows_;
    sample.policy = forward(context, input_, rollout.active, nullptr, step * rows_.size(), rows_.size());
    sample.n = policy_.spec().num_actions;
    if (const Rollout::StepBuffer* mask = rollout.mask(role_))
        sample.mask = reinterpret_cast<const uint8_t*>(mask->data + step * mask->slot_bytes);
    sample.seed = uint64_t(config_.seed), sample.first_env = batch_.options().first_env;
    sample.counter = &state->env_steps, sample.counter_offset = step;
    const int64_t at = step * rollout.slot_rows();
    sample.action = rollout.action + at, sample.log_prob = rollout.log_prob + at, sample.value = rollout.value + at;
    run(context, rows_.size(), sample);
}

void Learner::compute_values(const ExecutionContext& context, const Rollout& rollout, int slot) {
    const PolicyOutput output = forward(context, input_, rollout.active, nullptr, slot * rows_.size(), rows_.size());
    run(context, rows_.size(), StoreValues{rows_, output, rollout.value + slot * rollout.slot_rows()});
}

void Learner::compute_final_values(const ExecutionContext& context, float* value) {
    const PolicyOutput output = forward(context, final_input_, nullptr, nullptr, 0, rows_.size());
    run(context, rows_.size(), StoreValues{rows_, output, value});
}

PolicyOutput Learner::forward(const ExecutionContext& context, const InputColumns& input, const uint8_t* active,
                              const int64_t* index, int64_t first_sample, int64_t rows) {
    const float limit = config_.norm_obs ? observation_limit : 0.0f;
    run(context, rows * (input.width / 8),
        GatherInput{input, index, first_sample, shift_, scale_, limit, policy_.is_bfloat16(), network_input_, active});
    return index ? policy_.forward(network_input_, rows) : policy_.forward_no_grad(network_input_, rows);
}

void Learner::sum_rollout(const ExecutionContext& context, const Rollout& rollout, TrainerState* state) {
    sum(context, num_samples_, SumRollout{rows_, rollout.active, rollout.advantage, rollout.value_target},
        rollout_sums_, Store::overwrite);
    run(context, 1, AccumulateScalar{rollout_sums_ + RolloutSums::count, &state->agent_steps});
}

void Learner::learn(const ExecutionContext& context, const Rollout& rollout, const TrainerState* state) {
    run(context, minibatch_size_,
        MinibatchIndices{&state->optimiser_steps, uint64_t(config_.seed), num_samples_, minibatch_size_,
                         config_.num_minibatches, uint32_t(role_), index_});

    PpoLoss loss{};
    loss.rows = rows_, loss.index = index_;
    loss.policy = forward(context, input_, rollout.active, index_, 0, minibatch_size_);
    loss.n = policy_.spec().num_actions;
    if (const Rollout::StepBuffer* mask = rollout.mask(role_))
        loss.mask = reinterpret_cast<const uint8_t*>(mask->data), loss.mask_slot = mask->slot_bytes;
    loss.active = rollout.active, loss.action = rollout.action, loss.log_prob = rollout.log_prob,
    loss.value = rollout.value;
    loss.advantage = rollout.advantage, loss.value_target = rollout.value_target;
    loss.rollout_sums = rollout_sums_, loss.ent_coef = &state->schedule[1];
    loss.clip_coef = config_.clip_coef, loss.clip_vloss = config_.clip_vloss, loss.vf_coef = config_.vf_coef;
    loss.num_minibatches = config_.num_minibatches, loss.norm_adv = config_.norm_adv;
    const OutputGradient gradient = policy_.output_gradient();
    loss.logits_gradient = gradient.logits, loss.value_gradient = gradient.value;
    sum(context, minibatch_size_, loss, sums_, Store::accumulate);

    policy_.backward();
    sum(context, policy_.size(), SumSquares{policy_.gradient()}, square_norm_, Store::overwrite);
    run(context, 1,
        PrepareAdam{square_norm_, &state->schedule[0], &state->optimiser_steps, config_.max_grad_norm, adam_,
                    sums_ + norm_sum});
    run(context, policy_.size(),
        AdamStep{policy_.gradient(), adam_, config_.adam_eps, policy_.parameter(), policy_.first_moment(),
                 policy_.second_moment(), policy_.bf16_copy()});
}

void Learner::normalise(const ExecutionContext& context, const Rollout& rollout) {
    run(context, int64_t(observation_chunks) * input_.columns,
        SumColumns{input_, rollout.active, num_samples_, column_sums_});
    run(context, input_.columns, MergeColumns{input_, column_sums_, moments_, shift_, scale_});
}

void Learner::warm_up() {
    for (int i = 0; i < 2; ++i) {
        policy_.forward_no_grad(network_input_, rows_.size());
        policy_.forward(network_input_, minibatch_size_);
        policy_.output_gradient();
        policy_.backward();
    }
}

std::vector<double> Learner::read_sums() {
    std::vector<double> sums(num_sums);
    batch_.memory().to_host(sums.data(), sums_, sums.size() * 8);
    return sums;
}
std::vector<double> Learner::read_rollout_sums() {
    std::vector<double> sums(RolloutSums::size);
    batch_.memory().to_host(sums.data(), rollout_sums_, sums.size() * 8);
    return sums;
}
void Learner::clear_sums() { batch_.memory().zero(sums_, num_sums * 8); }

void Learner::save(Archive& archive) {
    Memory& memory = batch_.memory();
    save_policy(archive, policy_, memory);
    const auto add = [&](const char* name, DType dtype, std::vector<int64_t> shape, const void* data) {
        std::vector<char> bytes;
        int64_t size = size_of(dtype);
        for (int64_t n : shape) size *= n;
        bytes.resize(size_t(size));
        memory.to_host(bytes.data(), data, bytes.size());
        archive.add(policy_.spec().role + "." + name, dtype, std::move(shape), bytes.data());
    };
    add("input.shift_and_scale", DType::float32, {2, input_.width}, shift_);
    if (config_.norm_obs) add("input.moments", DType::float64, {input_.columns, 3}, moments_);
}

void Learner::restore(const Archive& archive) {
    Memory& memory = batch_.memory();
    restore_policy(archive, policy_, memory, true);
    const auto take = [&](const char* name, DType dtype, std::vector<int64_t> shape, void* data) {
        const NamedArray& array = archive.expect_numbers(policy_.spec().role + "." + name, dtype, shape);
        memory.from_host(data, array.bytes.data(), array.bytes.size());
    };
    take("input.shift_and_scale", DType::float32, {2, input_.width}, shift_);
    if (config_.norm_obs) take("input.moments", DType::float64, {input_.columns, 3}, moments_);
}

}  // namespace flockstep
