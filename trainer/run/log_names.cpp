#include "trainer/run/log_names.h"

namespace flockstep {

namespace {
using Visit = std::function<void(const std::string&, const std::string&, double)>;

/// `suffix`: ".POLICY" for one of several policies.
void visit_losses(const LossMetrics& m, const std::string& suffix, const Visit& visit) {
    const auto add = [&](const std::string& name, const std::string& tag, double value) {
        visit(name + suffix, tag + suffix, value);
    };
    add("policy_loss", "losses/policy_loss", m.policy_loss);
    add("value_loss", "losses/value_loss", m.value_loss);
    add("entropy", "losses/entropy", m.entropy);
    add("approximate_kl", "losses/approx_kl", m.approximate_kl);
    add("clip_fraction", "losses/clipfrac", m.clip_fraction);
    add("explained_variance", "losses/explained_variance", m.explained_variance);
    add("gradient_norm", "losses/gradient_norm", m.gradient_norm);
    add("learning_rate", "charts/learning_rate", m.learning_rate);
    add("entropy_weight", "charts/entropy_weight", m.entropy_weight);
}
}  // namespace

void visit_numbers(const IterationMetrics& m, double agent_steps_per_second, const Visit& visit) {
    visit("agent_steps_per_second", "charts/SPS", agent_steps_per_second);
    visit("environment_seconds", "time/environment_seconds", m.phases.environment);
    visit("policy_seconds", "time/policy_seconds", m.phases.policy);
    visit("update_seconds", "time/update_seconds", m.phases.update);
    visit_losses(m, "", visit);
    if (m.groups.size() > 1)
        for (const GroupMetrics& group : m.groups) visit_losses(group, "." + group.name, visit);
}

std::string episode_tag(const std::string& metric) {
    for (const std::string known : {"return", "length"})
        if (const std::string name = "episode_" + known; metric == name || metric.rfind(name + ".", 0) == 0)
            return "charts/episodic_" + metric.substr(8);
    return "episode/" + metric;
}

std::string evaluation_tag(const std::string& metric) { return "eval/" + metric; }

}  // namespace flockstep
