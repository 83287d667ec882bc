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

/// The contract of an environment: the only header of sim/ that rules include.
///
/// An environment is a struct of plain data and static functions, compiled once for the CPU and once for the GPU.
/// Functions marked HD run on either backend; all lanes of the group that works on one world call them (see group.h).
///
///   static constexpr const char* summary = "balance a pole on a cart (Gymnasium's CartPole-v1)";
///       One line, shown by `flockstep list` and help texts.
///   struct Config { ... int max_episode_steps; template <class F> void fields(F f); };
///       Settings with defaults. `fields` calls f(name, field, rule, help) for each one; no other list of them exists.
///       Field types: int, int64_t, uint64_t, float, bool, InternedString, enums (rule: one_of). max_episode_steps is
///       the time limit.
///   struct State { Field<T> ...; Bulk<T> ...; template <class V> HD void fields(const Config&, V& visit); };
///       The state of a world: visit(name, field, counts...), or visit.derived(...) for fields that `derive` rebuilds.
///       visit(...).between(low, high) is the range that set_fields and checkpoints may contain: required for a field
///       that is used as an index, or whose range the rules rely on. Floats must be finite unless .any_value() follows.
///       fields(const Config&, const Shared&, V& visit) if sizes depend on shared data.
///   static constexpr auto tensors = tensor_list(...);
///       Handles of all observation and action parts, and of outputs other than reward and flags: see tensors.h.
///   static Spaces spaces(const Config&)
///       Roles, and which of these parts each role has, with shapes, bounds and numbers of choices.
///   HD static void reset(group, world)
///       Starts a new episode, derived fields included; random numbers come from world.rng, through `random_streams`.
///   HD static void step(group, world, const Actions<Env>&, const Outcome<Env>&)
///   HD static void observe(group, world, AgentRange, const ObservationWriter<Env>&)
///       A function of State, Shared, world.elapsed and the scratch memory that `prepare` computed from them.
///
/// Replaces observe for large observations (about 1 KB per agent and up), which are streamed: see row_writer.h
///
///   HD static void observe_agent(team, const world, agent, TeamScratch&, const RowWriter<Env>&)
///       Observes one active agent, called by all lanes of a team. A team is a group itself: a warp on the GPU, one
///       thread on the CPU. Each team processes one agent after another; teams never synchronize with each other. Rows
///       of inactive agents are zero in the engine's own tensors; tensors bound by a launch keep whatever those rows
///       held, and `active` tells which rows are valid. State and Scratch are read-only here. Parts are floats or
///       bytes, not bits.
///   struct TeamScratch { int32_t nearest[64]; ... };
///       Optional; without it the argument goes too. Plain data, one per team, uninitialized before each call. It
///       lives in the block's shared memory, so keep it to a few KB: 5.5 KB per warp, including the 2 KB ring and the
///       warp's part of State and Scratch, still keep the GPU busy.
///
/// Optional members:
///
///   static constexpr auto random_streams = random_stream_list(...)
///       All random numbers that reset, step and act draw: named handles, each with a purpose and its own draws, see
///       random_streams.h. Only rules that draw nothing omit it. Handles with overlapping draws do not compile, nor
///       does a draw beyond its handle or through a handle that is not listed.
///   struct Shared { View<T> ...; int ...; template <class V> void fields(V& visit); };
///       Read-only data of all worlds: arrays, and plain members for values that follow from files or settings (such as
///       the map's height). visit(name, member) for each; a member with its own `fields` (Ragged, GridIndex) is visited
///       recursively. Arrays are in device memory and may be replaced while worlds run (Batch::replace_shared). Plain
///       members are passed with each launch, as fast to read as settings, and must be equal in all pools that a batch
///       switches between. static Shared load(const Config&, Loader&) builds it on the host, once per process for the
///       same settings and files, and may reject settings. It reads files through the loader only (see loader.h), so
///       that changes are noticed. See pool.h for pools of scenes.
///   static constexpr const char* load_ignores[] = {"max_episode_steps", ...}
///       Settings that `load` does not read (it sees their defaults): batches that differ only in them share one load.
///   static constexpr const char* pool_settings[] = {"map", ...}
///       Settings that only `load` reads, not the rules: they may change when shared data is replaced.
///   struct Scratch { Field<T> ...; Bulk<T> ...; };
///       Working memory of one call, with `fields` as in State. Bulk fields are allocated for every world.
///   HD static void prepare(group, world)
///       Computes in Scratch what all agents' observations need (sines, neighbors). Called after step, reset and
///       derive, before the observe calls, all of which see its results. Overwrites what step left in Scratch. A
///       function of State, Shared and world.elapsed only. observe_agent must not write the Scratch fields it reads.
///   HD static void derive(group, world)
///       Rebuilds derived fields after set_fields or restore; not called after reset.
///   static std::string state_error(const World<Env>&)
///       Host only. What is wrong with a state whose values are all within their limits ("position of agent 3: got
///       [0, 5], want a free cell of the map"), or "". Derived fields are not available. Every state that passes the
///       limits and this check must be safe to step.
///   HD static void observe_state(group, world, const ObservationWriter<Env>&)
///       Writes the global state declared by Spaces::state(handle, shape): out.row(handle, 0).
///   HD static void legal_actions(group, world, const LegalActions<Env>&)
///       Marks the legal choices in this state, all at once: they become the action masks, and the next actions are
///       validated against them. Draws no random numbers. An illegal choice is replaced by the part's default choice
///       (see Role::default_choice) and reported, unless BatchOptions::illegal_actions passes it to `step`, which
///       requires
///       static constexpr bool defines_illegal_actions = true
///       in environments whose `step` gives illegal choices a meaning.
///   HD static bool allowed(world, agent, Discrete<"...">, choice)
///       A simpler alternative to legal_actions: whether one choice is legal. One overload per part with choices,
///       selected by the handle's type. Choices of a MultiDiscrete part are numbered across its integers.
///   static bool has_action_mask(const Config&)
///       False: everything is legal under these settings.
///       This one, spaces, metrics, policy_error and lanes may take `const Shared&` after the Config if the answer
///       depends on files.
///   HD static bool active(world, agent)
///       False for padding and for agents that have left.
///   HD static bool acts(world, agent)
///       False while it is another agent's turn.
///   static const char* metrics(const Config&, int m)
///       Name of metric m, null past the last. Sums of the environment's own outputs are metrics automatically.
///   HD static float metric(group, world, m)
///       Its value; called by all lanes together when an episode ends; world.elapsed includes the last step.
///   static MetricScope metric_scope(const Config&, int m)
///       env (the default): computed by metric(). agent or role: computed by agent_metric(), and the metric is the mean
///       over the agents that took part, of all roles or of each role.
///   HD static float agent_metric(world, agent, m)
///   static const char* policies(int p)
///       Name of scripted policy p, null past the last.
///   static const char* policy_error(const Config&, int p)
///       Why policy p cannot run under these settings, or null.
///   HD static void act(group, world, p, const ActionWriter<Env>&)
///       Writes the actions of all agents, which start at the default choices and at 0. A role that `spaces` declares
///       as Role::scripted("name") is controlled by that policy inside every step.
///   static void draw(Batch& batch, int64_t env, Replay& replay)
///       Host only, defined in the folder's draw.cpp with replay/drawing.h: draws the current state of world `env` for
///       replays.
///   static constexpr GymnasiumId gymnasium_ids[] = {{"Name-v0"}, {"NameOther-v0", {{"setting", "value"}, ...}}, ...}
///       Ids under which `import flockstep` registers the environment with Gymnasium, each with preset settings (see
///       gymnasium_id.h). The default is one id: flockstep/MpeSpread-v0 for mpe_spread.
///   static constexpr PresetSetting bench_settings[] = {{"setting", "value"}, ...}
///       The settings that `flockstep bench NAME` measures by default; all others have their defaults.
///   static std::vector<Tool> tools()
///       Host only, defined in the folder's tools.cpp: commands of the environment, run by `flockstep tool NAME
///       COMMAND` (see tool.h).
///   static int lanes(const Config&)
///       Lanes per world on the GPU: 1, 2, 4, ..., 32, a multiple of 32 up to 256 for a block, or -1 for the whole
///       grid; making a batch throws std::invalid_argument for any other value. A world that does not fit gets a larger
///       group.
///   using SpecializedSizes = ConstantSizes<&Config::num_agents, &Config::num_landmarks>
///       Also compiles kernels in which these settings are constants, at their default values (see world.h); other
///       values use the general kernels, with the same results. For one role with one observation part and one Discrete
///       action without a mask.
///   static int reset_lanes(const Config&, const Shared&, int lanes)
///       Lanes, up to 1,024, for worlds about to reach the time limit, if a reset is much more work than a step; 0: as
///       many as for a step, which is `lanes`. The GPU steps such worlds concurrently with the others, starting them
///       first; if several worlds share a warp, a block of this many lanes resets one after another.
///   static constexpr int single_agent_floats = 4
///       One agent that observes this many float32 in one part and has one Discrete action without a mask: turns loop
///       bounds into constants, keeps rows in registers on the GPU, and steps faster.
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
