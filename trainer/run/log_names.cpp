#include "trainer/run/log_names.h"

namespace flockstep {

void visit_numbers(const IterationMetrics& m, double agent_steps_per_second,
                   const std::function<void(const std::string&, const std::string&, double)>& visit) {
    visit("agent_steps_per_second", "charts/SPS", agent_steps_per_second);
    visit("environment_seconds", "time/environment_seconds", m.phases.environment);
    visit("policy_seconds", "time/policy_seconds", m.phases.policy);
    visit("update_seconds", "time/update_seconds", m.phases.update);
    visit("policy_loss", "losses/policy_loss", m.policy_loss);
    visit("value_loss", "losses/value_loss", m.value_loss);
    visit("entropy", "losses/entropy", m.entropy);
    visit("approximate_kl", "losses/approx_kl", m.approximate_kl);
    visit("clip_fraction", "losses/clipfrac", m.clip_fraction);
    visit("explained_variance", "losses/explained_variance", m.explained_variance);
    visit("gradient_norm", "losses/gradient_norm", m.gradient_norm);
    visit("learning_rate", "charts/learning_rate", m.learning_rate);
    visit("entropy_weight", "charts/entropy_weight", m.entropy_weight);
}

std::string episode_tag(const std::string& metric) {
    for (const std::string known : {"return", "length"})
        if (const std::string name = "episode_" + known; metric == name || metric.rfind(name + ".", 0) == 0)
            return "charts/episodic_" + metric.substr(8);
    return "episode/" + metric;
}

std::string evaluation_tag(const std::string& metric) { return "eval/" + metric; }

}  // namespace flockstep
