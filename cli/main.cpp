#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "cli/cli.h"

namespace {
/// libgomp's threads busy-wait for milliseconds after every parallel loop, which takes cores from other processes: with
/// this, training on 2 cores next to two busy programs is 10 times as fast, and 5 % slower on an idle machine. libgomp
/// reads its settings when it is loaded, so this must run even earlier.
void spin_less(int, char**, char**) {
    if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "10000", 0);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = spin_less;
}  // namespace

/// Opens /dev/null for closed standard streams. Otherwise the next file opened would get descriptor 0, 1 or 2, and
/// output for the terminal would be written to it.
static void open_standard_streams() {
    for (int stream = 0; stream <= 2; ++stream)
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != stream) std::abort();
}

int main(int count, char** words) {
    open_standard_streams();
    std::signal(SIGXFSZ, SIG_IGN);  // exceeding the file size limit (ulimit -f) is then an ordinary write error
    return flockstep::run_command_line(count, words);
}
