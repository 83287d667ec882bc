#include "trainer/cli_settings.h"

#include <algorithm>
#include <stdexcept>

#include "trainer/toml.h"

namespace flockstep {

bool SettingGroup::knows(const std::string& key) const {
    return std::any_of(fields.begin(), fields.end(), [&](const FieldDescription& field) { return field.name == key; });
}

void GivenSettings::set(const std::string& key, Value value) {
    std::erase_if(given_, [&](const Given& other) { return other.key == key; });
    given_.push_back({key, std::move(value), "", ""});
}

bool GivenSettings::has(const std::string& key) const {
    return std::any_of(given_.begin(), given_.end(), [&](const Given& given) { return given.key == key; });
}

void GivenSettings::add_file(const std::filesystem::path& path) {
    for (const TomlEntry& entry : read_toml(path))
        take({entry.key, entry.value, entry.table, path.string() + ":" + std::to_string(entry.line)});
}

void GivenSettings::take(const Given& given) {
    const bool names_environment =
        (given.table.empty() && given.key == "environment") || (given.table == "environment" && given.key == "name");
    if (names_environment) {
        const auto* name = std::get_if<std::string>(&given.value);
        if (!name)
            throw std::invalid_argument(given.place + ": " + given.key + ": got " + to_text(given.value) +
                                        ", want the name of an environment");
        environment_ = *name;
    } else if (given.table.empty() && given.key == "format_version") {
        if (to_text(given.value) != "1")
            throw std::invalid_argument(given.place + ": format_version: got " + to_text(given.value) + ", want 1");
    } else if (const bool is_overridden =
                   has(given.key) &&
                   std::any_of(given_.begin(), given_.end(),
                               [&](const Given& other) { return other.key == given.key && other.place.empty(); });
               !is_overridden) {
        given_.push_back(given);
    }
}

void GivenSettings::choose_device(const std::string& device_table) {
    std::vector<Given> chosen;
    for (const Given& given : given_)
        if (given.table == device_table) chosen.push_back({given.key, given.value, "", given.place});
    std::erase_if(given_, [&](const Given& given) {
        const bool is_of_device = given.table == "cpu" || given.table == "cuda";
        return is_of_device ||
               std::any_of(chosen.begin(), chosen.end(), [&](const Given& winner) { return winner.key == given.key; });
    });
    given_.insert(given_.end(), chosen.begin(), chosen.end());
}

void GivenSettings::refuse_unknown(const std::vector<SettingGroup>& groups) const {
    for (const Given& given : given_) {
        const std::string where = given.place.empty() ? "command line" : given.place;
        std::vector<std::string> known;
        std::string tables;
        bool is_table = given.table.empty();
        for (const SettingGroup& group : groups) {
            tables += (tables.empty() ? "[" : ", [") + group.table + "]";
            if (!given.table.empty() && group.table != given.table) continue;
            is_table = true;
            for (const FieldDescription& field : group.fields) known.push_back(field.name);
        }
        if (!is_table) throw std::invalid_argument(where + ": got table [" + given.table + "], want one of " + tables);
        Settings one;
        one.set(given.key, given.value);
        if (std::find(known.begin(), known.end(), given.key) != known.end()) one.mark_read(given.key);
        one.refuse_unread(where, known);
    }
}

Settings GivenSettings::of(const SettingGroup& group) const {
    Settings settings;
    for (const Given& given : given_)
        if (group.knows(given.key) && (given.table.empty() || given.table == group.table))
            settings.set(given.key, given.value);
    return settings;
}

std::string GivenSettings::with_place(const std::string& sentence) const {
    for (const Given& given : given_)
        if (!given.place.empty() && sentence.rfind(given.key + ":", 0) == 0) return given.place + ": " + sentence;
    return sentence;
}

}  // namespace flockstep
