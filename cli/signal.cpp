#include "cli/signal.h"

#include <csignal>

namespace flockstep {

namespace {
constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
volatile std::sig_atomic_t received_signal = 0;

bool is_ignored(int signal) {
    struct sigaction action = {};
    return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

void restore_default_actions() {
    for (const int signal : stop_signals)
        if (signal != SIGPIPE && !is_ignored(signal)) std::signal(signal, SIG_DFL);
}

void note(int signal) {
    if (received_signal == 0) received_signal = signal;
    if (signal != SIGPIPE) restore_default_actions();
}
}  // namespace

StopSignals::StopSignals() {
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;  // interrupted writes are restarted
    for (const int signal : stop_signals)
        if (!is_ignored(signal)) sigaction(signal, &action, nullptr);
}
StopSignals::~StopSignals() {
    for (const int signal : stop_signals)
        if (!is_ignored(signal)) std::signal(signal, SIG_DFL);
}
int StopSignals::received() { return received_signal; }

}  // namespace flockstep
