#pragma once

#include <cstdint>

#include "sim/contract/hd.h"

namespace flockstep {

/// A cell of a map, 0-based, row 0 at the top, not counting the border. Sides are at most 4096, so 16 bits suffice,
/// even for negative coordinates.
struct alignas(4) Cell {
    int16_t row, column;
};

SIM_HD bool operator==(Cell a, Cell b) { return a.row == b.row && a.column == b.column; }
SIM_HD bool operator!=(Cell a, Cell b) { return !(a == b); }

/// Row-major index of a cell on a map `width` cells wide, and back.
SIM_HD int32_t cell_index(Cell cell, int width) { return int32_t{cell.row} * width + cell.column; }
SIM_HD Cell cell_at(int32_t index, int width) {
    return {static_cast<int16_t>(index / width), static_cast<int16_t>(index % width)};
}

}  // namespace flockstep
