#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "sim/contract/config.h"

/// Host commands of an environment, `flockstep tool NAME COMMAND --key value ...`: generators, importers and so on. An
/// environment declares `static std::vector<Tool> tools();` and defines it in its folder's tools.cpp:
///
///   struct CarveOptions {
///       int size = 16;
///       InternedString output = "";
///       template <class F>
///       void fields(F f) {
///           f("size", size, at_least(4), "cells per side");
///           f("output", output, any_value(), "the file to write");
///       }
///   };
///   void carve(const CarveOptions& options, std::ostream& out) { ... }
///
///   std::vector<Tool> Pursuit::tools() { return {make_tool("carve", "writes a map of tunnels", carve)}; }
namespace flockstep {

/// One command of an environment; see make_tool.
struct Tool {
    std::string name, help;                 // help: one line
    std::vector<FieldDescription> options;  // in the order of the help text
    /// Host only. Throws std::invalid_argument for unknown or invalid options; forwards the tool's exceptions.
    std::function<void(Settings given, std::ostream& out)> run;
};

/// Makes a tool that calls `run` with its options, whose `fields` work like those of a Config. `out` is the command's
/// standard output. `run` throws std::invalid_argument with a one-sentence message, `name: got ..., want ...`, for bad
/// input, and std::runtime_error for system errors. Tool::run also throws for unknown or invalid options.
template <class Options>
Tool make_tool(const char* name, const char* help, void (*run)(const Options& options, std::ostream& out)) {
    return {name, help, describe_config<Options>(), [name = std::string(name), run](Settings given, std::ostream& out) {
                Options options;
                read_whole_config(options, given, name);
                run(options, out);
            }};
}

}  // namespace flockstep
