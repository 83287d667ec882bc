#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "envs/common/grid_index.h"
#include "sim/contract/group.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

/// The grid and the index against brute force.
namespace flockstep {
namespace {

struct Draw {
    uint32_t i = 0;
    float operator()(float low, float high) { return Rng{4, 0, 0, 0, Purpose::step}.uniform(i++, 0, low, high); }
    Vec2 point(float size) { return {(*this)(-size, size), (*this)(-size, size)}; }
};

std::vector<Vec2> random_points(Draw& draw, int n, float size) {
    std::vector<Vec2> points;
    for (int i = 0; i < n; ++i) points.push_back(draw.point(size));
    return points;
}

std::vector<int> found(const GridIndex& index, int map, const CellWindow& window) {
    std::vector<int> items;
    for_each_in_window(index, map, window, [&](int item) { items.push_back(item); });
    return items;
}

/// How many of `wanted` are missing, and how many items were found twice.
int missing(const std::vector<int>& items, const std::vector<int>& wanted) {
    const std::set<int> all(items.begin(), items.end());
    return int(std::count_if(wanted.begin(), wanted.end(), [&](int item) { return !all.count(item); }));
}
int repeated(const std::vector<int>& items) {
    return int(items.size() - std::set<int>(items.begin(), items.end()).size());
}

}  // namespace

TEST_CASE("cell grid: every point has a cell, those outside a border cell") {
    const CellGrid grid = covering({-10, -5}, {10, 5}, 2.0f);
    CHECK(grid.columns == 11);
    CHECK(grid.rows == 6);
    CHECK(grid.cell_of({-10, -5}) == 0);
    CHECK(grid.cell_of({-1e30f, -1e30f}) == 0);
    CHECK(grid.cell_of({1e30f, 1e30f}) == grid.cells() - 1);
    CHECK(grid.cell_of({NAN, NAN}) == 0);
    CHECK(grid.cell_of({-9.9f, -2.9f}) == grid.columns);
    const CellGrid town = covering({0, 0}, {1e6f, 10}, 1.0f);
    CHECK(town.columns <= CellGrid::max_side);
    CHECK(town.cell_size == 256.0f);
    CHECK(covering({3, 3}, {3, 3}, 1.0f).cells() == 1);
}

TEST_CASE(
    "cell grid: the window around a place contains every cell with a point within the radius, but not the corners") {
    Draw draw;
    for (int i = 0; i < 300; ++i) {
        const CellGrid grid = covering(draw.point(10), Vec2{20, 20} + draw.point(10), draw(0.5f, 5));
        const Vec2 place = draw.point(40);
        const float radius = draw(0, 15);
        const CellWindow window = window_around(grid, place, radius);
        const auto holds = [&](Vec2 point) {
            const int row = grid.row_of(point.y), column = grid.column_of(point.x);
            if (row < window.first_row || row > window.last_row) return false;
            const CellRun run = columns_of(window, row);
            return column >= run.first && column <= run.last;
        };
        int lost = 0;
        for (int k = 0; k < 300; ++k) {
            const float angle = draw(-3, 3), away = radius * (k % 3 ? draw(0, 1) : 0.999999f);
            lost += !holds(place + Vec2{away * real::cos(angle), away * real::sin(angle)});
        }
        CHECK(lost == 0);
    }
    const CellGrid grid{{0, 0}, 1, 1, 100, 100};
    const CellWindow window = window_around(grid, {50.5f, 50.5f}, 20);
    CHECK(columns_of(window, window.first_row).last - columns_of(window, window.first_row).first < 15);
    CHECK(columns_of(window, 50).last - columns_of(window, 50).first == 40);
}

TEST_CASE("grid index: a disc finds the points within it, each once, in every map") {
    Draw draw;
    Loader loader;
    GridIndexBuilder builder(3.0f);
    std::vector<std::vector<Vec2>> maps;
    std::vector<std::vector<int>> orders;
    for (int n : {0, 1, 7, 400, 2000}) {
        maps.push_back(random_points(draw, n, 30));
        orders.push_back(builder.add_points(maps.back()));
    }
    const GridIndex index = builder.build(loader);
    REQUIRE(index.entry.size() == 2408);
    for (int i = 0; i < 500; ++i) {
        const int map = i % int(maps.size());
        const Vec2 place = draw.point(40);
        const float radius = draw(0, 12);
        std::vector<int> wanted;
        for (size_t k = 0; k < maps[size_t(map)].size(); ++k)
            if (squared_length(maps[size_t(map)][k] - place) <= radius * radius) wanted.push_back(int(k));
        const CellWindow window = window_around(index.grid[map].cells, place, radius);
        const std::vector<int> items = found(index, map, window);
        CHECK(missing(items, wanted) == 0);
        CHECK(repeated(items) == 0);
        std::vector<int> by_runs;
        const int base = index.first[index.grid[map].first_cell];
        for_each_run(index, map, window, [&](int begin, int end) {
            for (int e = begin; e < end; ++e) by_runs.push_back(orders[size_t(map)][size_t(e - base)]);
        });
        CHECK(by_runs == items);
    }
}

TEST_CASE("grid index: discs and rectangles find the segments that intersect them, each once") {
    Draw draw;
    Loader loader;
    GridIndexBuilder builder(4.0f);
    const std::vector<Vec2> begin = random_points(draw, 700, 50);
    std::vector<Vec2> end;
    for (size_t i = 0; i < begin.size(); ++i) end.push_back(begin[i] + draw.point(i % 10 ? 5.0f : 60.0f));
    builder.add_segments(begin, end);
    const GridIndex index = builder.build(loader);
    for (int i = 0; i < 500; ++i) {
        const Vec2 place = draw.point(60), half{draw(0, 20), draw(0, 20)};
        const bool is_disc = i & 1;
        const CellGrid& grid = index.grid[0].cells;
        const CellWindow window =
            is_disc ? window_around(grid, place, half.x) : window_between(grid, place - half, place + half);
        std::vector<int> wanted;
        for (size_t k = 0; k < begin.size(); ++k)
            if (is_disc ? distance(begin[k], end[k], place) < 0.9999f * half.x
                        : overlaps(OrientedBox{{place, {1, 0}}, 0.9999f * half.x, 0.9999f * half.y}, begin[k], end[k]))
                wanted.push_back(int(k));
        const std::vector<int> items = found(index, 0, window);
        CHECK(missing(items, wanted) == 0);
        CHECK(repeated(items) == 0);
        std::vector<int> by_group;
        ReorderedHostGroup group(7);
        for_each_in_window(group, index, 0, window, [&](int item) { by_group.push_back(item); });
        std::sort(by_group.begin(), by_group.end());
        std::vector<int> sorted = items;
        std::sort(sorted.begin(), sorted.end());
        CHECK(by_group == sorted);
    }
}

TEST_CASE("grid index: invalid input is rejected with one sentence") {
    GridIndexBuilder builder(1.0f);
    CHECK_THROWS_WITH(
        builder.add_points({{0, 0}, {1, NAN}}),
        "grid index: got item 1 from (1, nan) to (1, nan), want coordinates from -1e30 to 1e30, the lower ones first");
    CHECK_THROWS_WITH(
        builder.add_boxes({{0, 0}}, {{-1, 0}}),
        "grid index: got item 0 from (0, 0) to (-1, 0), want coordinates from -1e30 to 1e30, the lower ones first");
    CHECK_THROWS_WITH(builder.add_segments({{0, 0}}, {}), "grid index: got 1 and 0 ends, want as many");
    CHECK_THROWS_WITH(GridIndexBuilder(0.0f), "cell_size: got 0, want a finite number > 0");
}

}  // namespace flockstep
