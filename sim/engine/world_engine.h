#pragma once

#include <cstdint>

#include "sim/engine/episode_statistics.h"
#include "sim/engine/legal_actions.h"
#include "sim/engine/world_actions.h"
#include "sim/engine/world_call.h"
#include "sim/engine/world_observation.h"
#include "sim/engine/world_rows.h"

/// One step of one world, the same source for both backends: rules, bookkeeping, time limit, autoreset, observation.
/// host_batch.h and cuda_batch.h lay out the memory, make the groups and call it. This file is the order in which
/// things happen; what happens is in the headers that it includes:
///
///   world_layout.h        how a world lies in memory, and what its environment has
///   world_call.h          one world during a call
///   world_actions.h       fetched, chosen by scripted policies, judged
///   legal_actions.h       which choices are legal
///   episode_statistics.h  sums, results and metrics of an episode
///   world_rows.h          rewards, flags and the environment's own outputs
///   world_observation.h   observations, global state and masks; agent_stream.h where they are streamed
namespace flockstep {

template <class Env, class Group>
class WorldEngine;
// What is rare is compiled once and called: its registers and its instructions would burden every step.
template <class Env, class Group>
SIM_NOINLINE void begin_episode_apart(Group group, const EngineView<Env>& e, int64_t env, Place<Env> place) {
    WorldEngine<Env, Group>(group, e, e.config, env, place).begin_episode(false, false);
}

/// The functions below work on one world by all lanes of a group.
template <class Env, class Group>
class WorldEngine {
  public:
    /// As WorldCall's.
    SIM_HD WorldEngine(Group& group, const EngineView<Env>& e, const typename Env::Config& config, int64_t env,
                       const Place<Env>& place)
        : call_(group, e, config, env, place) {}

    /// Brings the world's actions to place.action as they were given; step() judges them. Apart, so that a caller who
    /// waits for the state can wait for both at once.
    SIM_HD static void fetch_actions(Group& group, const EngineView<Env>& e, int64_t env, const Place<Env>& place) {
        flockstep::fetch_actions(group, e, env, place);
    }

    /// After fetch_actions().
    SIM_HD void step() {
        const EngineView<Env>& e = call_.e;
        clear_outcome(call_);
        const bool is_over = e.mode != AutoresetMode::same_step && call_.header.ended[0];
        bool restarts = is_over && e.mode == AutoresetMode::next_step, shows_final = false;
        if (is_over) {
            call_.world.elapsed = call_.header.elapsed[0];
            show_results(call_, false);
        }
        if (is_over && !restarts) {
            hold();
        } else if (!restarts) {
            const Ending ending = play();
            restarts = ending != Ending::none && e.mode == AutoresetMode::same_step;
            shows_final =
                restarts && (e.final_observation == FinalObservation::all ||
                             (e.final_observation == FinalObservation::truncated && ending == Ending::time_limit));
        }
        for (int pass = shows_final ? 0 : 1; pass < 2; ++pass) {  // a loop, so that observe is compiled once
            if (pass == 1) restart_where(restarts);
            if (pass == 1) renew_legal_actions(call_);
            if (pass == 1) write_rows(call_, restarts);
            observe(call_, pass == 0);
        }
        move_rows(call_);
    }

    /// Work other than a step.
    SIM_HD void run(const Work& work) {
        if (work.operation == Operation::act)
            act(call_, work.policy, work.draw);
        else
            begin(work.operation == Operation::reset, work.seeded);
    }

    /// Outputs of a first observation (is_reset: a new episode is begun), or of the state as it was set from outside.
    SIM_HD void begin(bool is_reset, bool seeded) {
        begin_episode(!is_reset, seeded);
        clear_outcome(call_);
        if (seeded) clear_results(call_);
        show_results(call_, false);
        renew_legal_actions(call_);
        write_rows(call_, is_reset || call_.world.elapsed == 0);
        observe(call_, false);
        move_rows(call_);
    }

    /// A new episode, without outputs; `keeps_state`: only what is derived is built. `seeded`: the first episode after
    /// the batch was seeded.
    template <Seeds seeds = Seeds::any>
    SIM_HD void begin_episode(bool keeps_state, bool seeded) {
        Group& group = call_.group;
        Header& header = call_.header;
        World<Env>& world = call_.world;
        if (!keeps_state) {
            const uint32_t episode = seeded ? 0 : header.episode[0] + 1;
            group.sync();
            group.single([&] {
                header.episode[0] = episode;
                header.elapsed[0] = seeded && call_.e.spread_phases ? phase() : 0;
                if (call_.e.mode != AutoresetMode::same_step) header.ended[0] = 0;
                clear_sums(call_);
            });
            clear_participants(call_);
            group.sync();
            world.rng = call_.template rng<seeds>(Purpose::reset, episode, 0);
            if (seeds == Seeds::any && call_.e.control->keys)
                world.all_envs = call_.e.control->keys[call_.env].all_envs;
            world.elapsed = header.elapsed[0];
            Env::reset(group, world);
            group.sync();
        }
        world.elapsed = header.elapsed[0];
        if constexpr (requires { Env::derive(group, world); }) {
            if (keeps_state) {
                world.rng = {};
                Env::derive(group, world);
                group.sync();
            }
        }
    }

