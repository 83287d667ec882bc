#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "sim/contract/config.h"

/// Commands of an environment for the host, `flockstep tool NAME COMMAND --key value ...`: generators, importers and
/// the like. An environment declares `static std::vector<Tool> tools();` and defines it in its folder's tools.cpp:
///
///   struct CarveOptions {
///       int size = 16;
///       Text output = "";
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
    /// Host only. Throws std::invalid_argument for options that are unknown or out of range, and what the tool throws.
    std::function<void(Settings given, std::ostream& out)> run;
};

/// A tool that calls `run` with its options, whose `fields` are as those of a Config. What `run` writes to `out` is the
/// command's standard output; for bad input it throws std::invalid_argument in one sentence, `name: got ..., want ...`,
/// for what the machine refuses std::runtime_error. Tool::run also throws for options that are unknown or out of range.
template <class Options>
Tool make_tool(const char* name, const char* help, void (*run)(const Options& options, std::ostream& out)) {
    return {name, help, describe_config<Options>(), [name = std::string(name), run](Settings given, std::ostream& out) {
                Options options;
                read_whole_config(options, given, name);
                run(options, out);
            }};
}

}  // namespace flockstep
