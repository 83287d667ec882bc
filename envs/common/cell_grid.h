#pragma once

#include "envs/common/geometry.h"

/// Square cells over a rectangle of the plane: how grid_index.h, cell_list.h and rays.h number them. Cells are numbered
/// row by row from the lower left, so adjacent cells of a row have consecutive numbers.
///
///   const CellGrid grid{{-50, -50}, 10.0f, 0.1f, 10, 10};  // or covering({-50, -50}, {50, 50}, 10.0f)
///   const CellWindow near = window_around(grid, position, 25.0f);
///   for (int row = near.first_row; row <= near.last_row; ++row) visit(columns_of(near, row));
namespace flockstep {

/// The integer part of a coordinate in cells, clamped to [0, count); 0 for NaN.
SIM_HD int whole_cell(float v, int count) { return int(real::min(real::max(v, 0.0f), float(count - 1))); }

/// Points outside belong to the nearest border cell, so every point has a cell.
struct CellGrid {
    /// Maximum number of columns, and of rows.
    static constexpr int max_side = 4096;
    Vec2 origin;        // lower left corner
    float cell_size;    // side of a cell
    float inverse;      // 1 / cell_size
    int columns, rows;  // 1..max_side

    /// At most 2^24.
    SIM_HD int cells() const { return columns * rows; }
    /// A point in units of cells, relative to the corner.
    SIM_HD Vec2 in_cells(Vec2 point) const { return inverse * (point - origin); }
    /// Column of an x, row of a y, cell of a point. They are monotonic in x and y, so points between two points are in
    /// the cells between theirs, despite rounding.
    SIM_HD int column_of(float x) const { return whole_cell(inverse * (x - origin.x), columns); }
    SIM_HD int row_of(float y) const { return whole_cell(inverse * (y - origin.y), rows); }
    SIM_HD int cell_of(Vec2 point) const { return row_of(point.y) * columns + column_of(point.x); }
};

/// A grid that covers a rectangle with cells of `cell_size` > 0, doubled while a side would have more than max_side
/// cells. Coordinates up to 1e30 in magnitude, lower <= upper. Unchecked: GridIndexBuilder checks its arguments.
SIM_HD CellGrid covering(Vec2 lower, Vec2 upper, float cell_size) {
    const auto count = [&](float extent) { return real::floor(extent / cell_size) + 1.0f; };
    const float widest = real::max(upper.x - lower.x, upper.y - lower.y);
    while (count(widest) > float(CellGrid::max_side)) cell_size *= 2.0f;
    return {lower, cell_size, 1.0f / cell_size, int(count(upper.x - lower.x)), int(count(upper.y - lower.y))};
}

/// Consecutive columns of a row, `last` included; empty if last < first.
struct CellRun {
    int first, last;
};

/// Cells of a rectangle or of a disc, row by row.
struct CellWindow {
    int first_row, last_row, first_column, last_column;  // last ones included
    int rows, columns;                                   // of the grid
    Vec2 middle;                                         // center of the disc, in cells
    float radius;                                        // in cells; negative: a rectangle
};

/// The cells that contain the points of a rectangle, including its sides.
SIM_HD CellWindow window_between(const CellGrid& grid, Vec2 lower, Vec2 upper) {
    return {grid.row_of(lower.y),
            grid.row_of(upper.y),
            grid.column_of(lower.x),
            grid.column_of(upper.x),
            grid.rows,
            grid.columns,
            {},
            -1.0f};
}

/// The cells that contain the points within `radius` of a place, and few others. The disc is enlarged by 1/256 of a
/// cell, which exceeds rounding errors for coordinates below 1e4 cells in magnitude.
SIM_HD CellWindow window_around(const CellGrid& grid, Vec2 place, float radius) {
    const float larger = radius + grid.cell_size * (1.0f / 256);
    CellWindow window = window_between(grid, place - Vec2{larger, larger}, place + Vec2{larger, larger});
    window.middle = grid.in_cells(place), window.radius = grid.inverse * larger;
    return window;
}

/// The columns of the window in one of its rows: costs a square root for a disc. In a disc, a row includes the columns
/// of every row farther from the center.
SIM_HD CellRun columns_of(const CellWindow& window, int row) {
    if (window.radius < 0.0f) return {window.first_column, window.last_column};
    // The chord at the row's side closer to the center; border rows extend to infinity.
    const float below = row > 0 ? float(row) - window.middle.y : 0.0f;
    const float above = row + 1 < window.rows ? window.middle.y - float(row + 1) : 0.0f;
    const float away = real::max(real::max(below, above), 0.0f);
    const float left = real::square(window.radius) - real::square(away);
    if (left < 0.0f) return {0, -1};
    const float chord = real::sqrt(left);
    return {whole_cell(window.middle.x - chord, window.columns), whole_cell(window.middle.x + chord, window.columns)};
}

}  // namespace flockstep
