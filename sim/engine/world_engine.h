#pragma once

#include <cstdint>

#include "sim/engine/episode_statistics.h"
#include "sim/engine/legal_actions.h"
#include "sim/engine/world_actions.h"
#include "sim/engine/world_call.h"
#include "sim/engine/world_observation.h"
#include "sim/engine/world_rows.h"

/// One step of one world, the same source for both backends: rules, bookkeeping, time limit, autoreset, observation.
/// host_batch.h and cuda_batch.h lay out the memory, create the groups and call it. This file defines the order of a
/// step; the parts are implemented in the headers that it includes:
///
///   world_layout.h        memory layout of a world, and traits of its environment
///   world_call.h          one world during a call
///   world_actions.h       loading actions, scripted policies, validation
///   legal_actions.h       which choices are legal
///   episode_statistics.h  sums, results and metrics of an episode
///   world_rows.h          rewards, flags and the environment's own outputs
///   world_observation.h   observations, global state and masks; agent_stream.h if they are streamed
namespace flockstep {

template <class Env, class Group>
class WorldEngine;
// Rare paths are not inlined: their registers and instructions would slow down every step.
template <class Env, class Group>
SIM_NOINLINE void begin_episode_noinline(Group group, const EngineView<Env>& e, int64_t env, EnvMemory<Env> memory) {
    WorldEngine<Env, Group>(group, e, e.config, env, memory).begin_episode(false, false);
}

/// The functions below work on one world by all lanes of a group.
template <class Env, class Group>
class WorldEngine {
  public:
    /// See WorldCall.
    SIM_HD WorldEngine(Group& group, const EngineView<Env>& e, const typename Env::Config& config, int64_t env,
                       const EnvMemory<Env>& memory)
        : call_(group, e, config, env, memory) {}

    /// Loads the world's actions into memory.action without validation, which is done by step(). Separate from step(),
    /// so that callers can overlap it with loading the state.
    SIM_HD static void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env,
                                     const EnvMemory<Env>& memory) {
        flockstep::fetch_actions(group, e, env, memory);
    }

    /// Call after fetch_actions().
    SIM_HD void step() {
        const EngineView<Env>& e = call_.e;
        clear_outcome(call_);
        const bool is_over = e.mode != AutoresetMode::same_step && call_.episode_state.ended[0];
        bool restarts = is_over && e.mode == AutoresetMode::next_step, keeps_final_observation = false;
        if (is_over) {
            call_.world.elapsed = call_.episode_state.elapsed[0];
            write_results(call_, false);
        }
        if (is_over && !restarts) {
            hold();
        } else if (!restarts) {
            const EpisodeEnd ending = run_rules();
            restarts = ending != EpisodeEnd::none && e.mode == AutoresetMode::same_step;
            keeps_final_observation =
                restarts && (e.final_observation == FinalObservation::all ||
                             (e.final_observation == FinalObservation::truncated && ending == EpisodeEnd::time_limit));
        }
        for (int pass = keeps_final_observation ? 0 : 1; pass < 2;
             ++pass) {  // a loop, so that observe is compiled once
            if (pass == 1) restart_where(restarts);
            if (pass == 1) update_legal_actions(call_);
            if (pass == 1) write_output_rows(call_, restarts);
            observe(call_, pass == 0);
        }
        move_rows(call_);
    }

    /// Operations other than a step.
    SIM_HD void run(const Work& work) {
        if (work.operation == Operation::act)
            act(call_, work.policy, work.draw);
        else
            begin(work.operation == Operation::reset, work.seeded);
    }

    /// Writes the outputs of a first observation (is_reset: starts a new episode), or of a state written by the host.
    SIM_HD void begin(bool is_reset, bool seeded) {
        begin_episode(!is_reset, seeded);
        clear_outcome(call_);
        if (seeded) clear_results(call_);
        write_results(call_, false);
        update_legal_actions(call_);
        write_output_rows(call_, is_reset || call_.world.elapsed == 0);
        observe(call_, false);
        move_rows(call_);
    }

    /// Starts a new episode, without outputs; `keeps_state`: only rebuilds derived fields. `seeded`: the first episode
    /// after the batch was seeded.
    template <Seeds seeds = Seeds::any>
    SIM_HD void begin_episode(bool keeps_state, bool seeded) {
        Group& group = call_.group;
        EpisodeState& episode_state = call_.episode_state;
        World<Env>& world = call_.world;
        if (!keeps_state) {
            const uint32_t episode = seeded ? 0 : episode_state.episode[0] + 1;
            group.sync();
            group.single([&] {
                episode_state.episode[0] = episode;
                episode_state.elapsed[0] = seeded && call_.e.stagger_episodes ? phase() : 0;
                if (call_.e.mode != AutoresetMode::same_step) episode_state.ended[0] = 0;
                clear_sums(call_);
            });
            clear_participants(call_);
            group.sync();
            world.rng = call_.template rng<seeds>(Purpose::reset, episode, 0);
            if (seeds == Seeds::any && call_.e.control->keys)
                world.all_envs = call_.e.control->keys[call_.env].all_envs;
            world.elapsed = episode_state.elapsed[0];
            Env::reset(group, world);
            group.sync();
        }
        world.elapsed = episode_state.elapsed[0];
        if constexpr (requires { Env::derive(group, world); }) {
            if (keeps_state) {
                world.rng = {};
                Env::derive(group, world);
                group.sync();
            }
        }
    }

