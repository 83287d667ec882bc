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

void end_at_once_from_now_on() {
    for (const int signal : stop_signals)
        if (signal != SIGPIPE && !is_ignored(signal)) std::signal(signal, SIG_DFL);
}

void note(int signal) {
    if (received_signal == 0) received_signal = signal;
    if (signal != SIGPIPE) end_at_once_from_now_on();
}
}  // namespace

StopSignals::StopSignals() {
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;  // writes to files and terminal go on undisturbed
    for (const int signal : stop_signals)
        if (!is_ignored(signal)) sigaction(signal, &action, nullptr);
}
StopSignals::~StopSignals() {
    for (const int signal : stop_signals)
        if (!is_ignored(signal)) std::signal(signal, SIG_DFL);
}
int StopSignals::received() { return received_signal; }

}  // namespace flockstep
