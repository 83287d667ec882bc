#pragma once

#include <string>
#include <vector>

#include "cli/settings.h"

namespace flockstep {

/// The whole command line of `flockstep`. Results go to stdout, progress too while training; all that is wrong with the
/// input, the machine or its memory is one sentence on stderr. Returns the exit code: 0, 2 for such a sentence, or 128
/// plus the signal's number where a signal ended a training run.
int run_command_line(int count, char** words);

/// What a command was given: CLI11's part, and the open-ended settings.
struct Command {
    std::vector<std::string> names;  // environments
    GivenSettings given;
    std::string config, checkpoint, resume, output;
    bool json = false;
    /// The one environment; empty if none was named.
    std::string name() const { return names.empty() ? "" : names[0]; }
};

// The commands; each returns an exit code and throws for what is wrong. The groups are the settings that each takes
// beside the environment's.
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
/// `flockstep tool [NAME [COMMAND]]`: the environments that have commands of their own, the commands of one, or runs
/// one.
int run_tool(const Command& command);
/// What `flockstep tool [NAME [COMMAND]] --help` shows below the options.
std::string tool_help(const std::vector<std::string>& names);

}  // namespace flockstep
