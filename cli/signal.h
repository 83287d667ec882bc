#pragma once

namespace flockstep {

/// During its lifetime SIGINT (Ctrl-C), SIGTERM, SIGHUP (closed terminal or connection) and SIGPIPE (closed pipe on
/// stdout) are recorded instead of ending the program. A second signal ends it at once, except for SIGPIPE, which every
/// further line of output would raise again. Signals that were ignored when the program started (nohup) stay ignored.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    /// The first signal received, or 0.
    static int received();
};

}  // namespace flockstep
