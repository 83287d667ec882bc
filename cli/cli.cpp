#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "build_info.h"
#include "cli/recipes.h"
#include "cli/tables.h"
#include "io/quote.h"
#include "sim/engine/registry.h"

namespace flockstep {

namespace {
using Arguments = std::vector<std::string>;

/// The commands and their fixed options; settings are open-ended and not known to CLI11.
class CommandLine {
  public:
    CommandLine()
        : app_("Flockstep: multi-agent environments stepped by the thousand, and a PPO trainer.", "flockstep") {
        app_.set_help_flag("-h,--help", "show this help; after a command, the help of the command");
        app_.set_version_flag("--version", std::string("flockstep ") + build_version() + " (" + build_commit() + ")");
        app_.require_subcommand(0, 1);
        CLI::App* list = add("list", "list environments and recipes; with NAME: settings, spaces, metrics, policies");
        list->add_option("NAME", command.names, "an environment");
        add_run(add("train", "train a policy with PPO"))
            ->add_option("--resume", command.resume, "continue the training run of this folder");
        CLI::App* evaluate = add_run(add("eval", "evaluate a policy: the environment's metrics over fresh episodes"));
        evaluate->add_option("--checkpoint", command.checkpoint,
                             "the trained policy: a checkpoint file or its run folder");
        evaluate->add_flag("--json", command.json, "print one JSON object instead of a table");
        CLI::App* bench = add_run(add("bench", "measure steps per second and the share of memory bandwidth"));
        bench->add_flag("--json", command.json, "print one JSON object per line");
        CLI::App* render = add_run(add("render", "record an episode as a self-contained HTML page"));
        render->add_option("--checkpoint", command.checkpoint,
                           "the trained policy: a checkpoint file or its run folder");
        render->add_option("--output", command.output, "the file to write; default: NAME.html");
        CLI::App* tool = add("tool", "run a command of an environment, such as a map generator or converter");
        tool->set_help_flag("-h,--help", "show this help; after NAME COMMAND: the options of that command");
        tool->add_option("NAME", command.names,
                         "an environment and one of its commands; omit them to list what is available");
    }

    CLI::App& app() { return app_; }
    /// Null if there is no such command.
    CLI::App* find(const std::string& name) {
        for (CLI::App* sub : app_.get_subcommands({}))
            if (sub->get_name() == name) return sub;
        return nullptr;
    }
    Command command;

