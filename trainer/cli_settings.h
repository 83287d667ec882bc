#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sim/contract/config.h"

namespace flockstep {

/// Settings that belong together: a table of a configuration file, and the keys it may hold.
struct SettingGroup {
    std::string table;  // "environment", "trainer", "batch"
    std::vector<FieldDescription> fields;
    bool knows(const std::string& key) const;
};

/// The open-ended `key = value` settings that a command was given, by a file and on the command line (which wins), with
/// the place that each came from, so that a refusal can name it.
class GivenSettings {
  public:
    /// `--key value` of the command line.
    void set(const std::string& key, Value value);
    /// All of a TOML file: keys in front of the first table belong to whoever knows them, others to the group of their
    /// table. `environment = "NAME"`, or `name` in [environment], names the environment. Command-line values stay.
    /// Throws std::invalid_argument that names file and line.
    void add_file(const std::filesystem::path& path);

    /// Settings of the file's table [cpu] or [cuda], whichever `device_table` names, count as if they stood in no
    /// table, and win over those that do; the other table's are dropped. Refuse unknown keys first.
    void choose_device(const std::string& device_table);

    /// Name of the environment that a file gave, or empty.
    const std::string& environment() const { return environment_; }

    /// Throws std::invalid_argument for the first key (or table) that no group knows, with its place and the known key
    /// nearest to it.
    void refuse_unknown(const std::vector<SettingGroup>& groups) const;

    /// The values of one group's keys.
    Settings of(const SettingGroup& group) const;
    bool has(const std::string& key) const;

    /// A refusal sentence that begins with a key, with the place that the key's value came from in front.
    std::string with_place(const std::string& sentence) const;

    /// Fills a Config from the keys of its group.
    template <class Config>
    void read(Config& config, const std::string& table) const {
        Settings settings = of({table, describe_config<Config>()});
        read_config(config, settings);
    }

  private:
    struct Given {
        std::string key;
        Value value;
        std::string table;  // empty: any group that knows the key
        std::string place;  // "file:line", or empty for the command line
    };
    void take(const Given& given);
    std::vector<Given> given_;
    std::string environment_;
};

}  // namespace flockstep