  private:
    enum class Ending { none, rules, time_limit };

    /// The rules and the bookkeeping of one step.
    SIM_HD Ending play() {
        call_.world.elapsed = call_.header.elapsed[0];
        if (call_.has_scripted()) {
            play_scripted_roles_apart<Env, Group>(call_.group, call_.e, call_.env, call_.place);
            call_.group.sync();
        }
        judge_actions(call_);
        call_.world.rng = call_.rng(Purpose::step, call_.header.episode[0], uint32_t(call_.world.elapsed) + 1);
        count_agent_steps(call_);
        Env::step(call_.group, call_.world, Actions<Env>{call_.place.action, call_.action_layout()},
                  Outcome<Env>{call_.place.rows});
        call_.group.sync();
        return close_step();
    }
    /// Time limit, end of the episode, statistics.
    SIM_HD Ending close_step() {
        Group& group = call_.group;
        const EngineView<Env>& e = call_.e;
        Header& header = call_.header;
        const int num_agents = call_.num_agents(), elapsed = call_.world.elapsed + 1;
        const bool time_is_up = elapsed >= e.max_episode_steps;
        if (time_is_up) group.for_each(num_agents, [&](int agent) { call_.truncated(agent) = 1; });
        const bool finished =
            group.all(num_agents, [&](int agent) { return call_.terminated(agent) || !call_.is_active(agent); });
        const bool ended = time_is_up || finished;
        add_to_sums(call_);
        call_.world.elapsed = elapsed;
        group.single([&] {
            header.elapsed[0] = elapsed;
            if (e.mode != AutoresetMode::same_step) header.ended[0] = ended;
        });
        if (ended && e.mode == AutoresetMode::disabled)
            group.for_each(num_agents, [&](int agent) {
                header.end_flags[agent] = uint8_t(call_.terminated(agent) | call_.truncated(agent) << 1);
            });
        group.sync();
        show_results(call_, ended);
        if (ended && e.statistics && !(e.spread_phases && header.episode[0] == 0)) record_episode(call_);
        return finished ? Ending::rules : time_is_up ? Ending::time_limit : Ending::none;
    }

    /// A step of a world that waits for its reset: nothing happens, rewards are 0, nothing is counted, and the flags
    /// stay as the episode ended.
    SIM_HD void hold() {
        call_.group.for_each(call_.num_agents(), [&](int agent) {
            call_.terminated(agent) = call_.header.end_flags[agent] & 1;
            call_.truncated(agent) = call_.header.end_flags[agent] >> 1;
        });
    }
    /// A new episode where the world's is over; by all lanes of a warp where several worlds share one, or of a block.
    SIM_HD void restart_where(bool restarts) {
        if constexpr (requires { call_.group.restart_by_block(restarts); }) {
            call_.group.restart_by_block(restarts);
            if (restarts) call_.world.elapsed = call_.header.elapsed[0];
        } else if constexpr (requires { Group::restarts_together; }) {
            call_.group.for_each_of_warp(restarts, [&](Group group, int neighbour) {
                Place<Env> place = call_.place;
                place.tile_index += neighbour;
                begin_episode_apart<Env, Group>(group, call_.e, call_.env + neighbour, place);
            });
            if (restarts) call_.world.elapsed = call_.header.elapsed[0];
        } else {
            if (restarts) restart();
        }
    }
    SIM_HD void restart() {
        if constexpr (requires { Group::prefers_inlining; }) {
            if (call_.e.control->keys)
                begin_episode(false, false);
            else  // code of its own, or it would need as many registers
                begin_episode<Seeds::shared>(false, false);
        } else
            begin_episode_apart<Env, Group>(call_.group, call_.e, call_.env, call_.place);
        call_.group.sync();
        call_.world.elapsed = call_.header.elapsed[0];
    }
    /// How far into its first episode the world begins, so that not all episodes end together.
    SIM_HD int phase() const {
        return int(call_.rng(Purpose::phase, 0, 0).below(0, 0, uint32_t(call_.e.max_episode_steps)));
    }

    WorldCall<Env, Group> call_;
};

}  // namespace flockstep
