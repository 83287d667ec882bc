#include "cli/signal.h"

#include <csignal>

namespace flockstep {

namespace {
volatile std::sig_atomic_t received_signal = 0;

void note(int signal) {
    received_signal = signal;
    std::signal(signal, SIG_DFL);
}
}  // namespace

StopSignals::StopSignals() {
    struct sigaction action = {};
    action.sa_handler = note;
    action.sa_flags = SA_RESTART;  // writes to files and terminal go on undisturbed
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}
StopSignals::~StopSignals() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}
int StopSignals::received() { return received_signal; }

}  // namespace flockstep
