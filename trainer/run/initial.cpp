#include "trainer/run/initial.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "trainer/run/checkpoint.h"
#include "trainer/run/policy_actor.h"
#include "trainer/run/run_folder.h"
#include "trainer/run/training_task.h"

namespace flockstep {

namespace {
/// What weights and normalisers belong to.
constexpr const char* network_settings[] = {
    "encoder", "hidden_sizes",  "channels", "share_layers", "critic_input", "activation", "state_dependent_std",
    "min_std", "squash_output", "norm_obs", "norm_value"};
/// What is taken over unless it is given, and may differ.
constexpr const char* defaults[] = {"precision", "groups"};

std::string names_of(const std::vector<PolicySpec>& policies) {
    std::string names;
    for (const PolicySpec& spec : policies) names += (names.empty() ? "" : ", ") + spec.name;
    return names;
}

bool has_policy(const std::vector<PolicySpec>& policies, const std::string& name) {
    return std::any_of(policies.begin(), policies.end(), [&](const PolicySpec& spec) { return spec.name == name; });
}

/// Reads weights and normalisers; the optimiser's moments and counters stay as they are in a new run.
class InitialReader : public StateReader {
  public:
    InitialReader(const Archive& archive, Memory& memory) : StateReader(archive, memory), archive_(archive) {}
    void visit(const std::string& name, DType dtype, const std::vector<int64_t>& shape, void* data,
               NumberRange range) override {
        const size_t dot = name.find('.');
        const std::string policy = name.substr(0, dot), array = name.substr(dot + 1);
        const auto is_of = [&](const char* prefix) { return array.rfind(prefix, 0) == 0; };
        if (is_of("parameter.critic.") || is_of("critic_input.")) expect_critic(policy, name, dtype, shape);
        if (is_of("parameter.") || is_of("input.") || is_of("critic_input.") || is_of("value."))
            return StateReader::visit(name, dtype, shape, data, range);
        if ((is_of("reward.scale") || is_of("reward.moments")) && archive_.find(name))
            StateReader::visit(name, dtype, shape, data, range);
    }

  private:
    /// A critic that sees all agents of a world fits one number of agents only.
    void expect_critic(const std::string& policy, const std::string& name, DType dtype,
                       const std::vector<int64_t>& shape) const {
        try {
            archive_.expect(name, dtype, shape);
        } catch (const std::invalid_argument& error) {
            throw std::invalid_argument(
                "initial: the critic of policy " + policy +
                " does not fit, since it sees another number of agents or another state: " + error.what());
        }
    }
    const Archive& archive_;
};
}  // namespace

Initial::Initial(const std::string& file_or_run)
    : archive_(read_archive(find_checkpoint(file_or_run, "initial"),
                            [](const std::string& array) { return !is_of_worlds(array); })),
      info_(read_info(archive_)) {}

void Initial::adopt(TrainConfig& config, const IsGiven& is_given) const {
    const std::map<std::string, Value> its = write_config(info_.config).values(), here = write_config(config).values();
    Settings adopted;
    for (const char* key : network_settings) {
        if (is_given("", key) && to_text(here.at(key)) != to_text(its.at(key)))
            throw std::invalid_argument(std::string(key) + ": got " + shown(here.at(key)) + ", but " + archive_.path +
                                        " has " + shown(its.at(key)) + ", which its weights need");
        adopted.set(key, its.at(key));
    }
    for (const char* key : defaults)
        if (!is_given("", key)) adopted.set(key, its.at(key));
    read_config(config, adopted);
    std::set<std::string> groups;
    for (const TrainConfig* each : {static_cast<const TrainConfig*>(&config), &info_.config})
        for (const auto& [name, settings] : each->group_settings) groups.insert(name);
    for (const std::string& name : groups) adopt_group(config, name, is_given);
}

void Initial::adopt_group(TrainConfig& config, const std::string& name, const IsGiven& is_given) const {
    std::map<std::string, Value> here = config.group_settings[name], its;
    if (const auto found = info_.config.group_settings.find(name); found != info_.config.group_settings.end())
        its = found->second;
    const std::map<std::string, Value> wanted = write_config(info_.config.of_group(name)).values();
    for (const std::string key : network_settings) {
        if (is_given(name, key) && here.count(key) && to_text(here.at(key)) != to_text(wanted.at(key)))
            throw std::invalid_argument("groups." + name + "." + key + ": got " + shown(here.at(key)) + ", but " +
                                        archive_.path + " has " + shown(wanted.at(key)) + ", which its weights need");
        here.erase(key);
        if (its.count(key)) here[key] = its.at(key);
    }
    if (!is_given(name, "precision") && !is_given("", "precision")) {
        here.erase("precision");
        if (its.count("precision")) here["precision"] = its.at("precision");
    }
    config.group_settings[name] = here;
    if (here.empty()) config.group_settings.erase(name);
}

void Initial::start(Trainer& trainer) const {
    const std::vector<PolicySpec>& here = trainer.policies();
    for (const PolicySpec& spec : here)
        if (!has_policy(info_.policies, spec.name))
            throw std::invalid_argument("initial: " + archive_.path + " has no policy " + spec.name +
                                        ", which this run has; it has " + names_of(info_.policies));
    for (const PolicySpec& spec : info_.policies)
        if (!has_policy(here, spec.name))
            throw std::invalid_argument("initial: " + archive_.path + " has the policy " + spec.name +
                                        ", which this run does not have; it has " + names_of(here));
    check_roles(info_, archive_, policy_specs(trainer.batch()));
    InitialReader reader(archive_, trainer.batch().memory());
    trainer.visit_state(reader);
    trainer.end_initial();
}

}  // namespace flockstep
