#include "cli/settings.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string_view>

#include "io/quote.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
/// A list of distinct tables: "[trainer], [environment]".
class Tables {
  public:
    void add(const std::string& table) {
        if (!has(table)) names_.push_back(table);
    }
    bool has(const std::string& table) const { return std::find(names_.begin(), names_.end(), table) != names_.end(); }
    size_t size() const { return names_.size(); }
    std::string text() const {
        std::string text;
        for (const std::string& name : names_) text += (text.empty() ? "[" : ", [") + name + "]";
        return text;
    }

  private:
    std::vector<std::string> names_;
};

/// Whether a table is for one kind of device; its settings may be of any other table.
bool is_device_table(const std::string& table) { return table == "cpu" || table == "cuda"; }

constexpr std::string_view group_prefix = "groups.", any_group = "groups.NAME";
/// Whether a table has the settings of one group.
bool is_group_table(const std::string& table) { return table.starts_with(group_prefix); }

/// What `read` gives, with a sentence of its own for the key `groups` beside tables of that name.
template <class Read>
std::vector<TomlEntry> entries_of(Read read, const std::string& source) {
    try {
        return read();
    } catch (const std::invalid_argument& error) {
        const std::string_view what = error.what();
        if (what.find("cannot redefine existing") == what.npos || what.find(" 'groups.") == what.npos ||
            !what.ends_with(" as table"))
            throw;
        throw std::invalid_argument(source +
                                    ": groups: got this key in front of the tables [groups.NAME], which TOML does not "
                                    "allow; want it in [trainer]");
    }
}
}  // namespace

bool SettingGroup::knows(const std::string& key) const {
    return std::any_of(fields.begin(), fields.end(), [&](const FieldDescription& field) { return field.name == key; });
}
const char* SettingGroup::wanted_for(const std::string& key) const {
    std::string lower = key;  // JaxMARL's names are CleanRL's in capitals
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    for (const OtherName& other : other_names)
        if (other.name == lower) return other.wanted;
    if (lower != key)
        for (const FieldDescription& field : fields)
            if (field.name == lower) return field.name.c_str();
    return nullptr;
}

bool GivenSettings::Given::is_for(const std::string& other) const {
    if (is_group_table(table)) return other == table || other == any_group;
    return table == other || (table.empty() && !is_group_table(other));
}
std::string GivenSettings::Given::name() const { return is_group_table(table) ? table + "." + key : key; }

SettingGroup environment_group(const std::string& name) { return {"environment", registry().find(name).info.fields}; }

void GivenSettings::set(const std::string& key, Value value) {
    if (const auto* text = std::get_if<std::string>(&value); !is_utf8(key) || (text && !is_utf8(*text)))
        throw std::invalid_argument(escaped(key) + ": got " + in_quotes(text ? *text : key) + ", want UTF-8 text");
    const size_t dot = key.rfind('.');
    Given given{"", key, std::move(value), ""};
    if (dot != std::string::npos) given.table = key.substr(0, dot), given.key = key.substr(dot + 1);
    std::erase_if(given_, [&](const Given& other) { return other.table == given.table && other.key == given.key; });
    given_.push_back(std::move(given));
}

void GivenSettings::set_flag(const std::string& key) {
    set(key, true);
    given_.back().has_value = false;
}

void GivenSettings::expect_value(const Given& given, const SettingGroup& group) {
    for (const FieldDescription& field : group.fields)
        if (!given.has_value && field.name == given.key && field.type != "bool")
            throw std::invalid_argument(given.name() + ": got no value, want " + field.expected);
}

void GivenSettings::add_file(const std::filesystem::path& path) {
    const std::string source = path_text(path.string());
    add_entries(entries_of([&] { return read_toml(path); }, source), source);
}
void GivenSettings::add_text(const std::string& text, const std::string& source) {
    add_entries(entries_of([&] { return parse_toml(text, source); }, source), source);
}
void GivenSettings::add_entries(std::vector<TomlEntry> entries, const std::string& source) {
    const std::vector<Given> flags = given_on_command_line();
    for (TomlEntry& entry : entries)
        take({entry.table, entry.key, std::move(entry.value), source + ":" + std::to_string(entry.line)}, flags);
}

std::vector<GivenSettings::Given> GivenSettings::given_on_command_line() const {
    std::vector<Given> flags;
    for (const Given& given : given_)
        if (given.place.empty()) flags.push_back(given);
    return flags;
}