  private:
    enum class EpisodeEnd { none, rules, time_limit };

    /// The rules and the bookkeeping of one step.
    SIM_HD EpisodeEnd run_rules() {
        call_.world.elapsed = call_.episode_state.elapsed[0];
        if (call_.has_scripted()) {
            play_scripted_roles_noinline<Env, Group>(call_.group, call_.e, call_.env, call_.memory);
            call_.group.sync();
        }
        validate_actions(call_);
        call_.world.rng = call_.rng(Purpose::step, call_.episode_state.episode[0], uint32_t(call_.world.elapsed) + 1);
        count_agent_steps(call_);
        Env::step(call_.group, call_.world, Actions<Env>{call_.memory.action, call_.action_layout()},
                  Outcome<Env>{call_.memory.rows});
        call_.group.sync();
        return finish_step();
    }
    /// Time limit, end of the episode, statistics.
    SIM_HD EpisodeEnd finish_step() {
        Group& group = call_.group;
        const EngineView<Env>& e = call_.e;
        EpisodeState& episode_state = call_.episode_state;
        const int num_agents = call_.num_agents(), elapsed = call_.world.elapsed + 1;
        const bool time_is_up = elapsed >= e.max_episode_steps;
        if (time_is_up) group.for_each(num_agents, [&](int agent) { call_.truncated(agent) = 1; });
        const bool finished =
            group.all(num_agents, [&](int agent) { return call_.terminated(agent) || !call_.is_active(agent); });
        const bool ended = time_is_up || finished;
        add_to_sums(call_);
        call_.world.elapsed = elapsed;
        group.single([&] {
            episode_state.elapsed[0] = elapsed;
            if (e.mode != AutoresetMode::same_step) episode_state.ended[0] = ended;
        });
        if (ended && e.mode == AutoresetMode::disabled)
            group.for_each(num_agents, [&](int agent) {
                episode_state.end_flags[agent] = uint8_t(call_.terminated(agent) | call_.truncated(agent) << 1);
            });
        group.sync();
        write_results(call_, ended);
        if (ended && e.statistics && !(e.stagger_episodes && episode_state.episode[0] == 0)) record_episode(call_);
        return finished ? EpisodeEnd::rules : time_is_up ? EpisodeEnd::time_limit : EpisodeEnd::none;
    }

    /// A step of a world that waits for its reset: rules do not run, rewards are 0, nothing is counted, and the flags
    /// keep their values from the episode's end.
    SIM_HD void hold() {
        call_.group.for_each(call_.num_agents(), [&](int agent) {
            call_.terminated(agent) = call_.episode_state.end_flags[agent] & 1;
            call_.truncated(agent) = call_.episode_state.end_flags[agent] >> 1;
        });
    }
    /// Starts a new episode if the world's is over; by all lanes of the warp if several worlds share one, or of the
    /// block.
    SIM_HD void restart_where(bool restarts) {
        if constexpr (requires { call_.group.restart_by_block(restarts); }) {
            call_.group.restart_by_block(restarts);
            if (restarts) call_.world.elapsed = call_.episode_state.elapsed[0];
        } else if constexpr (requires { Group::restarts_together; }) {
            call_.group.for_each_of_warp(restarts, [&](Group group, int neighbor) {
                EnvMemory<Env> memory = call_.memory;
                memory.tile_index += neighbor;
                begin_episode_noinline<Env, Group>(group, call_.e, call_.env + neighbor, memory);
            });
            if (restarts) call_.world.elapsed = call_.episode_state.elapsed[0];
        } else {
            if (restarts) restart();
        }
    }
    SIM_HD void restart() {
        if constexpr (requires { Group::prefers_inlining; }) {
            if (call_.e.control->keys)
                begin_episode(false, false);
            else  // a separate instantiation, which needs fewer registers
                begin_episode<Seeds::shared>(false, false);
        } else
            begin_episode_noinline<Env, Group>(call_.group, call_.e, call_.env, call_.memory);
        call_.group.sync();
        call_.world.elapsed = call_.episode_state.elapsed[0];
    }
    /// How far into its first episode the world starts, so that episodes do not all end together.
    SIM_HD int phase() const {
        return int(call_.rng(Purpose::phase, 0, 0).below(0, 0, uint32_t(call_.e.max_episode_steps)));
    }

    WorldCall<Env, Group> call_;
};

}  // namespace flockstep
