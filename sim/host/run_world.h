#pragma once

#include "sim/engine/world_engine.h"

/// One world's part of a launch on the CPU, by whatever group. Each group that an environment is compiled for is
/// instantiated in a source file of its own, since it is the whole engine.
namespace flockstep {

template <class Env, class Group>
void run_world(Group& group, const EngineView<Env>& e, const Work& work, int64_t env, const Place<Env>& place) {
    if (work.mask && !work.mask[env]) return;
    WorldEngine<Env, Group> world(group, e, e.config, env, place);
    if (work.operation == Operation::step) {
        WorldEngine<Env, Group>::fetch_actions(group, e, env, place);
        group.sync();
        world.step();
    } else {
        world.run(work);
    }
}

}  // namespace flockstep
