#pragma once

namespace flockstep {

/// While one lives, SIGINT (Ctrl-C), SIGTERM, SIGHUP (a terminal or connection that goes away) and SIGPIPE (a reader of
/// our output that goes away) are noted instead of ending the program. A second one ends it at once, except for
/// SIGPIPE, which every further line of output would raise. Those that were ignored when the program began (nohup) stay
/// ignored.
class StopSignals {
  public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;
    /// The first signal that came, or 0.
    static int received();
};

}  // namespace flockstep
