#include "trainer/run/checkpoint.h"

#include <cstring>
#include <stdexcept>

#include "io/json.h"
#include "trainer/policy.h"

namespace flockstep {

namespace {
Settings to_settings(const Json& json) {
    Settings settings;
    for (const auto& [key, value] : json.items()) {
        if (value.is_boolean())
            settings.set(key, value.get<bool>());
        else if (value.is_number_integer())
            settings.set(key, value.get<int64_t>());
        else if (value.is_number())
            settings.set(key, value.get<double>());
        else
            settings.set(key, value.get<std::string>());
    }
    return settings;
}

Json to_json(const std::vector<PolicySpec>& specs) {
    Json list = Json::array();
    for (const PolicySpec& spec : specs) {
        Json parts = Json::array();
        for (const PolicySpec::Part& part : spec.parts)
            parts.push_back({{"name", part.name},
                             {"dtype", name_of(part.dtype)},
                             {"shape", part.shape},
                             {"scale", part.scale},
                             {"num_flags", part.num_flags}});
        list.push_back({{"role", spec.role},
                        {"first", spec.first},
                        {"count", spec.count},
                        {"parts", parts},
                        {"num_actions", spec.num_actions},
                        {"action_mask", spec.action_mask}});
    }
    return list;
}
std::vector<PolicySpec> to_specs(const Json& list) {
    std::vector<PolicySpec> specs;
    for (const Json& json : list) {
        PolicySpec spec{json.at("role"),        json.at("first"),      json.at("count"), {},
                        json.at("num_actions"), json.at("action_mask")};
        for (const Json& part : json.at("parts"))
            spec.parts.push_back({part.at("name"), observation_dtype(part.at("dtype")), part.at("shape"),
                                  part.at("scale"), part.at("num_flags")});
        specs.push_back(std::move(spec));
    }
    return specs;
}
}  // namespace

void write_info(Archive& archive, const CheckpointInfo& info) {
    archive.metadata["format"] = "flockstep checkpoint";
    archive.metadata["format_version"] = std::to_string(checkpoint_version);
    archive.metadata["environment"] = info.environment;
    archive.metadata["environment_settings"] = to_json(info.environment_settings.values()).dump();
    archive.metadata["training_settings"] = to_json(write_config(info.config).values()).dump();
    archive.metadata["policies"] = to_json(info.policies).dump();
    archive.metadata["progress"] = Json{{"iterations", info.iterations}, {"seconds", info.seconds}}.dump();
}

CheckpointInfo read_info(const Archive& archive) {
    if (archive.text("format") != "flockstep checkpoint")
        throw std::invalid_argument("checkpoint: its format is " + in_quotes(archive.text("format")) +
                                    ", want \"flockstep checkpoint\"");
    if (archive.text("format_version") != std::to_string(checkpoint_version))
        throw std::invalid_argument("checkpoint: its format version is " + archive.text("format_version") +
                                    ", this Flockstep reads " + std::to_string(checkpoint_version));
    try {
        CheckpointInfo info;
        info.environment = archive.text("environment");
        info.environment_settings = to_settings(Json::parse(archive.text("environment_settings")));
        Settings training = to_settings(Json::parse(archive.text("training_settings")));
        read_config(info.config, training);
        info.policies = to_specs(Json::parse(archive.text("policies")));
        const Json progress = Json::parse(archive.text("progress"));
        info.iterations = progress.at("iterations"), info.seconds = progress.at("seconds");
        return info;
    } catch (const nlohmann::json::exception&) {
        throw std::invalid_argument("checkpoint: its metadata is damaged");
    }
}

namespace {
struct FlatArray {
    const char* name;
    float* data;
};
std::vector<FlatArray> flat_arrays(const Policy& policy, bool with_moments) {
    std::vector<FlatArray> arrays{{"parameter", policy.parameter()}};
    if (with_moments)
        arrays.insert(arrays.end(),
                      {{"first_moment", policy.first_moment()}, {"second_moment", policy.second_moment()}});
    return arrays;
}
}  // namespace

void save_policy(Archive& archive, const Policy& policy, Memory& memory) {
    std::vector<float> numbers(size_t(policy.size()));
    for (const FlatArray& flat : flat_arrays(policy, true)) {
        memory.to_host(numbers.data(), flat.data, numbers.size() * 4);
        for (const Parameter& p : policy.parameters())
            archive.add(policy.spec().role + "." + flat.name + "." + p.name, DType::float32, p.shape,
                        numbers.data() + p.offset);
    }
}

void restore_policy(const Archive& archive, Policy& policy, Memory& memory, bool with_moments) {
    for (const FlatArray& flat : flat_arrays(policy, with_moments)) {
        std::vector<float> numbers(size_t(policy.size()), 0.0f);
        for (const Parameter& p : policy.parameters()) {
            const NamedArray& array =
                archive.expect(policy.spec().role + "." + flat.name + "." + p.name, DType::float32, p.shape);
            memcpy(numbers.data() + p.offset, array.bytes.data(), array.bytes.size());
        }
        memory.from_host(flat.data, numbers.data(), numbers.size() * 4);
    }
    policy.refresh();
}

}  // namespace flockstep
