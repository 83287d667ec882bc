#include "cli/cli.h"
#include "sim/engine/registry.h"

namespace flockstep {
void register_test_environments(Registry&);
}

/// The command line of `flockstep`, which also knows the environments of tests.
int main(int count, char** words) {
    flockstep::register_test_environments(flockstep::registry());
    return flockstep::run_command_line(count, words);
}
