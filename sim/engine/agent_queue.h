#pragma once

#include <cstdint>

namespace flockstep {

/// An agent that a second kernel observes.
struct QueuedAgent {
    int32_t env, agent;
};
/// What it finds them in; the order is that in which worlds were done, and says nothing.
struct AgentQueue {
    QueuedAgent* agents;  // [num_envs * num_agents]
    int32_t* count;       // [1], 0 before a step
};

}  // namespace flockstep
