#pragma once

#include <cstdint>

namespace flockstep {

/// An agent to be observed by a second kernel.
struct QueuedAgent {
    int32_t env, agent;
};
/// The queue of such agents; their order depends on scheduling and has no meaning.
struct AgentQueue {
    QueuedAgent* agents;  // [num_envs * num_agents]
    int32_t* count;       // [1], 0 before a step
};

}  // namespace flockstep
