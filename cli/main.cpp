#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "cli/cli.h"

namespace {
/// libgomp's threads busy-wait for milliseconds after every parallel loop, which takes cores from other processes: with
/// this, training on 2 cores next to two busy programs is 10 times as fast, and 5 % slower on an idle machine. libgomp
/// reads its settings when it is loaded, and libc discards changes made to the environment before that, so the program
/// starts itself again with the setting. Not on a machine with a GPU, where it would delay training for little.
void limit_spinning(int count, char** arguments, char** environment) {
    constexpr int max_variables = 4096;
    char setting[] = "GOMP_SPINCOUNT=10000";
    char* variables[max_variables + 2];
    int n = 0;
    if (count < 2 || arguments[1][0] == '-' || access("/dev/nvidia0", F_OK) == 0) return;
    for (; environment[n]; ++n) {
        const std::string_view variable = environment[n];
        if (n == max_variables || variable.starts_with("GOMP_SPINCOUNT=") || variable.starts_with("OMP_WAIT_POLICY="))
            return;
        variables[n] = environment[n];
    }
    variables[n] = setting, variables[n + 1] = nullptr;
    execve("/proc/self/exe", arguments, variables);  // if it fails, the program runs with libgomp's default
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const before_libraries)(int, char**, char**) = limit_spinning;
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
