#pragma once

#include <deque>

#include "trainer/algorithm/group.h"
#include "trainer/device/graph.h"

namespace flockstep {

/// What is replayed several times an iteration for one group, as often as the counts after a rollout say.
struct GroupGraphs {
    explicit GroupGraphs(bool captures) : final_values(captures) {
        for (int i = 0; i <= Group::sizes; ++i) update.emplace_back(captures);
    }
    Graph final_values;
    std::deque<Graph> update;  // by room of the minibatch, in eighths
};

}  // namespace flockstep
