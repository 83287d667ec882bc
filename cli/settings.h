#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "io/toml.h"
#include "sim/contract/config.h"
#include "trainer/config.h"

namespace flockstep {

/// Settings that belong together: a table of a configuration file, and the keys it may hold.
struct SettingGroup {
    std::string table;  // "environment", "trainer", "batch"
    std::vector<FieldDescription> fields;
    std::vector<OtherName> other_names = {};  // what users of other trainers and earlier versions may write
    bool knows(const std::string& key) const;
    /// What is wanted in place of a key by another name, or null.
    const char* wanted_for(const std::string& key) const;
};

/// Of a run folder's config.toml; counts changes of the names and meanings of settings.
inline constexpr int config_version = 2;

/// Fields of a Config with the values it holds now as their defaults.
template <class Config>
std::vector<FieldDescription> describe(Config config) {
    std::vector<FieldDescription> list;
    config.fields(detail::FieldLister{list});
    return list;
}

/// The settings of an environment as a group. Throws std::invalid_argument for an unknown name.
SettingGroup environment_group(const std::string& name);

/// The open-ended settings that a command was given, by a file and on the command line (which wins), each with the
/// table that it was given for and the place that it came from, so that a refusal can name it.
class GivenSettings {
  public:
    /// `--key value` of the command line, for every table that has the key; `--table.key value` for one table. Throws
    /// std::invalid_argument for what is no UTF-8: files of settings and checkpoints could not hold it.
    void set(const std::string& key, Value value);
    /// All of a TOML file: keys in front of the first table belong to whoever knows them, others to the group of their
    /// table. `environment = "NAME"`, or `name` in [environment], names the environment. Command-line values stay.
    /// Throws std::invalid_argument that names file and line.
    void add_file(const std::filesystem::path& path);
    /// The same of a text, such as a recipe's; `source` names it in refusals.
    void add_text(const std::string& text, const std::string& source);

    /// Settings of the file's table [cpu] or [cuda], whichever `device_table` names, count as if they stood in no
    /// table, and win over those that do; the other table's are dropped. Refuse unknown keys first.
    void choose_device(const std::string& device_table);

    /// Name of the environment that a file gave, or empty.
    const std::string& environment() const { return environment_; }

    /// Throws std::invalid_argument for the first key (or table) that no group knows, with its place and the known key
    /// nearest to it; and for a key without a table that groups of several tables know.
    void refuse_unknown(const std::vector<SettingGroup>& groups) const;

    /// The value of a key that was given for `table`, or for no table; null if there is none.
    const Value* find(const std::string& table, const std::string& key) const;
    /// The values of one group's keys.
    Settings of(const SettingGroup& group) const;

    /// A refusal sentence that begins with a key, with the place that the key's value came from in front.
    std::string with_place(const std::string& sentence) const;

    /// Fills a Config from the keys of its group.
    template <class Config>
    void read(Config& config, const std::string& table) const {
        Settings settings = of({table, describe(config)});
        read_config(config, settings);
    }

  private:
    struct Given {
        std::string table;  // empty: any group that knows the key
        std::string key;
        Value value;
        std::string place;  // "file:line", or empty for the command line
        bool is_for(const std::string& other) const { return table.empty() || table == other; }
    };
    void add_entries(std::vector<TomlEntry> entries, const std::string& source);
    /// Adds a file's entry, unless one of `flags` wins.
    void take(const Given& given, const std::vector<Given>& flags);
    std::vector<Given> given_on_command_line() const;
    std::vector<Given> given_;
    std::string environment_;
};

}  // namespace flockstep
