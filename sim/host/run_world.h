#pragma once

#include "sim/engine/world_engine.h"

/// One world's part of a launch on the CPU, for any group. Each group that an environment is compiled for is
/// instantiated in a separate source file, because it contains the whole engine.
namespace flockstep {

template <class Env, class Group>
void run_world(Group& group, const EngineView<Env>& e, const Work& work, int64_t env, const EnvMemory<Env>& memory) {
    if (work.mask && !work.mask[env]) return;
    WorldEngine<Env, Group> world(group, e, e.config, env, memory);
    if (work.operation == Operation::step) {
        WorldEngine<Env, Group>::fetch_actions(group, e, env, memory);
        group.sync();
        world.step();
    } else {
        world.run(work);
    }
}

}  // namespace flockstep
