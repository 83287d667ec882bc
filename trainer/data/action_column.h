#pragma once

#include <cstdint>

#include "trainer/data/rows.h"

namespace flockstep {

inline constexpr int max_policy_actions = 16;  // action parts

/// One action part in memory.
struct ActionColumn {
    /// [steps][kept_slot bytes] of [rows, size]: what was chosen, for learning. Integers as they are; floats before
    /// squashing, scaling and clipping. Null: not kept.
    void* kept = nullptr;
    void* action = nullptr;         // [rows, size]: what the environment reads; null: it reads `kept`
    const uint8_t* mask = nullptr;  // [steps][mask_slot bytes] of [source rows, choices], 1 = legal; null: all are
    int64_t kept_slot = 0, mask_slot = 0;
    int size = 1, choices = 0;
    bool by_cell = false;  // rows of the actions are cells: one tensor for all roles; otherwise source rows
};

}  // namespace flockstep
