#pragma once

#include <cstdint>

#include "sim/contract/flush.h"
#include "sim/contract/observation.h"
#include "sim/engine/agent_stream.h"
#include "sim/engine/legal_actions.h"
#include "sim/engine/world_call.h"

/// Observations, the global state and the masks of one world: the rules write them to staging memory, from where they
/// are copied to their tensors, or directly to the tensors.
namespace flockstep {

/// Test mode of the CPU: overwrites what `step` left in scratch memory.
template <class Env, class Group>
SIM_HD void poison_scratch(WorldCall<Env, Group>& call) {
    call.group.poison(call.memory.scratch, call.e.scratch_bytes);
    for (const FieldLocation& field : call.e.scratch_fields)
        if (field.bulk) call.group.poison(field.bulk + call.env * field.bytes, field.bytes);
}
/// Computes scratch memory for the observe calls, which keep it until the last one.
template <class Env, class Group>
SIM_HD void prepare(WorldCall<Env, Group>& call) {
    if constexpr (requires { call.group.poison(call.memory.scratch, 0); }) poison_scratch(call);
    if constexpr (has_prepare<Env>) {
        Env::prepare(call.group, call.world);
        call.group.sync();
    }
}

/// Writes the masks of all agents, active or not, directly to their tensors.
template <class Env, class Group>
SIM_HD void write_streamed_masks(WorldCall<Env, Group>& call) {
    if constexpr (masks_actions<Env>) {
        for (int p = 0; p < call.e.num_parts; ++p) {
            const PartView& part = call.e.parts[p];
            if (part.mask_of < 0 || !part.wanted()) continue;
            char* const rows = part.rows(false, call.env, part.first);
            call.group.for_each(part.count * part.elements, [&](int i) {
                rows[i] = char(
                    is_legal(call, call.e.actions[part.mask_of], part.first + i / part.elements, i % part.elements));
            });
        }
        call.group.sync();
    }
}
/// Writes the masks of agents in `range`, together with their observations. No sync.
template <class Env, class Group>
SIM_HD void write_masks(WorldCall<Env, Group>& call, AgentRange range, const ObservationWriter<Env>& writer) {
    if constexpr (masks_actions<Env>) {
        const RoleView r = call.role(range.role);
        for (int p = r.first_mask; p < r.first_mask + r.num_masks; ++p) {
            const PartView& part = call.e.parts[p];
            if (!part.wanted()) continue;
            call.group.for_each((range.last - range.first) * part.elements, [&](int i) {
                const int agent = range.first + i / part.elements;
                writer.bytes(part, agent)[i % part.elements] =
                    char(is_legal(call, call.e.actions[part.mask_of], agent, i % part.elements));
            });
        }
    }
}

/// Observes the only agent of a one-lane world.
template <class Env, class Group>
SIM_HD void observe_in_registers(WorldCall<Env, Group>& call, bool final) {
    float row[Env::single_agent_floats];
    const PartView& part = call.e.parts[0];
    if (!part.wanted()) return;
    Env::observe(call.group, call.world, AgentRange{0, 0, 1}, ObservationWriter<Env>(call.e.parts, row));
    if (!final || part.final_output) store_floats(row, part.dtype, part.rows(final, call.env, 0));
}
/// Observes agents of one role, at most as many as fit staging memory; or the world's global state, as the role after
/// the last. Ends with a sync.
template <class Env, class Group>
SIM_HD void observe_range(WorldCall<Env, Group>& call, AgentRange range, bool final) {
    Group& group = call.group;
    const EngineView<Env>& e = call.e;
    const RoleView r = call.role(range.role);
    constexpr bool stages_all = requires { Group::stages_all; };
    const ObservationWriter<Env> writer(e.parts + r.first_part, call.memory.stage, call.env, call.memory.slot,
                                        range.first, final, stages_all);
    for (int p = r.first_part; p < r.first_part + r.num_parts; ++p) {
        if (!e.parts[p].wanted() || e.parts[p].source_dtype != DType::bit) continue;
        uint32_t* words = reinterpret_cast<uint32_t*>(writer.staged(e.parts[p]));
        const int count = ((range.last - range.first) * e.parts[p].elements + 31) / 32 + 1;
        group.for_each(count, [&](int i) { words[i] = 0; });
    }
    group.sync();
    if constexpr (has_world_state<Env>) {
        if (range.role == e.num_roles)
            Env::observe_state(group, call.world, writer);
        else
            Env::observe(group, call.world, range, writer);
    } else {
        Env::observe(group, call.world, range, writer);
    }
    if (!final) write_masks(call, range, writer);
    group.sync();
    for (int i = 0; i < r.num_tensors(); ++i) {
        const int p = r.tensor(i);
        const PartView& part = e.parts[p];
        if (!part.wanted() || (!stages_all && part.direct) || (final && !part.final_output)) continue;
        if (call.memory.flush_later && !final && part.source_dtype != DType::bit) continue;
        move_part(group.lane(), group.lanes(), part, part.rows(final, call.env, range.first), writer.staged(part),
                  (range.last - range.first) * part.elements);
    }
    group.sync();
}

/// Writes all observations of the current state; `final`: into the final observations.
template <class Env, class Group>
SIM_HD void observe(WorldCall<Env, Group>& call, bool final) {
    call.world.rng = {};
    prepare(call);
    if constexpr (is_streamed<Env>) {
        AgentStream<Env, Group>(call).run(final);
        if (!final) write_streamed_masks(call);
    } else if constexpr (keeps_row<Env, Group>)
        observe_in_registers(call, final);
    else if constexpr (WorldCall<Env, Group>::is_plain)
        observe_range(call, {0, 0, call.constant_num_agents()}, final);
    else
        for (int role = 0; role < call.num_roles(); ++role) {
            const RoleView& r = call.e.roles[role];
            const int chunk = call.e.agents_per_range < r.count ? call.e.agents_per_range : r.count;
            for (int first = r.first; first < r.first + r.count; first += chunk) {
                const int last = first + chunk < r.first + r.count ? first + chunk : r.first + r.count;
                observe_range(call, {role, first, last}, final);
            }
        }
    if constexpr (has_world_state<Env>)
        if (call.e.has_state) observe_range(call, {call.e.num_roles, 0, 1}, final);
}

}  // namespace flockstep
