#pragma once

#include <string>
#include <vector>

#include "cli/settings.h"

namespace flockstep {

/// The command line of `flockstep`. Results and training progress go to stdout. Any error is one sentence on stderr.
/// Returns the exit code: 0, 2 for an error, or 128 plus the signal number if a signal ended a training run.
int run_command_line(int count, char** words);

/// The arguments of a command: fixed options and open-ended settings.
struct Command {
    std::vector<std::string> names;  // environments
    GivenSettings given;
    std::string config, checkpoint, resume, output;
    std::string recipe;  // what train's settings come from
    std::string line;    // the command line as it was given
    bool json = false;
    /// The environment; empty if none was named.
    std::string name() const { return names.empty() ? "" : names[0]; }
};

// The commands. Each returns an exit code and throws on errors. The groups are the settings of a command other than the
// environment's.
int run_list(const Command& command);
int run_train(const Command& command);
std::vector<SettingGroup> train_groups();
/// `flockstep bench NAME...`: measures each environment and prints a few lines, or one line of JSON each.
int run_bench(const Command& command);
std::vector<SettingGroup> bench_groups();
int run_evaluate(const Command& command);
std::vector<SettingGroup> evaluate_groups();
int run_render(const Command& command);
std::vector<SettingGroup> render_groups();
/// `flockstep tool [NAME [COMMAND]]`: lists the environments with commands, lists the commands of one, or runs one.
int run_tool(const Command& command);
/// What `flockstep tool [NAME [COMMAND]] --help` shows after the options.
std::string tool_help(const std::vector<std::string>& names);

}  // namespace flockstep
