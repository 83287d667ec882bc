#pragma once

#include <vector>

#include "sim/contract/config.h"
#include "sim/contract/group.h"
#include "sim/contract/gymnasium_id.h"
#include "sim/contract/loader.h"
#include "sim/contract/observation.h"
#include "sim/contract/random_streams.h"
#include "sim/contract/real.h"
#include "sim/contract/row_writer.h"
#include "sim/contract/space.h"
#include "sim/contract/world.h"

namespace flockstep {
class Batch;    // sim/engine/batch.h
struct Replay;  // replay/replay.h
struct Tool;    // sim/contract/tool.h
}  // namespace flockstep

/// The contract of an environment: include this and nothing else of sim/.
///
/// An environment is a struct of plain data and static functions, compiled once for the CPU and once for the GPU.
/// Functions marked HD run on either, by all lanes of the group that works on one world (see group.h):
///
///   static constexpr const char* summary = "balance a pole on a cart (Gymnasium's CartPole-v1)";
///       One line for `flockstep list` and the like.
///   struct Config { ... int max_episode_steps; template <class F> void fields(F f); };
///       Settings with defaults. `fields` calls f(name, field, rule, help) for each; it is the only list of them.
///       Field types: int, int64_t, uint64_t, float, bool, Text, enums (rule: one_of). max_episode_steps is the limit.
///   struct State { Field<T> ...; Bulk<T> ...; template <class V> HD void fields(const Config&, V& visit); };
///       What a world remembers: visit(name, field, counts...), or visit.derived(...) for what `derive` rebuilds.
///       visit(...).between(low, high) says which numbers a state from outside may have: a field that is used as an
///       index, or whose range a rule relies on, needs it. Floats must be finite unless .any_value() follows.
///       fields(const Config&, const Shared&, V& visit) where sizes depend on shared data.
///   static constexpr auto tensors = tensor_list(...);
///       Handles of all observation and action parts, and of outputs beside reward and flags: see tensors.h.
///   static Spaces spaces(const Config&)
///       Roles, and which of these parts each has, with shapes, bounds and numbers of choices.
///   HD static void reset(group, world)
///       A new episode, derived fields included; random numbers from world.rng, by the names in `random_streams`.
///   HD static void step(group, world, const Actions<Env>&, const Outcome<Env>&)
///   HD static void observe(group, world, AgentRange, const ObservationWriter<Env>&)
///       A function of State, Shared, world.elapsed and what `prepare` made of them.
///
/// In place of observe, for large observations (from about 1 KB an agent), which are streamed: see row_writer.h
///
///   HD static void observe_agent(team, const world, agent, TeamScratch&, const RowWriter<Env>&)
///       One active agent by all lanes of a team, which is a group itself: a warp of the GPU, or one lane; a team after
///       the other takes an agent, and they never meet. Rows of agents that are not active are zero in the engine's own
///       tensors; in tensors that a launch names they are left as they are, and `active` says which those are. State
///       and Scratch are read, not written. Parts are floats or bytes, none of bits.
///   struct TeamScratch { int32_t nearest[64]; ... };
///       May be left out, and then the argument with it. Plain data, for each team its own: it holds garbage before
///       each call. In a block's shared memory, so a few KB at most: 5.5 KB a warp with the ring's 2 KB and a share of
///       State and Scratch keep the GPU busy.
///
/// What may be left out:
///
///   static constexpr auto random_streams = random_stream_list(...)
///       All random numbers that reset, step and act draw: handles with a name, a purpose and draws of their own, see
///       random_streams.h. Only rules that draw nothing leave it out. Handles that share a draw do not compile, nor
///       does a draw beyond its handle or through one that is not listed.
///   struct Shared { View<T> ...; int ...; template <class V> void fields(V& visit); };
///       Read-only data of all worlds: arrays, and plain members for sizes and the like that follow from files or from
///       settings (the map's height). visit(name, member) for each; a member with `fields` of its own (Ragged,
///       GridIndex) is walked. Arrays lie in memory and may be replaced while worlds run (Batch::replace_shared). Plain
///       members travel with each launch, as fast to read as settings, and are the same in every pool that a batch
///       takes up. static Shared load(const Config&, Loader&) builds it on the host, once per process for the same
///       settings and files, and may refuse settings. It reads files through the loader (see loader.h), and nothing
///       that may change unseen. See pool.h for pools of scenes.
///   static constexpr const char* load_ignores[] = {"max_episode_steps", ...}
///       Settings that `load` does not look at (it sees their defaults): batches that differ in them share one load.
///   static constexpr const char* pool_settings[] = {"map", ...}
///       Settings that `load` alone looks at, no rule: they may change when shared data are replaced.
///   struct Scratch { Field<T> ...; Bulk<T> ...; };
///       Working memory of one call, with `fields` as in State. Bulk is memory of every world at once.
///   HD static void prepare(group, world)
///       Fills Scratch with what every agent's observation needs (sines, neighbours): called after step, reset, derive
///       alike, in front of observe, whose every call finds it there until the last. What step left in Scratch is gone.
///       A function of State, Shared and world.elapsed alone. Scratch that observe_agent reads must not be written by
///       it.
///   HD static void derive(group, world)
///       Rebuilds derived fields after others were set from outside; not called after reset.
///   static std::string state_error(const World<Env>&)
///       Host only. What the rules object to in a state from outside whose numbers are within their limits ("position
///       of agent 3: got [0, 5], want a free cell of the map"), or "". What is derived is not there yet. Whatever
///       this lets pass, and `fields` with it, must be safe to step.
///   HD static void observe_state(group, world, const ObservationWriter<Env>&)
///       Writes the global state, which `spaces` describes by Spaces::state(handle, shape): out.row(handle, 0).
///   HD static void legal_actions(group, world, const LegalActions<Env>&)
///       Says which choices are legal in this state, all at once: they become action masks, and the next actions are
///       judged by them. Draws nothing. A choice that is illegal is replaced by the part's default choice (see
///       Role::default_choice) and reported, unless BatchOptions::illegal_actions passes it to `step`; which takes
///       static constexpr bool defines_illegal_actions = true
///       where `step` says what illegal choices mean.
///   HD static bool allowed(world, agent, Discrete<"...">, choice)
///       The simple form of it, in place of legal_actions: whether one choice is legal. One for each part of choices,
///       told apart by the handle's type. Choices of a MultiDiscrete part are counted through its integers.
///   static bool has_action_mask(const Config&)
///       False: under these settings everything is legal.
///       This one, spaces, metrics, refuses_policy and lanes may take `const Shared&` after the Config, where files
///       decide.
///   HD static bool active(world, agent)
///       False: padding, or has left.
///   HD static bool acts(world, agent)
///       False while it is another agent's turn.
///   static const char* metrics(const Config&, int m)
///       Name of metric m, null past the last. Sums of own outputs are metrics without this.
///   HD static float metric(group, world, m)
///       Its value; called when an episode ends, by all lanes together; world.elapsed counts the last step.
///   static MetricScope metric_scope(const Config&, int m)
///       env: metric() gives it, as for all where this is left out. agent, role: agent_metric() does, and the metric is
///       the mean over the agents that took part, of all roles or of each.
///   HD static float agent_metric(world, agent, m)
///   static const char* policies(int p)
///       Name of scripted policy p, null past the last.
///   static const char* refuses_policy(const Config&, int p)
///       Why it cannot run under these settings, or null.
///   HD static void act(group, world, p, const ActionWriter<Env>&)
///       Fills in actions for all agents; they start from the default choices and from 0. A role that `spaces` declares
///       as Role::scripted("name") is played by that policy inside every step.
///   static void draw(Batch& batch, int64_t env, Replay& replay)
///       Host only, defined in the folder's draw.cpp over replay/drawing.h: draws world `env` as it is now, for
///       replays.
///   static constexpr GymnasiumId gymnasium_ids[] = {{"Name-v0"}, {"NameOther-v0", {{"setting", "value"}, ...}}, ...}
///       Ids under which Gymnasium makes the environment after `import flockstep`, each with settings that it stands
///       for (see gymnasium_id.h). Where this is left out there is one: flockstep/MpeSpread-v0 for mpe_spread.
///   static constexpr GivenSetting bench_settings[] = {{"setting", "value"}, ...}
///       What `flockstep bench NAME` measures where nothing else is said; settings that are left out have their
///       defaults.
///   static std::vector<Tool> tools()
///       Host only, defined in the folder's tools.cpp: commands of its own, which `flockstep tool NAME COMMAND` runs
///       (see tool.h).
///   static int lanes(const Config&)
///       Lanes per world the GPU should use: 1, 2, 4, ..., 32, a multiple of 32 up to 256 for a block, or -1 for the
///       whole grid; else making a batch throws std::invalid_argument. A world that does not fit gets a larger group.
///   using UsualSizes = ConstantSizes<&Config::num_agents, &Config::num_landmarks>
///       Compiles kernels for the default values of these settings too, as constants (see world.h); other values take
///       the general kernels, with the same results. For one role with one observation part and one Discrete action
///       without a mask.
///   static int reset_lanes(const Config&, const Shared&, int lanes)
///       Lanes, up to 1,024, for worlds that the time limit is about to end, where a reset is much more work than a
///       step; 0: as many as for a step, which are `lanes`. On the GPU such worlds are stepped beside the others,
///       before them; where several worlds share a warp, a block of so many lanes resets one after the other.
///   static constexpr int single_agent_floats = 4
///       One agent that observes so many float32 in one part and has one Discrete action without a mask: makes loops
///       over them constants, keeps rows in registers on the GPU, and steps faster.
///
/// A whole environment:
///
///   struct Walk {
///       static constexpr const char* summary = "walk to the end of a line";
///       struct Config {
///           int max_episode_steps = 64, length = 8;
///           template <class F>
///           void fields(F f) {
///               f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
///               f("length", length, between(2, 1000), "cells of the line");
///           }
///       };
///       struct State {
///           Field<int32_t> cell;  // [1]
///           template <class V>
///           SIM_HD void fields(const Config& c, V& visit) { visit("cell", cell, 1).between(0, c.length - 1); }
///       };
///       static constexpr Observation<"place", float> place{};
///       static constexpr Discrete<"move"> move{};  // left, right
///       static constexpr auto tensors = tensor_list(place, move);
///       static Spaces spaces(const Config&) {
///           Spaces spaces;
///           spaces.add("walker", 1).observation(place, {1}, {0}, {1}).discrete(move, 2);
///           return spaces;
///       }
///       template <class Group>
///       SIM_HD static void reset(Group& group, World<Walk>& world) {
///           group.single([&] { world.state.cell[0] = 0; });
///       }
///       template <class Group>
///       SIM_HD static void step(Group& group, World<Walk>& world, const Actions<Walk>& action,
///                               const Outcome<Walk>& outcome) {
///           group.single([&] {
///               int32_t& cell = world.state.cell[0];
///               if (action.choice(move, 0))
///                   ++cell;
///               else if (cell > 0)
///                   --cell;
///               outcome.terminated(0) = cell == world.config.length - 1;
///               outcome.reward(0) = outcome.terminated(0);
///           });
///       }
///       template <class Group>
///       SIM_HD static void observe(Group& group, const World<Walk>& world, AgentRange,
///                                  const ObservationWriter<Walk>& out) {
///           if (!out.wants(place)) return;
///           group.single([&] { out.row(place, 0)[0] = float(world.state.cell[0]) / float(world.config.length - 1); });
///       }
///   };
