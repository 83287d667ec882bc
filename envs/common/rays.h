#pragma once

#include "envs/common/cell_grid.h"

/// Ray casting for lidar beams and lines of sight. Each function returns the distance of the first hit, in
/// [0, farthest), or `farthest` if there is none; so calls can be chained:
///
///   const Ray ray{position, {real::cos(angle), real::sin(angle)}};
///   float depth = ray_to_cells(ray, grid, [&](int cell) { return is_wall(cell); }, 50.0f);
///   for (int j = 0; j < n; ++j) depth = ray_to_box(ray, box_of(j), depth);
///
/// A ray that starts inside a box, a circle or a blocked cell hits at 0. Hits within rounding of an end, a corner or a
/// tangent (about 1e-6 of the coordinates) may be found or missed; distances have about the same accuracy, divided by
/// the sine of the angle if a ray meets a side at a small angle.
namespace flockstep {

/// A half-line; direction of length 1.
struct Ray {
    Vec2 origin, direction;
};

/// The point at a distance along the ray.
SIM_HD Vec2 point_at(const Ray& ray, float distance) { return ray.origin + distance * ray.direction; }

/// To a segment, from either side. One that is parallel to the ray is never hit. Two divisions.
SIM_HD float ray_to_segment(const Ray& ray, Vec2 begin, Vec2 end, float farthest) {
    const Vec2 to_begin = begin - ray.origin, along = end - begin;
    const float area = cross(ray.direction, along);
    if (area == 0.0f) return farthest;
    const float away = cross(to_begin, along) / area, share = cross(to_begin, ray.direction) / area;
    return away >= 0.0f && away < farthest && share >= 0.0f && share <= 1.0f ? away : farthest;
}

/// To a circle. At most one square root.
SIM_HD float ray_to_circle(const Ray& ray, Vec2 middle, float radius, float farthest) {
    const Vec2 to_middle = middle - ray.origin;
    if (squared_length(to_middle) <= radius * radius) return real::min(0.0f, farthest);
    const float beside = cross(ray.direction, to_middle), left = radius * radius - beside * beside;
    if (left < 0.0f) return farthest;
    const float away = dot(ray.direction, to_middle) - real::sqrt(left);
    return away >= 0.0f && away < farthest ? away : farthest;
}

/// To an oriented box, by the slab method (Kay and Kajiya 1986). Four divisions.
SIM_HD float ray_to_box(const Ray& ray, const OrientedBox& box, float farthest) {
    const Vec2 origin = to_frame(box.frame, ray.origin), direction = rotate_into(box.frame, ray.direction);
    float enter = 0.0f, leave = farthest;
    const auto limit = [&](float from, float step, float half) {
        if (step == 0.0f) {
            if (real::abs(from) > half) leave = -1.0f;
            return;
        }
        const float toward = step > 0.0f ? half : -half;
        enter = real::max(enter, (-toward - from) / step), leave = real::min(leave, (toward - from) / step);
    };
    limit(origin.x, direction.x, box.half_length), limit(origin.y, direction.y, box.half_width);
    return enter <= leave && enter < farthest ? enter : farthest;
}

/// To the first cell of a grid for which blocked(cell) is true; blocked is called for the traversed cells in order, and
/// the outside of the grid is free. If the ray passes exactly through a corner, the next cell of the row comes first.
/// Cost: one call and about 10 operations per traversed cell. Grid traversal: Amanatides and Woo 1987, but each
/// crossing is computed directly, so that errors do not accumulate.
template <class Blocked>
SIM_HD float ray_to_cells(const Ray& ray, const CellGrid& grid, Blocked&& blocked, float farthest) {
    const Vec2 start = grid.in_cells(ray.origin);
    const auto cell_below = [](float v) { return int(real::min(real::max(real::floor(v), -1e6f), 1e6f)); };
    int column = cell_below(start.x), row = cell_below(start.y);
    const int right = ray.direction.x > 0.0f, up = ray.direction.y > 0.0f;
    const float per_column = grid.cell_size / ray.direction.x, per_row = grid.cell_size / ray.direction.y;
    const auto is_inside = [&] { return column >= 0 && column < grid.columns && row >= 0 && row < grid.rows; };
    const auto is_past = [](int at, int count, int rising) { return rising ? at >= count : at < 0; };
    float away = 0.0f;
    while (away < farthest && !is_past(column, grid.columns, right) && !is_past(row, grid.rows, up)) {
        if (is_inside() && blocked(row * grid.columns + column)) return away;
        // Where the ray leaves this cell's column and row; infinity if it is parallel to them.
        const float next_column =
            ray.direction.x == 0.0f ? real::infinity : (float(column + right) - start.x) * per_column;
        const float next_row = ray.direction.y == 0.0f ? real::infinity : (float(row + up) - start.y) * per_row;
        if (next_column <= next_row)
            column += right ? 1 : -1, away = next_column;
        else
            row += up ? 1 : -1, away = next_row;
    }
    return farthest;
}

}  // namespace flockstep
