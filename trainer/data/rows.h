#pragma once

#include <cstdint>

#include "sim/contract/hd.h"
#include "trainer/data/divisor.h"

namespace flockstep {

/// The rows that one policy acts for: any cells (world x agent) of a slot [num_envs, num_agents], in ascending order.
/// Arrays with one element per agent and step are [steps][slot_rows]: a slot, padded to a multiple of 16 elements so
/// that the engine can write into it. Observations, masks and actions are stored by role, [steps][source rows, ...].
///
/// A sample is one row at one step; its number is step * size + row.
struct RowSet {
    Divisor size;  // rows per step
    int64_t slot_rows = 0;
    Divisor num_agents = 1;           // of a world, those of other policies included
    const int32_t* cell = nullptr;    // [size] on the device: a row's cell; null: row i is cell i
    const int32_t* source = nullptr;  // [size] on the device: a row's source row; null: row i is source row i

    SIM_HD int64_t step(int64_t sample) const { return sample / size; }
    SIM_HD int64_t row(int64_t sample) const { return sample % size; }
    SIM_HD int64_t cell_of(int64_t row) const { return cell ? cell[row] : row; }
    SIM_HD int64_t source_of(int64_t row) const { return source ? source[row] : row; }
    SIM_HD int64_t env_of(int64_t row) const { return cell_of(row) / num_agents; }
    SIM_HD int agent_of(int64_t row) const { return int(cell_of(row) % num_agents); }
    /// Index of a sample in an array [steps][slot_rows].
    SIM_HD int64_t flat_index(int64_t sample) const { return step(sample) * slot_rows + cell_of(row(sample)); }
};

}  // namespace flockstep
