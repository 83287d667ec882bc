#include "trainer/algorithm/group.h"

#include <algorithm>
#include <stdexcept>

#include "trainer/data/gae.h"
#include "trainer/device/items.h"

namespace flockstep {

namespace {
constexpr int64_t least_final_rows = 1024;
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

Group::Group(const PolicySpec& spec, const TrainConfig& config, Batch& batch, const Rollout& rollout, size_t number,
             Counts* counts)
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
      engine_(make_torch_engine(network_, weights_, config, rows_.size, minibatch_size())),
      actor_normaliser_(network_.actor_input(), network_.actor_scale(), config.norm_obs, memory_),
      counts_(counts),
      final_rows_(std::min<int64_t>(rows_.size, std::max(least_final_rows, (rows_.size + 15) / 16))) {
    state_ = allocate<GroupState>(1, "state");
    index_ = allocate<int64_t>(minibatch_size(), "minibatch");
    final_index_ = allocate<int64_t>(final_rows_, "truncated rows");
    offences_ = allocate<Offence>(FindOffence::chunks, "offences");
    make_selections(batch, rollout, counts);
    if (config.norm_reward) carried_returns_ = allocate<float>(rollout.slot_rows(), "discounted returns");
    if (network_.has_own_critic_input())
        critic_normaliser_.emplace(network_.critic_input(), network_.critic_scale(), config.norm_obs, memory_);
    make_inputs(rollout);

    const std::vector<Component>& components = network_.components();
    Component* const list = allocate<Component>(int64_t(components.size()), "actions");
    memory_.from_host(list, components.data(), components.size() * sizeof(Component));
    head_ = Head(components, list, network_.num_outputs());
    std::copy(rollout.actions(number).begin(), rollout.actions(number).end(), head_.actions);

    const float unscaled = 1.0f;
    const ValueNorm unnormalised{0, 1, 1, 0};
    memory_.from_host(&state_->reward_scale, &unscaled, 4);
    memory_.from_host(&state_->value_norm, &unnormalised, sizeof unnormalised);
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

void Group::make_inputs(const Rollout& rollout) {
    input_ = {network_.actor_input(), network_.critic_input()};
    actor_normaliser_.attach(input_.actor);
    if (critic_normaliser_) critic_normaliser_->attach(input_.critic);
    final_input_ = input_;
    rollout.bind(number_, input_.actor), rollout.bind_final(number_, final_input_.actor);
    if (!critic_normaliser_) return;
    rollout.bind_critic(spec_.critic_parts, number_, input_.critic);
    rollout.bind_final_critic(spec_.critic_parts, number_, final_input_.critic);
}

void Group::set_schedule(const ExecutionContext& context, double progress) {
    const float rate = config_.anneal_lr ? float(config_.learning_rate * (1 - progress)) : config_.learning_rate;
    const float end = config_.ent_coef_end < 0 ? config_.ent_coef : config_.ent_coef_end;
    const float entropy = float(config_.ent_coef + (end - config_.ent_coef) * progress);
    run(context, 1, SetSchedule{state_->schedule, rate, entropy});
}

void Group::act(const ExecutionContext& context, const Rollout& rollout, int step, const TrainerState* state) {
    SampleActions sample{};
    sample.rows = rows_, sample.head = head_;
    sample.seed = uint64_t(config_.seed), sample.first_env = first_env_;
    sample.counter = &state->env_steps, sample.counter_offset = sample.step = step;
    sample.log_prob = rollout.log_prob + step * rollout.slot_rows();
    sample.value = rollout.value + step * rollout.slot_rows(), sample.value_norm = value_norm();
    engine_->act(context, input_, {step * rows_.size, rows_.size}, sample);
}

void Group::make_selections(const Batch& batch, const Rollout& rollout, Counts* counts) {
    const bool waits = rollout.acts && !config_.train_waiting;
    if (waits) own_live_ = allocate<uint8_t>(config_.num_steps * rollout.slot_rows(), "live samples");
    live_ = waits ? own_live_ : rollout.active;
    truncated_rows_.emplace(memory_, rollout.num_segments() * rows_.size, &counts->truncated, "truncated rows");
    const int64_t all = units_.num_units();
    memory_.from_host(&counts->live, &all, 8);
    if (waits || batch.agents_can_be_inactive()) live_units_.emplace(memory_, all, &counts->live, "live samples");
}

void Group::find_samples(const ExecutionContext& context, const Rollout& rollout) {
    run(context, truncated_rows_->size(), CopyFlags{rows_, rollout.final_active, truncated_rows_->flags()});
    truncated_rows_->run(context);
    run(context, 1, SetCounter{&state_->final_chunk, 0});
    if (!live_units_) return;
    if (own_live_)
        run(context, rollout.num_steps() * rollout.slot_rows(), MarkLive{rollout.active, rollout.acts, own_live_});
    run(context, units_.num_units(), MarkLiveUnits{rows_, units_, live_, live_units_->flags()});
    live_units_->run(context);
}

void Group::compute_last_values(const ExecutionContext& context, const Rollout& rollout) {
    const Samples last{rollout.num_steps() * rows_.size, rows_.size};
    engine_->value(context, input_, {rows_, last, {}, rollout.value, value_norm()});
}

int64_t Group::num_final_chunks(const Counts& counts) const {
    return (counts.truncated + final_rows_ - 1) / final_rows_;
}

void Group::compute_final_values(const ExecutionContext& context, const Rollout& rollout) {
    run(context, final_rows_,
        CopyChunk{truncated_rows_->list(), truncated_rows_->count(), &state_->final_chunk, final_rows_, final_index_});
    engine_->value(context, final_input_,
                   {rows_, {0, final_rows_, final_index_}, {}, rollout.final_value, value_norm()});
    run(context, 1, IncrementCounter{&state_->final_chunk, 1});
}

void Group::estimate_advantages(const ExecutionContext& context, const Rollout& rollout, TrainerState* state) {
    if (config_.norm_reward) {
        sum(context, rows_.size,
            SumReturns{rows_, config_.num_steps, config_.gamma, rollout.reward, rollout.terminated, rollout.truncated,
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
        SumRollout{rows_, live_, rollout.active, rollout.advantage, rollout.value_target}, state_->rollout_sums,
        Store::overwrite);
    run(context, 1, PrepareLoss{state_->rollout_sums, config_.num_minibatches, &state_->loss_scale});
    run(context, 1, AccumulateScalar{state_->rollout_sums + RolloutSums::active, &state->agent_steps});
    if (config_.norm_value) learn_value_norm(context);
}

void Group::learn_value_norm(const ExecutionContext& context) {
    run(context, 1,
        MergeValues{state_->rollout_sums + RolloutSums::count, state_->rollout_sums + RolloutSums::target,
                    state_->rollout_sums + RolloutSums::target_square, &state_->value_moments, &state_->value_norm});
    const Network::ValueHead head = network_.value_head();
    uint16_t* const copy = weights_.bf16_copy();
    run(context, head.inputs + 1,
        RescaleValues{&state_->value_norm, weights_.parameter() + head.weight, weights_.parameter() + head.bias,
                      copy ? copy + head.weight : nullptr, copy ? copy + head.bias : nullptr, head.inputs});
}

PpoLoss Group::loss(const Rollout& rollout, int64_t size) const {
    PpoLoss loss{};
    loss.rows = rows_, loss.minibatch = {0, size, index_}, loss.head = head_;
    loss.live = live_, loss.log_prob = rollout.log_prob, loss.value = rollout.value;
    loss.advantage = rollout.advantage, loss.value_target = rollout.value_target;
    loss.scale = &state_->loss_scale, loss.ent_coef = &state_->schedule[1], loss.value_norm = value_norm();
    loss.clip_coef = config_.clip_coef, loss.clip_vloss = config_.clip_vloss, loss.vf_coef = config_.vf_coef;
    loss.norm_adv = config_.norm_adv;
    return loss;
}

int Group::eighths(const Counts& counts) const {
    const int64_t needed = (counts.live + config_.num_minibatches - 1) / config_.num_minibatches;
    return int((needed * sizes + units_per_minibatch_ - 1) / units_per_minibatch_);
}

void Group::learn(const ExecutionContext& context, const Rollout& rollout, int eighths) {
    MinibatchIndices indices{};
    indices.minibatches = &state_->minibatches, indices.seed = uint64_t(config_.seed), indices.units = units_;
    indices.live = live_units_ ? live_units_->list() : nullptr, indices.num_live = &counts_->live;
    indices.capacity = capacity(eighths), indices.num_minibatches = config_.num_minibatches;
    indices.group = uint32_t(number_), indices.index = index_, indices.is_empty = &state_->minibatch_is_empty;
    run(context, minibatch_size(eighths), indices);

    engine_->gradient(context, input_, loss(rollout, minibatch_size(eighths)), state_->sums);
    sum(context, weights_.size(), SumSquares{weights_.gradient()}, &state_->square_norm, Store::overwrite);
    run(context, 1,
        PrepareAdam{&state_->square_norm, &state_->schedule[0], &state_->minibatch_is_empty, &state_->minibatches,
                    &state_->optimiser_steps, config_.max_grad_norm, state_->sums + LossSums::policy_loss,
                    &counts_->not_finite, &state_->adam, state_->sums + LossSums::size});
    run(context, weights_.size(),
        AdamStep{weights_.gradient(), &state_->adam, config_.adam_eps, weights_.parameter(), weights_.first_moment(),
                 weights_.second_moment(), weights_.bf16_copy()});
}

void Group::normalise(const ExecutionContext& context) {
    if (!config_.norm_obs) return;
    actor_normaliser_.learn(context, input_.actor, config_.num_steps * rows_.size);
    actor_normaliser_.sum_squares(context, &counts_->input_square, Store::overwrite);
    if (!critic_normaliser_) return;
    critic_normaliser_->learn(context, input_.critic, config_.num_steps * rows_.size);
    critic_normaliser_->sum_squares(context, &counts_->input_square, Store::accumulate);
}

GroupMetrics Group::read_metrics() const {
    GroupState now;
    memory_.to_host(&now, state_, sizeof now);
    GroupMetrics metrics;
    metrics.name = spec_.name;
    metrics.sums.assign(std::begin(now.sums), std::end(now.sums));
    metrics.rollout_sums.assign(std::begin(now.rollout_sums), std::end(now.rollout_sums));
    metrics.learning_rate = now.schedule[0], metrics.entropy_weight = now.schedule[1];
    set_losses(metrics, metrics.sums, metrics.rollout_sums);
    return metrics;
}
void Group::clear_metrics() { memory_.zero(state_->sums, sizeof state_->sums); }

void Group::visit(StateVisitor& visitor, bool for_learning) {
    const std::string prefix = spec_.name + ".";
    visit_parameters(visitor, prefix + "parameter.", weights_.list(), weights_.parameter());
    actor_normaliser_.visit(visitor, prefix + "input.", for_learning);
    if (critic_normaliser_) critic_normaliser_->visit(visitor, prefix + "critic_input.", for_learning);
    if (config_.norm_value) visitor.visit(prefix + "value.norm", DType::float32, {4}, &state_->value_norm);
    if (!for_learning) return;
    visit_parameters(visitor, prefix + "first_moment.", weights_.list(), weights_.first_moment());
    visit_parameters(visitor, prefix + "second_moment.", weights_.list(), weights_.second_moment(), {0.0});
    visitor.visit(prefix + "minibatches", DType::int64, {1}, &state_->minibatches, {0, 0x1p62});
    visitor.visit(prefix + "optimiser_steps", DType::int64, {1}, &state_->optimiser_steps, {0, 0x1p62});
    if (config_.norm_value) visitor.visit(prefix + "value.moments", DType::float64, {3}, &state_->value_moments);
    if (!config_.norm_reward) return;
    visitor.visit(prefix + "reward.scale", DType::float32, {1}, &state_->reward_scale);
    visitor.visit(prefix + "reward.moments", DType::float64, {3}, &state_->reward_moments);
    const int64_t cells = rows_.slot_rows;
    visitor.visit(prefix + "reward.discounted_return", DType::float32, {cells}, carried_returns_);
}

}  // namespace flockstep
