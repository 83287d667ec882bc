#include "trainer/algorithm/group.h"

#include <algorithm>
#include <stdexcept>

#include "trainer/data/gae.h"
#include "trainer/device/items.h"

namespace flockstep {

namespace {
constexpr int norm_sum = LossSums::size, num_sums = LossSums::size + 1;
}  // namespace

UnitLayout unit_layout(const PolicySpec& spec, const TrainConfig& config, int64_t rows_per_step) {
    const MinibatchUnit unit = config.minibatch_unit;
    UnitLayout units{rows_per_step, config.num_steps, 1, 1};
    if (unit == MinibatchUnit::sequence || unit == MinibatchUnit::world_sequence)
        units.steps = config.sequence_length ? std::min(config.sequence_length, config.num_steps) : config.num_steps;
    if (unit == MinibatchUnit::world || unit == MinibatchUnit::world_sequence)
        units.rows = int(rows_per_step / config.num_envs);
    if (config.num_minibatches <= units.num_units()) return units;
    const char* const names[] = {"samples", "sequences", "worlds and steps", "sequences of worlds"};
    throw std::invalid_argument("num_minibatches: got " + std::to_string(config.num_minibatches) + ", want at most " +
                                std::to_string(units.num_units()) + ", the " + names[int(unit)] + " of a rollout of " +
                                spec.name);
}

Group::Group(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t number)
    : spec_(spec),
      config_(config),
      memory_(batch.memory()),
      first_env_(batch.options().first_env),
      number_(number),
      rows_(rollout.rows(number)),
      units_(unit_layout(spec, config, rows_.size)),
      units_per_minibatch_((units_.num_units() + config.num_minibatches - 1) / config.num_minibatches),
      network_(spec, config),
      weights_(network_.parameters(), config.precision == Precision::bfloat16, Weights::Use::learn, memory_),
      engine_(make_torch_engine(network_, weights_, config, rows_.size, minibatch_size())) {
    state_ = allocate<GroupState>(1, "state");
    index_ = allocate<int64_t>(minibatch_size(), "minibatch");
    sums_ = allocate<double>(num_sums + RolloutSums::size, "sums");
    rollout_sums_ = sums_ + num_sums;
    if (config.norm_reward) carried_returns_ = allocate<float>(rollout.slot_rows(), "discounted returns");
    make_input(rollout);

    const std::vector<Component>& components = network_.components();
    Component* const list = allocate<Component>(int64_t(components.size()), "actions");
    memory_.from_host(list, components.data(), components.size() * sizeof(Component));
    head_.components = list, head_.num_components = int(components.size()), head_.num_outputs = network_.num_outputs();
    std::copy(rollout.actions(number).begin(), rollout.actions(number).end(), head_.actions);

    const float unscaled = 1.0f;
    memory_.from_host(&state_->reward_scale, &unscaled, 4);
    int first_agent = batch.num_agents();
    for (const PolicySpec::Members& member : spec.members)
        for (const RoleRange& role : role_ranges(batch))
            if (role.name == member.role)
                first_agent = std::min(first_agent, role.first + (member.agents.empty() ? 0 : member.agents[0]));
    weights_.initialize(uint64_t(config.seed), uint32_t(first_agent));
}

template <class T>
T* Group::allocate(int64_t count, const char* what) {
    Buffer& buffer = buffers_.emplace_back(memory_, size_t(count) * sizeof(T), std::string("the policy's ") + what);
    return static_cast<T*>(buffer.data());
}

void Group::make_input(const Rollout& rollout) {
    input_ = network_.actor_input();
    shift_ = allocate<float>(2 * input_.width, "input scale");
    scale_ = shift_ + input_.width;
    memory_.from_host(scale_, network_.input_scale().data(), size_t(input_.width) * 4);
    moments_ = allocate<Moments>(input_.columns, "moments");
    if (config_.norm_obs)
        column_sums_ = allocate<double>(int64_t(observation_chunks) * input_.columns * 3, "sums of moments");
    input_.shift = shift_, input_.scale = scale_, input_.limit = config_.norm_obs ? observation_limit : 0.0f;
    final_input_ = input_;
    rollout.bind(number_, input_), rollout.bind_final(number_, final_input_);
}

void Group::set_schedule(const ExecutionContext& context, double progress) {
    const float rate = config_.anneal_lr ? float(config_.learning_rate * (1 - progress)) : config_.learning_rate;
    const float entropy = float(config_.ent_coef + (config_.ent_coef_end - config_.ent_coef) * progress);
    run(context, 1, SetSchedule{state_->schedule, rate, entropy});
}

void Group::act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state) {
    SampleActions sample{};
    sample.rows = rows_, sample.head = head_;
    sample.seed = uint64_t(config_.seed), sample.first_env = first_env_;
    sample.counter = &state->env_steps, sample.counter_offset = sample.step = step;
    sample.log_prob = rollout.log_prob + step * rollout.slot_rows();
    sample.value = rollout.value + step * rollout.slot_rows();
    engine_->act(context, input_, {step * rows_.size, rows_.size}, sample);
}

void Group::compute_values(const ExecutionContext& context, const Rollout& rollout) {
    const int64_t slot = rollout.num_steps();
    engine_->value(context, input_, {slot * rows_.size, rows_.size},
                   {rows_, 0, {}, rollout.value + slot * rollout.slot_rows()});
}

void Group::compute_final_values(const ExecutionContext& context, const Rollout& rollout, int segment) {
    engine_->value(context, final_input_, {segment * rows_.size, rows_.size},
                   {rows_, 0, {}, rollout.final_value + segment * rollout.slot_rows()});
}

