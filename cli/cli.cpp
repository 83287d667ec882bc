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
using WordList = std::vector<std::string>;

/// The skeleton: commands and the options that are no settings.
class Skeleton {
  public:
    Skeleton()
        : app_("Flockstep: thousands of multi-agent worlds in lock-step, and policies trained on them.", "flockstep") {
        app_.set_help_flag("-h,--help", "this text; after a command, its own");
        app_.set_version_flag("--version", std::string("flockstep ") + build_version() + " (" + build_commit() + ")");
        app_.require_subcommand(0, 1);
        CLI::App* list = add("list", "environments; with NAME its settings and spaces");
        list->add_option("NAME", command.names, "an environment");
        add_run(add("train", "train a policy with PPO"))
            ->add_option("--resume", command.resume, "a run folder to go on with");
        CLI::App* evaluate = add_run(add("eval", "an environment's own metrics over fresh episodes"));
        evaluate->add_option("--checkpoint", command.checkpoint,
                             "a trained policy: checkpoint.safetensors or its run folder");
        evaluate->add_flag("--json", command.json, "one JSON object instead of a table");
        CLI::App* bench = add_run(add("bench", "steps per second and share of the memory bandwidth"));
        bench->add_flag("--json", command.json, "one JSON object per line");
        CLI::App* render = add_run(add("render", "one episode as a self-contained HTML page"));
        render->add_option("--checkpoint", command.checkpoint,
                           "a trained policy: checkpoint.safetensors or its run folder");
        render->add_option("--output", command.output, "the file to write; NAME.html if not given");
        CLI::App* tool = add("tool", "commands of the environments' own, such as generators and importers of maps");
        tool->set_help_flag("-h,--help", "this text; after NAME COMMAND that command's options");
        tool->add_option("NAME", command.names, "an environment and one of its commands; without them what there is");
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
        sub->set_help_flag("-h,--help", "this text; with a NAME also that environment's settings");
        return sub;
    }
    CLI::App* add_run(CLI::App* sub) {
        const bool is_bench = sub->get_name() == "bench";
        sub->add_option("NAME", command.names, is_bench ? "environments" : "an environment");
        sub->add_option("--config", command.config, config_help(sub->get_name()));
        return sub;
    }
    static std::string config_help(const std::string& command) {
        const std::string text = "a TOML file of settings; the command line wins";
        if (command == "train")
            return "a TOML file or the name of a shipped recipe (flockstep list); default: NAME's own recipe; none: "
                   "the "
                   "defaults below";
        if (command == "bench") return text + "; default: NAME's own benchmark settings; none: the defaults below";
        return text;
    }
    CLI::App app_;
};

bool is_option(const std::string& word) { return word.size() > 2 && word.rfind("--", 0) == 0; }

/// Takes the open-ended `--key value` and `--key=value` pairs out of a command's words; the rest is CLI11's.
WordList take_settings(const WordList& words, CLI::App& sub, GivenSettings& given) {
    WordList rest;
    for (size_t i = 0; i < words.size(); ++i) {
        const size_t equals = words[i].find('=');
        const std::string key = words[i].substr(0, equals);
        if (!is_option(words[i])) {
            rest.push_back(words[i]);
        } else if (const CLI::Option* option = sub.get_option_no_throw(key)) {
            rest.push_back(words[i]);
            const bool takes_next = option->get_items_expected_max() > 0 && equals == std::string::npos;
            if (takes_next && i + 1 < words.size()) rest.push_back(words[++i]);
        } else if (equals != std::string::npos) {
            given.set(key.substr(2), words[i].substr(equals + 1));
        } else if (i + 1 < words.size() && !is_option(words[i + 1])) {
            given.set(key.substr(2), words[++i]);
        } else {
            given.set(key.substr(2), true);  // a switch
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

/// The settings that `flockstep COMMAND --help` shows below the options.
std::string settings_help(const std::string& command, const Command& given) {
    std::string text;
    if (command == "list") return text;
    if (command == "tool") return tool_help(given.names);
    for (const SettingGroup& group : groups_of(command))
        text += "Settings, as --key value or in a TOML file, flat or below [" + group.table + "]:\n" +
                settings_table(group.fields) + "\n";
    if (command == "train") text += "Settings below [cpu] or [cuda] win where training runs on such a device.\n\n";
    for (const std::string& name : given.names)
        text += "Settings of " + name + ", flat or below [environment]:\n" +
                settings_table(registry().find(name).info.fields);
    if (given.names.empty())
        text += "Settings of an environment: flockstep " + command + " NAME --help, or flockstep list NAME.\n";
    return text;
}

std::string help(Skeleton& skeleton, const std::string& name) {
    if (CLI::App* sub = skeleton.find(name)) return sub->help("flockstep") + settings_help(name, skeleton.command);
    return skeleton.app().help() +
           "Examples:\n"
           "  flockstep train cartpole               train by the shipped recipe; runs/ then holds a replay to watch\n"
           "  flockstep bench pathfinding            measure steps per second\n"
           "  flockstep list pathfinding             show settings, observations, actions and policies\n"
           "Help of one command: flockstep COMMAND --help\n";
}

/// Adds the settings that `--config` names, or those that stand in for it. Says which recipe training takes.
void add_config(const std::string& name, Command& command) {
    if (name == "train" && command.resume.empty()) {
        std::printf("Recipe: %s\n", add_recipe(command.given, command.config, command.name()).c_str());
        std::fflush(stdout);
    } else if (!command.config.empty() && command.config != "none") {
        command.given.add_file(command.config);
    }
}

int run_command(const std::string& name, const Command& command) {
    if (name == "bench") return run_bench(command);
    if (name == "tool") return run_tool(command);
    if (command.names.size() > 1)
        throw std::invalid_argument("environment: got " + in_quotes(command.names[0]) + " and " +
                                    in_quotes(command.names[1]) + ", want one");
    if (name == "list") return run_list(command);
    if (name == "train") return run_train(command);
    return name == "eval" ? run_evaluate(command) : run_render(command);
}

/// Parses the words and runs the command; `given` of the skeleton explains where a refused value came from.
int run_words(Skeleton& skeleton, WordList words) {
    const std::string name = words.empty() || words[0].rfind('-', 0) == 0 ? "" : words[0];
    CLI::App* sub = skeleton.find(name);
    WordList plain = words;
    if (sub) {
        plain = take_settings({words.begin() + 1, words.end()}, *sub, skeleton.command.given);
        plain.insert(plain.begin(), name);
    }
    if (words.empty()) plain = {"--help"};
    std::reverse(plain.begin(), plain.end());  // as CLI11 wants them
    try {
        skeleton.app().parse(plain);
    } catch (const CLI::CallForHelp&) {
        std::fputs(help(skeleton, name).c_str(), stdout);
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
    add_config(name, skeleton.command);
    return run_command(name, skeleton.command);
}

/// One sentence out of whatever a library had to say: the first line, without a backtrace.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
}  // namespace

int run_command_line(int count, char** words) {
    Skeleton skeleton;
    std::string sentence;
    try {
        register_product_environments(registry());
        return run_words(skeleton, WordList(words + 1, words + count));
    } catch (const std::bad_alloc&) {
        sentence = "memory: not enough for what was asked for";
    } catch (const std::exception& error) {
        sentence = skeleton.command.given.with_place(first_line(error.what()));
    } catch (...) {
        sentence = "an error of an unknown kind";
    }
    std::fflush(stdout);
    std::fprintf(stderr, "flockstep: %s\n", escaped(sentence, 4000).c_str());
    return 2;
}

}  // namespace flockstep