  private:
    CLI::App* add(const std::string& name, const std::string& text) {
        CLI::App* sub = app_.add_subcommand(name, text);
        sub->set_help_flag("-h,--help", "show this help; with NAME: also the settings of that environment");
        return sub;
    }
    CLI::App* add_run(CLI::App* sub) {
        const bool is_bench = sub->get_name() == "bench";
        sub->add_option("NAME", command.names, is_bench ? "environments" : "an environment");
        sub->add_option("--config", command.config, config_help(sub->get_name()));
        return sub;
    }
    static std::string config_help(const std::string& command) {
        if (command == "train")
            return "a TOML file, a shipped recipe, or none (bare defaults); if not given, the recipe of NAME";
        if (command == "bench")
            return "a TOML file, or none (bare defaults); if not given, the benchmark settings of NAME";
        return "a TOML file of settings; command-line settings take precedence";
    }
    CLI::App app_;
};

bool is_option(const std::string& argument) { return argument.size() > 2 && argument.rfind("--", 0) == 0; }

/// Moves the open-ended `--key value` and `--key=value` pairs from a command's arguments to `given`. Returns the rest,
/// which CLI11 parses.
Arguments take_settings(const Arguments& arguments, CLI::App& sub, GivenSettings& given) {
    Arguments rest;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const size_t equals = arguments[i].find('=');
        const std::string key = arguments[i].substr(0, equals);
        if (!is_option(arguments[i])) {
            rest.push_back(arguments[i]);
        } else if (const CLI::Option* option = sub.get_option_no_throw(key)) {
            rest.push_back(arguments[i]);
            const bool takes_next = option->get_items_expected_max() > 0 && equals == std::string::npos;
            if (takes_next && i + 1 < arguments.size()) rest.push_back(arguments[++i]);
        } else if (equals != std::string::npos) {
            given.set(key.substr(2), arguments[i].substr(equals + 1));
        } else if (i + 1 < arguments.size() && !is_option(arguments[i + 1])) {
            given.set(key.substr(2), arguments[++i]);
        } else {
            given.set_flag(key.substr(2));
        }
    }
    return rest;
}

std::vector<SettingGroup> groups_of(const std::string& command) {
    if (command == "train") return train_groups();
    if (command == "eval") return evaluate_groups();
    if (command == "bench") return bench_groups();
    if (command == "render") return render_groups();
    return {};
}

/// The settings that a group can have of its own, on lines for a terminal.
std::string groups_help() {
    constexpr size_t most_columns = 110;
    std::string text =
        "Settings of one group of agents, as --groups.NAME.key value or in [groups.NAME], where NAME is its policy's;\n"
        "they take precedence over those of the run. A group has\n ";
    std::string line;
    for (const FieldDescription& field : describe(TrainConfig{})) {
        if (TrainConfig::is_of_run(field.name)) continue;
        if (!line.empty()) line += ",";
        if (line.size() + field.name.size() > most_columns) text += line + "\n ", line.clear();
        line += " " + field.name;
    }
    return text + line + "\n";
}

/// The settings that `flockstep COMMAND --help` shows below the options.
std::string settings_help(const std::string& command, const Command& given) {
    std::string text;
    if (command == "list") return text;
    if (command == "tool") return tool_help(given.names);
    for (const SettingGroup& group : groups_of(command))
        text += "Settings, as --key value or in a TOML file, at the top or in [" + group.table + "]:\n" +
                settings_table(group.fields) + "\n";
    if (command == "train")
        text +=
            "Settings in [cpu] or [cuda] take precedence when training runs on that device.\n" + groups_help() + "\n";
    for (const std::string& name : given.names)
        text += "Settings of " + name + ", at the top or in [environment]:\n" +
                settings_table(registry().find(name).info.fields);
    if (given.names.empty())
        text += "Settings of an environment: flockstep " + command + " NAME --help, or flockstep list NAME.\n";
    return text;
}

std::string help(CommandLine& line, const std::string& name) {
    if (CLI::App* sub = line.find(name)) return sub->help("flockstep") + settings_help(name, line.command);
    return line.app().help() +
           "Examples:\n"
           "  flockstep train cartpole               train with the shipped recipe; leaves a replay to watch in runs/\n"
           "  flockstep bench pathfinding            measure steps per second\n"
           "  flockstep list pathfinding             show settings, observations, actions and policies\n"
           "Help of one command: flockstep COMMAND --help\n";
}

/// Adds the settings of `--config`, or the default ones.
void add_config(const std::string& name, Command& command) {
    if (name == "train" && command.resume.empty()) {
        command.recipe = add_recipe(command.given, command.config, command.name());
    } else if (!command.config.empty() && command.config != "none") {
        command.given.add_file(command.config);
    }
}

int run_command(const std::string& name, const Command& command) {
    if (name == "bench") return run_bench(command);
    if (name == "tool") return run_tool(command);
    if (command.names.size() > 1 && command.names[1].find('=') != std::string::npos)
        throw std::invalid_argument("environment: got " + in_quotes(command.names[1]) + " after " +
                                    in_quotes(command.names[0]) + ", want settings as --key value");
    if (command.names.size() > 1)
        throw std::invalid_argument("environment: got " + in_quotes(command.names[0]) + " and " +
                                    in_quotes(command.names[1]) + ", want one");
    if (name == "list") return run_list(command);
    if (name == "train") return run_train(command);
    return name == "eval" ? run_evaluate(command) : run_render(command);
}

/// Parses the arguments and runs the command.
int run_arguments(CommandLine& line, Arguments arguments) {
    const std::string name = arguments.empty() || arguments[0].rfind('-', 0) == 0 ? "" : arguments[0];
    CLI::App* sub = line.find(name);
    Arguments for_cli11 = arguments;
    if (sub) {
        for_cli11 = take_settings({arguments.begin() + 1, arguments.end()}, *sub, line.command.given);
        for_cli11.insert(for_cli11.begin(), name);
    }
    if (arguments.empty()) for_cli11 = {"--help"};
    std::reverse(for_cli11.begin(), for_cli11.end());  // the order that CLI11 expects
    try {
        line.app().parse(for_cli11);
    } catch (const CLI::CallForHelp&) {
        std::fputs(help(line, name).c_str(), stdout);
        return 0;
    } catch (const CLI::CallForVersion& version) {
        std::printf("%s\n", version.what());
        return 0;
    } catch (const CLI::ParseError& error) {
        if (!sub && !name.empty())
            throw std::invalid_argument("command: got " + in_quotes(name) +
                                        ", want list, train, eval, bench, render or tool");
        throw std::invalid_argument(std::string(error.what()) + "; see flockstep " + name + (name.empty() ? "" : " ") +
                                    "--help");
    }
    if (!sub) throw std::invalid_argument("command: got none, want list, train, eval, bench, render or tool");
    add_config(name, line.command);
    return run_command(name, line.command);
}

/// The command line for the log: what a shell would split is in quotes.
std::string line_text(const Arguments& arguments) {
    std::string text = "flockstep";
    for (const std::string& argument : arguments) {
        const bool is_plain = !argument.empty() && argument.find_first_of(" \t\n'\"\\$*;&|<>()#") == std::string::npos;
        text += " " + (is_plain ? argument : in_quotes(argument));
    }
    return text;
}

/// The first line of an error message: LibTorch appends backtraces.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
}  // namespace

int run_command_line(int count, char** arguments) {
    CommandLine line;
    std::string message;
    try {
        register_product_environments(registry());
        const Arguments given(arguments + 1, arguments + count);
        line.command.line = line_text(given);
        return run_arguments(line, given);
    } catch (const std::bad_alloc&) {
        message = "out of memory";
    } catch (const std::exception& error) {
        message = line.command.given.with_place(first_line(error.what()));
    } catch (...) {
        message = "unknown error";
    }
    std::fflush(stdout);
    std::fprintf(stderr, "flockstep: %s\n", escaped(message, 4000).c_str());
    return 2;
}

}  // namespace flockstep
