#include "trainer/run/checkpoint_info.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

#include "io/json.h"
#include "io/quote.h"
#include "sim/engine/engine_view.h"
#include "trainer/data/action_column.h"
#include "trainer/data/input.h"

namespace flockstep {

namespace {
constexpr int64_t most_numbers = 1 << 24;  // agents of a world, choices of an action, elements of an observation
constexpr size_t most_integers = 8192;     // of an action part
constexpr int64_t most_iterations = int64_t{1} << 40;
constexpr double most_seconds = 1e10;

/// A value of the metadata and its name in error messages, such as "policies[0].parts[1].num_flags".
class Entry {
  public:
    Entry(const Archive& archive, std::string name, const nlohmann::json& json)
        : archive_(archive), name_(std::move(name)), json_(json) {
        if (json_.is_discarded()) throw DamagedCheckpoint(archive.place() + name_ + ": it is not JSON");
    }
    Entry at(const char* key) const {
        if (!json_.is_object()) refuse("an object");
        const auto found = json_.find(key);
        if (found == json_.end()) refuse(std::string("an object with \"") + key + "\"");
        return {archive_, name_ + "." + key, *found};
    }
    std::vector<Entry> list(size_t least, size_t most) const {
        if (!json_.is_array() || json_.size() < least || json_.size() > most)
            refuse("a list of " + std::to_string(least) + " to " + std::to_string(most) + " items");
        std::vector<Entry> items;
        for (size_t i = 0; i < json_.size(); ++i)
            items.emplace_back(archive_, name_ + "[" + std::to_string(i) + "]", json_[i]);
        return items;
    }
    int64_t integer(int64_t low, int64_t high) const {
        const bool fits =
            json_.is_number_integer() && !(json_.is_number_unsigned() && json_.get<uint64_t>() > uint64_t{INT64_MAX});
        if (!fits || json_.get<int64_t>() < low || json_.get<int64_t>() > high)
            refuse("an integer from " + std::to_string(low) + " to " + std::to_string(high));
        return json_.get<int64_t>();
    }
    double number(double low, double high) const {
        const double value = json_.is_number() ? json_.get<double>() : NAN;
        if (!(value >= low && value <= high)) refuse("a number from " + to_text(low) + " to " + to_text(high));
        return value;
    }
    bool boolean() const {
        if (!json_.is_boolean()) refuse("true or false");
        return json_.get<bool>();
    }
    /// A bound of a Box; null: none on this side.
    float bound(bool is_low) const {
        return json_.is_null() ? (is_low ? -infinity : infinity) : float(number(-1e38, 1e38));
    }
    std::string text() const {
        if (!json_.is_string()) refuse("a string");
        return json_.get<std::string>();
    }
    Settings settings() const {
        Settings settings;
        for (const auto& [key, entry] : items()) settings.set(key, entry.value());
        return settings;
    }
    /// Of an object, by key.
    std::vector<std::pair<std::string, Entry>> items() const {
        if (!json_.is_object()) refuse("an object");
        std::vector<std::pair<std::string, Entry>> items;
        for (const auto& [key, json] : json_.items())
            items.emplace_back(key, Entry(archive_, name_ + "." + escaped(key), json));
        return items;
    }
    [[noreturn]] void refuse(const std::string& expected) const {
        throw DamagedCheckpoint(archive_.place() + name_ + ": got " + got() + ", want " + expected);
    }

  private:
    std::string got() const {
        if (json_.is_array()) return "a list of " + std::to_string(json_.size());
        if (json_.is_object()) return "an object";
        return json_.is_string() ? in_quotes(json_.get<std::string>()) : json_.dump();
    }
    Scalar scalar() const {
        if (json_.is_boolean()) return json_.get<bool>();
        if (json_.is_number_integer()) return integer(INT64_MIN, INT64_MAX);
        if (json_.is_number()) return json_.get<double>();
        if (!json_.is_string()) refuse("true, false, a number, a string or a list of these");
        return json_.get<std::string>();
    }
    Value value() const {
        if (!json_.is_array()) return std::visit([](auto&& one) -> Value { return one; }, scalar());
        std::vector<Scalar> items;
        for (const Entry& entry : list(0, json_.size())) items.push_back(entry.scalar());
        return items;
    }

