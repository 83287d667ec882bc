#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/toml.h"
#include "sim/contract/config.h"
#include "trainer/config.h"
#include "trainer/run/run_folder.h"

namespace flockstep {

/// A table of a settings file and the keys it may contain.
struct SettingGroup {
    std::string table;  // "environment", "trainer", "batch"; "groups.NAME" stands for every [groups.*]
    std::vector<FieldDescription> fields;
    std::vector<OtherName> other_names = {};  // names in other trainers and earlier versions
    bool knows(const std::string& key) const;
    /// The right name for a key given by another name, or null.
    const char* wanted_for(const std::string& key) const;
};

/// The fields of a Config; its current values are the defaults.
template <class Config>
std::vector<FieldDescription> describe(Config config) {
    std::vector<FieldDescription> list;
    config.fields(detail::FieldLister{list});
    return list;
}

/// The settings of an environment as a group. Throws std::invalid_argument for an unknown name.
SettingGroup environment_group(const std::string& name);

/// The settings given to a command, in files and on the command line, which takes precedence. Each remembers its table
/// and where it came from, for error messages.
class GivenSettings {
  public:
    /// Adds `--key value` of the command line, for any table that has the key, or `--table.key value`, for one table;
    /// what is in front of the last dot is the table, such as groups.left.
    /// Throws std::invalid_argument unless both are UTF-8, which config.toml and checkpoints require.
    void set(const std::string& key, Value value);
    /// Adds `--key` without a value: true for a bool, refused where a setting of another type reads it.
    void set_flag(const std::string& key);
    /// Adds the settings of a TOML file. Keys before the first table are for any table that has the key. `environment =
    /// "NAME"`, or `name` in [environment], selects the environment. Command-line settings take precedence. Throws
    /// std::invalid_argument that names file and line. Settings of a table [groups.NAME] are that group's alone: those
    /// of other tables, of devices and without a table leave them alone.
    void add_file(const std::filesystem::path& path);
    /// The same for TOML text, such as a recipe; `source` is its name in error messages.
    void add_text(const std::string& text, const std::string& source);

    /// Moves the settings of the table `device_table`, [cpu] or [cuda], to the top level, where they replace settings
    /// of the same name, and drops those of the other table. Call refuse_unknown() first.
    void choose_device(const std::string& device_table);

    /// Name of the environment given in a file, or empty.
    const std::string& environment() const { return environment_; }

    /// Throws std::invalid_argument for the first key or table that no group has, with its place and the closest known
    /// key, and for a top-level key that is ambiguous because several tables have it.
    void refuse_unknown(const std::vector<SettingGroup>& groups) const;

    /// The value given for a key in `table` or at the top level, or null.
    const Value* find(const std::string& table, const std::string& key) const;
    /// Whether a key of `table` is given, except by the TOML text of this source; empty: by any.
    bool gives(const std::string& table, const std::string& key, const std::string& except_source) const;
    /// The settings of one group. Throws std::invalid_argument, "gamma: got no value, want a number from 0 to 1", where
    /// the command line gives a setting that is no bool without a value.
    Settings of(const SettingGroup& group) const;

    /// The settings of each [groups.NAME], by name.
    std::map<std::string, Settings> of_groups() const;

    /// Prefixes an error message that starts with a key, or with a table of a group, with the place that the value came
    /// from.
    std::string with_place(const std::string& message) const;

    /// Fills a Config from the keys of its group.
    template <class Config>
    void read(Config& config, const std::string& table) const {
        Settings settings = of({table, describe(config)});
        read_config(config, settings);
    }

  private:
    struct Given {
        std::string table;  // empty: any table that has the key
        std::string key;
        Value value;
        std::string place;      // "file:line", or empty for the command line
        bool has_value = true;  // false: --key alone
        bool is_for(const std::string& other) const;
        /// In messages: the key, behind the table of a group.
        std::string name() const;
    };
    static void expect_value(const Given& given, const SettingGroup& group);
    void add_entries(std::vector<TomlEntry> entries, const std::string& source);
    /// Adds an entry of a file unless one of `flags` overrides it.
    void take(const Given& given, const std::vector<Given>& flags);
    std::vector<Given> given_on_command_line() const;
    std::vector<Given> given_;
    std::string environment_;
};

}  // namespace flockstep
