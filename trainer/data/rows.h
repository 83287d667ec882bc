#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

namespace flockstep {

/// Memory layout of one role's samples in a rollout. Arrays with one element per agent and step are
/// [steps][slot_rows]: a slot holds [num_envs, num_agents], padded to a multiple of 16 elements so that the engine can
/// write into it.
///
/// A role row is env * count + agent within the role; sample number = step * role rows + role row.
struct RoleRows {
    int64_t num_envs = 0;
    int num_agents = 0;        // of all roles
    int first = 0, count = 0;  // agents of this role
    int64_t slot_rows = 0;

    SIM_HD int64_t size() const { return num_envs * count; }
    SIM_HD int64_t step(int64_t sample) const { return sample / size(); }
    SIM_HD int64_t role_row(int64_t sample) const { return sample % size(); }
    /// Index of a role row within a slot.
    SIM_HD int64_t in_slot(int64_t role_row) const {
        if (count == num_agents) return role_row;
        return role_row / count * num_agents + first + role_row % count;
    }
    /// Index of a sample in an array [steps][slot_rows].
    SIM_HD int64_t flat_index(int64_t sample) const { return step(sample) * slot_rows + in_slot(role_row(sample)); }
};

}  // namespace flockstep