    const Archive& archive_;
    std::string name_;
    const nlohmann::json& json_;  // by reference: copying would recurse as deep as the file nests
};

/// A metadata string that contains JSON. Keys are sorted, so that reading many of them stays fast.
class JsonText {
  public:
    JsonText(const Archive& archive, const char* key)
        : json_(nlohmann::json::parse(archive.text(key), nullptr, false)), entry_(archive, key, json_) {}
    JsonText(const JsonText&) = delete;
    const Entry* operator->() const { return &entry_; }
    const Entry& operator*() const { return entry_; }

  private:
    nlohmann::json json_;
    Entry entry_;
};

/// Bounds of a Box; JSON has no infinity.
Json bounds(const std::vector<float>& values) {
    Json list = Json::array();
    for (float value : values) list.push_back(std::isfinite(value) ? Json(value) : Json());
    return list;
}

Json to_json(const PolicySpec::Part& part) {
    return {{"name", part.name},
            {"dtype", name_of(part.dtype)},
            {"shape", part.shape},
            {"scale", part.scale},
            {"num_flags", part.num_flags}};
}

Json to_json(const PolicySpec& spec) {
    Json parts = Json::array(), actions = Json::array(), members = Json::array();
    for (const PolicySpec::Members& member : spec.members)
        members.push_back({{"role", member.role}, {"agents", member.agents}});
    for (const PolicySpec::Part& part : spec.parts) parts.push_back(to_json(part));
    for (const PolicySpec::Action& action : spec.actions) {
        Json json{{"name", action.name}, {"kind", action.kind_name()}, {"n", action.n}};
        json["low"] = bounds(action.low), json["high"] = bounds(action.high), json["has_mask"] = action.has_mask;
        actions.push_back(json);
    }
    Json critic = Json::array();
    for (const PolicySpec::CriticPart& part : spec.critic_parts) {
        Json json = to_json(part.part);
        json["of_world"] = part.of_world, json["first_agent"] = part.first_agent, json["num_agents"] = part.num_agents;
        critic.push_back(json);
    }
    return {{"name", spec.name},  {"members", members},     {"parts", parts},
            {"actions", actions}, {"critic_parts", critic}, {"num_identities", spec.num_identities}};
}

Json roles_json(const std::vector<RoleRange>& roles) {
    Json list = Json::array();
    for (const RoleRange& role : roles)
        list.push_back({{"name", role.name}, {"first", role.first}, {"count", role.count}});
    return list;
}

DType read_dtype(const Entry& entry) {
    for (DType dtype : {DType::uint8, DType::int8, DType::bfloat16, DType::float32})
        if (entry.text() == name_of(dtype)) return dtype;
    entry.refuse("uint8, int8, bfloat16 or float32");
}

PolicySpec::Part read_part(const Entry& entry) {
    PolicySpec::Part part{entry.at("name").text(), read_dtype(entry.at("dtype")), {}, 1.0f};
    int64_t numbers = 1;
    for (const Entry& size : entry.at("shape").list(0, 8)) {
        part.shape.push_back(int(size.integer(1, most_numbers)));
        numbers *= part.shape.back();
        if (numbers > most_numbers) entry.at("shape").refuse("at most " + std::to_string(most_numbers) + " numbers");
    }
    part.scale = float(entry.at("scale").number(-1e30, 1e30));
    part.num_flags = int(entry.at("num_flags").integer(0, max_input_parts));
    return part;
}

PolicySpec::Action read_action(const Entry& entry) {
    PolicySpec::Action action;
    action.name = entry.at("name").text(), action.has_mask = entry.at("has_mask").boolean();
    const std::string kind = entry.at("kind").text();
    const auto found = std::find(std::begin(kind_names), std::end(kind_names), kind);
    if (found == std::end(kind_names)) entry.at("kind").refuse("discrete, multi_discrete or box");
    action.kind = ActionPart::Kind(found - std::begin(kind_names));
    int64_t choices = 0;
    for (const Entry& n : entry.at("n").list(action.is_box() ? 0 : 1, action.is_box() ? 0 : most_integers)) {
        action.n.push_back(int(n.integer(1, most_numbers)));
        if ((choices += action.n.back()) > most_numbers)
            n.refuse("at most " + std::to_string(most_numbers) + " choices");
    }
    for (const auto& [key, list] : {std::pair{"low", &action.low}, std::pair{"high", &action.high}})
        for (const Entry& bound : entry.at(key).list(action.is_box() ? 1 : 0, action.is_box() ? most_integers : 0))
            list->push_back(bound.bound(*key == 'l'));
    if (action.low.size() != action.high.size()) entry.at("high").refuse("as many bounds as low");
    return action;
}

PolicySpec::Members read_members(const Entry& entry, const std::vector<RoleRange>& roles) {
    PolicySpec::Members members{entry.at("role").text(), {}};
    const auto role =
        std::find_if(roles.begin(), roles.end(), [&](const RoleRange& each) { return each.name == members.role; });
    if (role == roles.end()) entry.at("role").refuse("one of the roles");
    for (const Entry& agent : entry.at("agents").list(0, size_t(role->count)))
        members.agents.push_back(
            int(agent.integer(members.agents.empty() ? 0 : members.agents.back() + 1, role->count - 1)));
    return members;
}

PolicySpec read_spec(const Entry& entry, const std::vector<RoleRange>& roles) {
    PolicySpec spec;
    spec.name = entry.at("name").text();
    for (const Entry& member : entry.at("members").list(1, max_roles))
        spec.members.push_back(read_members(member, roles));
    for (const Entry& action : entry.at("actions").list(1, max_policy_actions))
        spec.actions.push_back(read_action(action));
    for (const Entry& part : entry.at("parts").list(1, max_input_parts)) spec.parts.push_back(read_part(part));
    spec.num_identities = int(entry.at("num_identities").integer(0, most_numbers));
    for (const Entry& part : entry.at("critic_parts").list(0, max_input_parts)) {
        PolicySpec::CriticPart& critic = spec.critic_parts.emplace_back();
        critic.part = read_part(part), critic.of_world = part.at("of_world").boolean();
        critic.first_agent = int(part.at("first_agent").integer(0, most_numbers));
        critic.num_agents = int(part.at("num_agents").integer(0, critic.part.elements()));
        if (critic.num_agents && critic.part.elements() % critic.num_agents)
            part.at("num_agents").refuse("a divisor of the part's elements");
    }
    int planes = 0, critic_planes = spec.num_identities > 0;
    for (const PolicySpec::Part& part : spec.parts) planes += part.planes();
    for (const PolicySpec::CriticPart& critic : spec.critic_parts) critic_planes += critic.part.planes();
    for (const auto& [key, count] : {std::pair{"parts", planes}, std::pair{"critic_parts", critic_planes}})
        if (count > max_input_parts)
            entry.at(key).refuse("at most " + std::to_string(max_input_parts) + " parts, each flag counted");
    return spec;
}

std::vector<RoleRange> read_roles(const Entry& entry) {
    std::vector<RoleRange> roles;
    std::set<std::string> names;
    int64_t agents = 0;
    for (const Entry& item : entry.list(1, max_roles)) {
        roles.push_back({item.at("name").text(), int(item.at("first").integer(agents, agents)),
                         int(item.at("count").integer(1, most_numbers - agents))});
        agents += roles.back().count;
        if (!names.insert(roles.back().name).second) item.at("name").refuse("a unique role name");
    }
    return roles;
}

/// Every agent has one policy.
void check_partition(const Entry& entry, const std::vector<PolicySpec>& specs, const std::vector<RoleRange>& roles) {
    for (const RoleRange& role : roles) {
        std::set<int> agents;
        int64_t count = 0;
        for (const PolicySpec& spec : specs)
            for (const PolicySpec::Members& members : spec.members) {
                if (members.role != role.name) continue;
                agents.insert(members.agents.begin(), members.agents.end());
                count += members.agents.empty() ? role.count : int64_t(members.agents.size());
            }
        if (count != role.count || (!agents.empty() && int64_t(agents.size()) != count))
            entry.refuse("one policy for every agent of role " + in_quotes(role.name));
    }
}

std::vector<PolicySpec> read_specs(const Entry& entry, const std::vector<RoleRange>& roles) {
    std::vector<PolicySpec> specs;
    std::set<std::string> names;
    for (const Entry& item : entry.list(1, most_numbers)) {
        specs.push_back(read_spec(item, roles));
        if (!names.insert(specs.back().name).second) item.at("name").refuse("a unique policy name");
    }
    check_partition(entry, specs, roles);
    return specs;
}

TrainConfig read_training_settings(const Archive& archive) {
    Settings settings = JsonText(archive, "training_settings")->settings();
    TrainConfig config;
    try {
        read_config(config, settings);
    } catch (const std::invalid_argument& error) {
        throw DamagedCheckpoint(archive.place() + "training_settings." + error.what());
    }
    return config;
}

/// Adds the settings that policies have of their own.
void read_group_settings(const Archive& archive, const std::vector<PolicySpec>& policies, TrainConfig& config) {
    const JsonText groups(archive, "group_settings");
    for (const auto& [name, entry] : groups->items()) {
        if (std::none_of(policies.begin(), policies.end(),
                         [&, &name = name](const PolicySpec& spec) { return spec.name == name; }))
            entry.refuse("the name of a policy in front of them");
        const Settings settings = entry.settings();
        try {
            config.set_group(name, settings);
        } catch (const std::invalid_argument& error) {
            throw DamagedCheckpoint(archive.place() + "group_settings: " + error.what());
        }
    }
}

bool is_of_version(const Archive& archive, int version) {
    return archive.text("format_version") == std::to_string(version);
}

void check_format(const Archive& archive) {
    if (archive.text("format") != "flockstep checkpoint")
        throw DamagedCheckpoint(archive.place() + "its format is " + in_quotes(archive.text("format")) +
                                ", want \"flockstep checkpoint\"");
    if (!is_of_version(archive, checkpoint_version) && !is_of_version(archive, oldest_checkpoint_version))
        throw DamagedCheckpoint(archive.place() + "its format version is " + in_quotes(archive.text("format_version")) +
                                ", this Flockstep reads " + std::to_string(oldest_checkpoint_version) + " and " +
                                std::to_string(checkpoint_version));
}
}  // namespace

void write_info(Archive& archive, const CheckpointInfo& info) {
    archive.metadata["format"] = "flockstep checkpoint";
    archive.metadata["format_version"] = std::to_string(checkpoint_version);
    archive.metadata["environment"] = info.environment;
    archive.metadata["environment_settings"] = to_json(info.environment_settings.values()).dump();
    archive.metadata["training_settings"] = to_json(write_config(info.config).values()).dump();
    Json groups = Json::object();
    for (const auto& [name, settings] : info.config.group_settings) groups[name] = to_json(settings);
    archive.metadata["group_settings"] = groups.dump();
    Json policies = Json::array();
    for (const PolicySpec& spec : info.policies) policies.push_back(to_json(spec));
    archive.metadata["roles"] = roles_json(info.roles).dump();
    archive.metadata["policies"] = policies.dump();
    archive.metadata["progress"] = Json{{"iterations", info.iterations}, {"seconds", info.seconds}}.dump();
}

CheckpointInfo read_info(const Archive& archive) {
    check_format(archive);
    CheckpointInfo info;
    info.environment = archive.text("environment");
    info.environment_settings = JsonText(archive, "environment_settings")->settings();
    info.config = read_training_settings(archive);
    info.roles = read_roles(*JsonText(archive, "roles"));
    info.policies = read_specs(*JsonText(archive, "policies"), info.roles);
    if (!is_of_version(archive, oldest_checkpoint_version)) read_group_settings(archive, info.policies, info.config);
    const JsonText progress(archive, "progress");
    info.iterations = progress->at("iterations").integer(0, most_iterations);
    info.seconds = progress->at("seconds").number(0, most_seconds);
    return info;
}

}  // namespace flockstep
