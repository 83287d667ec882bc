#pragma once

#include "sim/byte_run.h"
#include "sim/config.h"
#include "sim/group.h"
#include "sim/loader.h"
#include "sim/observation.h"
#include "sim/random.h"
#include "sim/real.h"
#include "sim/row_writer.h"
#include "sim/space.h"
#include "sim/world.h"

/// The contract of an environment: include this and nothing else of sim/.
///
/// An environment is a struct of plain data and static functions, compiled once for the CPU and once for the GPU.
/// Functions marked HD run on either, by all lanes of the group that works on one world (see group.h):
///
///   struct Config { ... int max_episode_steps; template <class F> void fields(F f); };
///       Settings with defaults. `fields` calls f(name, field, rule, help) for each; it is the only list of them.
///       Field types: int, int64_t, uint64_t, float, bool, Text, enums (rule: one_of). max_episode_steps is the limit.
///   struct State { Field<T> ...; Bulk<T> ...; template <class V> HD void fields(const Config&, V& visit); };
///       What a world remembers: visit(name, field, counts...), or visit.derived(...) for what `derive` rebuilds.
///       visit(...).between(low, high) says which numbers a state from outside may have: a field that is used as an
///       index, or whose range a rule relies on, needs it. Floats must be finite unless .any_value() follows.
///       fields(const Config&, const Shared&, V& visit) where sizes depend on shared data.
///   static constexpr auto tensors = tensor_list(...);
///       Handles of all observation and action parts: see tensors.h.
///   static Spaces spaces(const Config&)
///       Roles, and which of these parts each has, with shapes, bounds and numbers of choices.
///   HD static void reset(group, world)
///       A new episode, from world.rng, derived fields included.
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
///   struct Shared { View<T> ...; template <class V> void fields(V visit); };
///       Read-only data of all worlds; visit(name, view) for each array.
///       static Shared load(Config&, Loader&) builds it on the host and may fill in or refuse settings.
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
///   HD static bool allowed(world, agent, Discrete<"...">, choice)
///       False: the rules forbid it now; makes action masks. One for each part of choices, told apart by the handle's
///       type. Choices of a MultiDiscrete part are counted through its integers. Choice 0 must always be allowed.
///   static bool has_action_mask(const Config&)
///       False: under these settings everything is allowed.
///   HD static bool active(world, agent)
///       False: padding, or has left.
///   HD static bool acts(world, agent)
///       False while it is another agent's turn.
///   static const char* metrics(const Config&, int m)
///       Name of metric m, null past the last.
///   HD static float metric(group, world, m)
///       Its value; called when an episode ends.
///   static const char* policies(int p)
///       Name of scripted policy p, null past the last.
///   static const char* refuses_policy(const Config&, int p)
///       Why it cannot run under these settings, or null.
///   HD static void act(group, world, p, const ActionWriter<Env>&)
///   static int lanes(const Config&)
///       Lanes per world the GPU should use: 1, 2, 4, ..., 32, or a multiple of 32 up to 256 for a block.
///   static constexpr bool never_one_lane = true
///       Spares the compiler the kernels of one lane per world.
///   static constexpr int single_agent_floats = 4
///       One agent that observes so many float32 in one part and has one Discrete action without a mask: makes loops
///       over them constants, keeps rows in registers on the GPU, and steps faster.
