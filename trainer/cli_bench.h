#pragma once

#include <string>
#include <vector>

#include "trainer/cli_settings.h"

namespace flockstep {

/// `flockstep bench NAME...`: measures each environment with the settings given and prints a few lines, or one line of
/// JSON each. Throws std::invalid_argument for bad input.
void run_bench_command(const std::vector<std::string>& names, const GivenSettings& given, bool as_json);

/// Settings that the command takes beside the environments' own.
std::vector<SettingGroup> bench_groups();

}  // namespace flockstep
