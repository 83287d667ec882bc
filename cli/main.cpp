#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "cli/cli.h"

namespace {
/// After every parallel loop libgomp lets its threads spin for milliseconds in case another loop follows, which takes a
/// core from whoever else could use it: training on 2 cores beside two busy programs is 10 times as fast with this, and
/// 5 % slower on its own. It reads its settings while it is loaded, so this must run even earlier.
void spin_less(int, char**, char**) {
    if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "10000", 0);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = spin_less;
}  // namespace

/// Where standard input, output or error are closed, the next file that is opened would take their place, and what is
/// meant for the terminal would be written into it.
static void open_standard_streams() {
    for (int stream = 0; stream <= 2; ++stream)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != stream) std::abort();
}

int main(int count, char** words) {
    open_standard_streams();
    std::signal(SIGXFSZ, SIG_IGN);  // a file that outgrows its limit (ulimit -f) is a write that fails
    return flockstep::run_command_line(count, words);
}
