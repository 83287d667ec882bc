#include "trainer/algorithm/find_offender.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <tuple>
#include <vector>

#include "trainer/algorithm/group.h"

namespace flockstep {

namespace {
// Of what is no number of the rollout: weights are from an optimiser step before it, the others come after it.
constexpr int64_t of_weights = -1, of_update = std::numeric_limits<int64_t>::max();

const char* const kind_names[] = {
    "observation",       "state",       "log-probability of an action",   "value",     "reward",
    "final observation", "final state", "value of the final observation", "advantage", "value target"};
static_assert(std::size(kind_names) == Offence::num_kinds);

std::string name_of(const Offence& offence, const PolicySpec& spec) {
    const std::string name = std::string("the ") + kind_names[offence.kind];
    const bool is_observation = offence.kind == Offence::observation || offence.kind == Offence::final_observation;
    const bool is_state = offence.kind == Offence::state || offence.kind == Offence::final_state;
    if (!is_observation && !is_state) return name;
    const auto part = size_t(offence.part);
    return name + " " + (is_state ? spec.critic_parts[part].part.name : spec.parts[part].name) + "[" +
           std::to_string(offence.element) + "]";
}

std::string place_of(const Offence& offence) {
    return "world " + std::to_string(offence.env) + ", agent " + std::to_string(offence.agent) + ", step " +
           std::to_string(offence.step);
}
}  // namespace

std::string offence_text(const std::string& what, const std::string& policy, double number, const std::string& remark) {
    return what + " of policy " + policy + (std::isnan(number) ? " is nan" : " is infinite") +
           (remark.empty() ? "" : " (" + remark + ")");
}

void Group::find_offence(const ExecutionContext& context, const Rollout& rollout) {
    FindOffence find{};
    find.not_finite = &counts_->not_finite, find.input_square = &counts_->input_square;
    find.input = input_.actor, find.final_input = final_input_.actor;
    if (critic_normaliser_) find.critic = input_.critic, find.final_critic = final_input_.critic;
    find.num_steps = rollout.num_steps(), find.segment_steps = rollout.segment_steps();
    find.reward = rollout.reward, find.log_prob = rollout.log_prob, find.value = rollout.value;
    find.final_value = rollout.final_value, find.advantage = rollout.advantage,
    find.value_target = rollout.value_target;
    find.terminated = rollout.terminated, find.truncated = rollout.truncated, find.active = rollout.active;
    find.found = offences_;
    run(context, FindOffence::chunks, find);
}

/// The first parameter with a number that is not finite, if there is one.
Offender Group::parameter_offender(const char* what, const float* flat) const {
    std::vector<float> numbers(size_t(weights_.size()));
    memory_.to_host(numbers.data(), flat, numbers.size() * sizeof(float));
    for (const Parameter& parameter : weights_.list().list()) {
        const float* const begin = numbers.data() + parameter.offset;
        const float* const end = begin + parameter.count();
        const float* const found = std::find_if(begin, end, [](float number) { return !is_finite(number); });
        if (found != end) return {offence_text(what + parameter.name, spec_.name, *found, learning_advice), of_update};
    }
    return {};
}

/// The first number of the rollout that is not finite, if there is one.
Offence Group::first_offence() const {
    std::vector<Offence> found(FindOffence::chunks);
    memory_.to_host(found.data(), offences_, found.size() * sizeof(Offence));
    std::erase_if(found, [](const Offence& offence) { return offence.order == 0; });
    const auto first = std::min_element(found.begin(), found.end(), [](const Offence& a, const Offence& b) {
        return std::tuple(a.order, a.env, a.agent) < std::tuple(b.order, b.env, b.agent);
    });
    return first == found.end() ? Offence{} : *first;
}

Offender Group::offender(const Counts& counts) const {
    const std::string& policy = spec_.name;
    if (const Offender weight = parameter_offender("the weight ", weights_.parameter()); !weight.text.empty())
        return {weight.text, of_weights};
    const Offence first = first_offence();
    GroupState state;
    memory_.to_host(&state, state_, sizeof state);
    const bool is_of_rollout = first.order > 0 && first.kind < Offence::advantage;
    if (!is_of_rollout && !is_finite(state.reward_scale))
        return {offence_text("the reward scale", policy, state.reward_scale, ""), of_update};
    if (first.order > 0)
        return {offence_text(name_of(first, spec_), policy, first.number, place_of(first)), first.order};
    const std::vector<double> sums = read_metrics().sums;
    const auto term = [&](const char* name, int sum) {
        return Offender{offence_text(name, policy, sums[size_t(sum)], learning_advice), of_update};
    };
    if (counts.not_finite == NotFiniteTerm::policy_loss) return term("the policy loss", LossSums::policy_loss);
    if (counts.not_finite == NotFiniteTerm::value_loss) return term("the value loss", LossSums::value_loss);
    if (counts.not_finite == NotFiniteTerm::entropy) return term("the entropy", LossSums::entropy);
    if (counts.not_finite == NotFiniteTerm::gradient)
        return parameter_offender("the gradient of ", weights_.first_moment());
    return {offence_text("the scale of the input", policy, counts.input_square, ""), of_update};
}

void expect_finite(const std::deque<Group>& groups, const std::vector<Group::Counts>& counts, int64_t iteration) {
    std::optional<Offender> first;
    for (size_t g = 0; g < groups.size(); ++g) {
        if (counts[g].are_finite()) continue;
        const Offender offender = groups[g].offender(counts[g]);
        if (!first || offender.order < first->order) first = offender;
    }
    if (first) throw NotFinite(*first, iteration);
}

}  // namespace flockstep
