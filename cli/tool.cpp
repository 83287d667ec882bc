#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "cli/cli.h"
#include "cli/tables.h"
#include "io/text_table.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
std::string names_of(const std::vector<Tool>& tools) {
    std::string names;
    for (const Tool& tool : tools) names += (names.empty() ? "" : ", ") + tool.name;
    return names;
}

std::vector<const EnvironmentEntry*> environments_with_tools() {
    std::vector<const EnvironmentEntry*> list;
    for (const EnvironmentEntry& entry : registry().entries())
        if (entry.info.tools && !entry.is_test) list.push_back(&entry);
    return list;
}

/// The commands of an environment. Throws std::invalid_argument if the environment is unknown or has none.
std::vector<Tool> tools_of(const std::string& environment) {
    const EnvironmentEntry& entry = registry().find(environment);
    if (entry.info.tools) return entry.info.tools();
    std::string known;
    for (const EnvironmentEntry* other : environments_with_tools()) known += (known.empty() ? "" : ", ") + other->name;
    throw std::invalid_argument("environment: got " + in_quotes(environment) +
                                ", which has no commands, want one of: " + known);
}

Tool find_tool(const std::string& environment, const std::string& command) {
    const std::vector<Tool> tools = tools_of(environment);
    for (const Tool& tool : tools)
        if (tool.name == command) return tool;
    throw std::invalid_argument("command of " + environment + ": got " + in_quotes(command) +
                                ", want one of: " + names_of(tools));
}

std::string list_environments() {
    TextTable table({"environment", "commands"});
    for (const EnvironmentEntry* entry : environments_with_tools())
        table.add({entry->name, names_of(entry->info.tools())});
    return table.text() + "\nCommands of an environment: flockstep tool NAME\n";
}

std::string list_commands(const std::string& environment) {
    TextTable table({"command", "summary"});
    for (const Tool& tool : tools_of(environment)) table.add({tool.name, tool.help});
    return table.text() + "\nOptions of a command: flockstep tool " + environment + " COMMAND --help\n";
}
}  // namespace

std::string tool_help(const std::vector<std::string>& names) {
    if (names.empty()) return list_environments();
    if (names.size() == 1) return list_commands(names[0]);
    const Tool tool = find_tool(names[0], names[1]);
    return names[0] + " " + tool.name + ": " + tool.help + "\n\nOptions, as --key value:\n" +
           settings_table(tool.options);
}

int run_tool(const Command& command) {
    const std::vector<std::string>& names = command.names;
    if (names.size() < 2) {
        command.given.refuse_unknown({});
        std::fputs(tool_help(names).c_str(), stdout);
        return 0;
    }
    const Tool tool = find_tool(names[0], names[1]);
    if (names.size() > 2)
        throw std::invalid_argument("option of " + names[0] + " " + tool.name + ": got " + in_quotes(names[2]) +
                                    ", want --key value; see flockstep tool " + names[0] + " " + tool.name + " --help");
    const SettingGroup options{"tool", tool.options};
    command.given.refuse_unknown({options});
    tool.run(command.given.of(options), std::cout);
    if (!std::cout.flush()) throw std::runtime_error("standard output: cannot be written");
    return 0;
}

}  // namespace flockstep
