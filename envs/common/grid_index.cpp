#include "envs/common/grid_index.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "sim/contract/config.h"

namespace flockstep {
namespace {

[[noreturn]] void fail(const std::string& got, const std::string& want) {
    throw std::invalid_argument("grid index: got " + got + ", want " + want);
}

void check_equally_long(const std::vector<Vec2>& a, const std::vector<Vec2>& b) {
    if (a.size() != b.size()) fail(std::to_string(a.size()) + " and " + std::to_string(b.size()) + " ends", "as many");
}

std::string to_text(Vec2 v) {
    return "(" + flockstep::to_text(double(v.x)) + ", " + flockstep::to_text(double(v.y)) + ")";
}

void check_box(Vec2 lower, Vec2 upper, size_t item) {
    const auto is_fine = [](float low, float high) { return low >= -1e30f && low <= high && high <= 1e30f; };
    if (!is_fine(lower.x, upper.x) || !is_fine(lower.y, upper.y))
        fail("item " + std::to_string(item) + " from " + to_text(lower) + " to " + to_text(upper),
             "coordinates from -1e30 to 1e30, the lower ones first");
}

/// The bounding grid of all things; checks the things.
CellGrid grid_over(const std::vector<Vec2>& lower, const std::vector<Vec2>& upper, float cell_size) {
    Vec2 least = lower.empty() ? Vec2{0, 0} : lower.front(), most = upper.empty() ? Vec2{0, 0} : upper.front();
    for (size_t item = 0; item < lower.size(); ++item) {
        check_box(lower[item], upper[item], item);
        least = {std::min(least.x, lower[item].x), std::min(least.y, lower[item].y)};
        most = {std::max(most.x, upper[item].x), std::max(most.y, upper[item].y)};
    }
    return covering(least, most, cell_size);
}

/// Calls visit(cell, column, window) for each cell of a box.
template <class Visit>
void for_each_cell(const CellGrid& grid, Vec2 lower, Vec2 upper, Visit&& visit) {
    const CellWindow window = window_between(grid, lower, upper);
    for (int row = window.first_row; row <= window.last_row; ++row)
        for (int column = window.first_column; column <= window.last_column; ++column)
            visit(size_t(row) * grid.columns + column, column, window);
}

}  // namespace

GridIndexBuilder::GridIndexBuilder(float cell_size) : cell_size_(cell_size) {
    if (!(cell_size > 0) || !std::isfinite(cell_size))
        throw std::invalid_argument("cell_size: got " + flockstep::to_text(double(cell_size)) +
                                    ", want a finite number > 0");
}

void GridIndexBuilder::add_boxes(const std::vector<Vec2>& lower, const std::vector<Vec2>& upper) {
    check_equally_long(lower, upper);
    const CellGrid grid = grid_over(lower, upper, cell_size_);
    std::vector<int64_t> end(size_t(grid.cells()), 0);  // end of each cell's entries
    for (size_t item = 0; item < lower.size(); ++item)
        for_each_cell(grid, lower[item], upper[item], [&](size_t cell, int, const CellWindow&) { ++end[cell]; });
    std::partial_sum(end.begin(), end.end(), end.begin());
    const int64_t before = first_.back();
    if (before + end.back() > INT32_MAX)
        fail(std::to_string(before + end.back()) + " entries", "fewer than 2^31; larger cells help");
    grid_.push_back({grid, int32_t(first_.size()) - 1});
    for (const int64_t cell_end : end) first_.push_back(int32_t(before + cell_end));
    entry_.resize(size_t(first_.back()));
    for (size_t item = lower.size(); item-- > 0;)  // backwards, so that a cell's items end up in order
        for_each_cell(grid, lower[item], upper[item], [&](size_t cell, int column, const CellWindow& window) {
            entry_[size_t(before + --end[cell])] = {int32_t(item), int16_t(window.first_column),
                                                    int16_t(window.last_column), int16_t(window.first_row),
                                                    int16_t(column)};
        });
}

std::vector<int> GridIndexBuilder::add_points(const std::vector<Vec2>& points) {
    const size_t before = entry_.size();
    add_boxes(points, points);
    std::vector<int> order;
    for (size_t k = before; k < entry_.size(); ++k) order.push_back(entry_[k].item);
    return order;
}

void GridIndexBuilder::add_segments(const std::vector<Vec2>& begin, const std::vector<Vec2>& end) {
    check_equally_long(begin, end);
    std::vector<Vec2> lower, upper;
    for (size_t i = 0; i < begin.size(); ++i) {
        lower.push_back({std::min(begin[i].x, end[i].x), std::min(begin[i].y, end[i].y)});
        upper.push_back({std::max(begin[i].x, end[i].x), std::max(begin[i].y, end[i].y)});
    }
    add_boxes(lower, upper);
}

GridIndex GridIndexBuilder::build(Loader& loader) {
    return {loader.keep(grid_), loader.keep(first_), loader.keep(entry_)};
}

}  // namespace flockstep