void Group::estimate_advantages(const ExecutionContext& context, const Rollout& rollout, TrainerState* state) {
    if (config_.norm_reward) {
        const RowSet scaled = rollout.all_rows();
        sum(context, scaled.size,
            SumReturns{scaled, config_.num_steps, config_.gamma, rollout.reward, rollout.terminated, rollout.truncated,
                       rollout.active, carried_returns_},
            state_->return_sums, Store::overwrite);
        run(context, 1, MergeReturns{state_->return_sums, &state_->reward_moments, &state_->reward_scale});
    }
    ComputeAdvantage gae{};
    gae.rows = rows_, gae.num_steps = config_.num_steps, gae.segment_steps = rollout.segment_steps();
    gae.gamma = config_.gamma, gae.gae_lambda = config_.gae_lambda;
    gae.reward = rollout.reward, gae.value = rollout.value, gae.final_value = rollout.final_value,
    gae.reward_scale = &state_->reward_scale;
    gae.terminated = rollout.terminated, gae.truncated = rollout.truncated, gae.active = rollout.active;
    gae.advantage = rollout.advantage, gae.value_target = rollout.value_target;
    run(context, rows_.size, gae);
    sum(context, config_.num_steps * rows_.size,
        SumRollout{rows_, rollout.active, rollout.advantage, rollout.value_target}, rollout_sums_, Store::overwrite);
    run(context, 1, AccumulateScalar{rollout_sums_ + RolloutSums::count, &state->agent_steps});
}

PpoLoss Group::loss(const Rollout& rollout) const {
    PpoLoss loss{};
    loss.rows = rows_, loss.minibatch = {0, minibatch_size(), index_}, loss.head = head_;
    loss.active = rollout.active, loss.log_prob = rollout.log_prob, loss.value = rollout.value;
    loss.advantage = rollout.advantage, loss.value_target = rollout.value_target;
    loss.rollout_sums = rollout_sums_, loss.ent_coef = &state_->schedule[1];
    loss.clip_coef = config_.clip_coef, loss.clip_vloss = config_.clip_vloss, loss.vf_coef = config_.vf_coef;
    loss.num_minibatches = config_.num_minibatches, loss.norm_adv = config_.norm_adv;
    return loss;
}

void Group::learn(const ExecutionContext& context, const Rollout& rollout, const TrainerState* state) {
    run(context, minibatch_size(),
        MinibatchIndices{&state->minibatches, uint64_t(config_.seed), units_, units_per_minibatch_,
                         config_.num_minibatches, uint32_t(number_), index_});
    const PpoLoss ppo = loss(rollout);
    engine_->gradient(context, input_, ppo.minibatch, ppo, sums_);
    sum(context, weights_.size(), SumSquares{weights_.gradient()}, &state_->square_norm, Store::overwrite);
    run(context, 1,
        PrepareAdam{&state_->square_norm, &state_->schedule[0], &state_->optimiser_steps, config_.max_grad_norm,
                    &state_->adam, sums_ + norm_sum});
    run(context, weights_.size(),
        AdamStep{weights_.gradient(), &state_->adam, config_.adam_eps, weights_.parameter(), weights_.first_moment(),
                 weights_.second_moment(), weights_.bf16_copy()});
    run(context, 1, IncrementCounter{&state_->optimiser_steps, 1});
}

void Group::normalise(const ExecutionContext& context) {
    if (!config_.norm_obs) return;
    run(context, int64_t(observation_chunks) * input_.columns,
        SumColumns{input_, config_.num_steps * rows_.size, column_sums_});
    run(context, input_.columns, MergeColumns{input_, column_sums_, moments_, shift_, scale_});
}

GroupMetrics Group::read_metrics(int64_t updates) const {
    GroupMetrics metrics;
    metrics.name = spec_.name, metrics.updates = double(updates);
    metrics.sums.resize(num_sums), metrics.rollout_sums.resize(RolloutSums::size);
    memory_.to_host(metrics.sums.data(), sums_, num_sums * 8);
    memory_.to_host(metrics.rollout_sums.data(), rollout_sums_, RolloutSums::size * 8);
    float schedule[2];
    memory_.to_host(schedule, state_->schedule, sizeof schedule);
    metrics.learning_rate = schedule[0], metrics.entropy_weight = schedule[1];
    set_losses(metrics, metrics.sums, metrics.rollout_sums, metrics.updates);
    return metrics;
}
void Group::clear_metrics() { memory_.zero(sums_, num_sums * 8); }

void Group::visit(StateVisitor& visitor, bool for_learning) {
    const std::string prefix = spec_.name + ".";
    visit_parameters(visitor, prefix + "parameter.", weights_.list(), weights_.parameter());
    visitor.visit(prefix + "input.shift_and_scale", DType::float32, {2, input_.width}, shift_);
    if (!for_learning) return;
    visit_parameters(visitor, prefix + "first_moment.", weights_.list(), weights_.first_moment());
    visit_parameters(visitor, prefix + "second_moment.", weights_.list(), weights_.second_moment(), {0.0});
    visitor.visit(prefix + "optimiser_steps", DType::int64, {1}, &state_->optimiser_steps, {0, 0x1p62});
    if (config_.norm_obs) visitor.visit(prefix + "input.moments", DType::float64, {input_.columns, 3}, moments_);
    if (!config_.norm_reward) return;
    visitor.visit(prefix + "reward.scale", DType::float32, {1}, &state_->reward_scale);
    visitor.visit(prefix + "reward.moments", DType::float64, {3}, &state_->reward_moments);
    const int64_t cells = rows_.slot_rows;
    visitor.visit(prefix + "reward.discounted_return", DType::float32, {cells}, carried_returns_);
}

}  // namespace flockstep