void GivenSettings::take(const Given& given, const std::vector<Given>& flags) {
    const bool is_for_any = given.table.empty() || is_device_table(given.table);
    const bool names_environment =
        (given.table.empty() && given.key == "environment") || (given.table == "environment" && given.key == "name");
    if (names_environment) {
        const auto* name = std::get_if<std::string>(&given.value);
        if (!name)
            throw std::invalid_argument(given.place + ": " + given.key + ": got " + escaped(to_text(given.value)) +
                                        ", want the name of an environment");
        environment_ = *name;
    } else if (given.table.empty() && given.key == "format_version") {
        const std::string wanted = std::to_string(config_version);
        if (to_text(given.value) != wanted)
            throw std::invalid_argument(given.place + ": format_version: got " + escaped(to_text(given.value)) +
                                        ", want " + wanted + "; settings have other names in other versions");
    } else if (std::none_of(flags.begin(), flags.end(), [&](const Given& flag) {
                   return flag.key == given.key &&
                          (is_for_any ? !is_group_table(flag.table) : flag.is_for(given.table));
               })) {
        given_.push_back(given);
    }
}

void GivenSettings::choose_device(const std::string& device_table) {
    std::vector<Given> chosen;
    for (const Given& given : given_)
        if (given.table == device_table) chosen.push_back({"", given.key, given.value, given.place});
    std::erase_if(given_, [&](const Given& given) {
        const auto is_its_key = [&](const Given& winner) { return winner.key == given.key; };
        return is_device_table(given.table) ||
               (!is_group_table(given.table) && std::any_of(chosen.begin(), chosen.end(), is_its_key));
    });
    given_.insert(given_.end(), chosen.begin(), chosen.end());
}

void GivenSettings::refuse_unknown(const std::vector<SettingGroup>& groups) const {
    for (const Given& given : given_) {
        const std::string source = given.place.empty() ? "command line" : given.place;
        std::vector<std::string> known;
        Tables tables, owners;
        const char* wanted = nullptr;  // the right name, if the key is a known alias
        for (const SettingGroup& group : groups) {
            tables.add(group.table);
            if (!given.is_for(group.table) || (given.table.empty() && is_device_table(group.table))) continue;
            if (group.knows(given.key)) owners.add(group.table), expect_value(given, group);
            if (!wanted) wanted = group.wanted_for(given.key);
            for (const FieldDescription& field : group.fields) known.push_back(field.name);
        }
        const std::string table = is_group_table(given.table) ? std::string(any_group) : given.table;
        if (!table.empty() && !tables.has(table))
            throw std::invalid_argument(source + ": got table [" + escaped(given.table) + "], want one of " +
                                        tables.text());
        if (owners.size() == 0 && wanted)
            throw std::invalid_argument(source + ": unknown key " + in_quotes(given.key) + ", want " + wanted);
        if (owners.size() == 0) throw std::invalid_argument(unknown_key(source, given.key, known));
        if (owners.size() > 1)
            throw std::invalid_argument(source + ": " + given.key + ": ambiguous without a table, want one of " +
                                        owners.text());
    }
}

const Value* GivenSettings::find(const std::string& table, const std::string& key) const {
    for (const Given& given : given_)
        if (given.key == key && given.is_for(table)) return &given.value;
    return nullptr;
}

bool GivenSettings::gives(const std::string& table, const std::string& key, const std::string& except_source) const {
    return std::any_of(given_.begin(), given_.end(), [&](const Given& given) {
        const bool is_excepted = !except_source.empty() && given.place.rfind(except_source + ":", 0) == 0;
        return given.key == key && given.is_for(table) && !is_excepted;
    });
}

Settings GivenSettings::of(const SettingGroup& group) const {
    Settings settings;
    for (const Given& given : given_)
        if (group.knows(given.key) && given.is_for(group.table)) {
            expect_value(given, group);
            settings.set(given.key, given.value);
        }
    return settings;
}

std::map<std::string, Settings> GivenSettings::of_groups() const {
    std::map<std::string, Settings> groups;
    for (const Given& given : given_)
        if (is_group_table(given.table)) groups[given.table.substr(group_prefix.size())].set(given.key, given.value);
    return groups;
}

std::string GivenSettings::with_place(const std::string& message) const {
    const auto begins = [&](const std::string& text) { return message.starts_with(text + ":"); };
    for (const Given& given : given_)
        if (!given.place.empty() && (begins(given.name()) || (is_group_table(given.table) && begins(given.table))))
            return given.place + ": " + message;
    return message;
}

}  // namespace flockstep
