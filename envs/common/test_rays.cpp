#include <algorithm>
#include <cmath>
#include <vector>

#include "envs/common/rays.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

/// rays.h against small steps and other formulations in double.
namespace flockstep {
namespace {

struct Draw {
    uint32_t i = 0;
    float operator()(float low, float high) { return Rng{6, 0, 0, 0, Purpose::step}.uniform(i++, 0, low, high); }
    Vec2 point(float size) { return {(*this)(-size, size), (*this)(-size, size)}; }
    Ray ray(float size) {
        const Vec2 origin = point(size);
        const float angle = (*this)(-real::pi, real::pi);
        return {origin, {real::cos(angle), real::sin(angle)}};
    }
};

constexpr double never = 1e9;

/// Distance at which a ray enters an axis-aligned rectangle, grown by `more`; in double.
double enters(double x, double y, double dx, double dy, double half_x, double half_y) {
    if (std::abs(x) <= half_x && std::abs(y) <= half_y) return 0;
    double nearest = never;
    for (double side : {-1.0, 1.0}) {  // each side as a line that is crossed within the others
        const double t = (side * half_x - x) / dx, u = (side * half_y - y) / dy;
        if (t >= 0 && std::abs(y + t * dy) <= half_y) nearest = std::min(nearest, t);
        if (u >= 0 && std::abs(x + u * dx) <= half_x) nearest = std::min(nearest, u);
    }
    return nearest;
}
double enters(const Ray& ray, const OrientedBox& box, double more) {
    const double angle = std::atan2(double(box.frame.ahead.y), double(box.frame.ahead.x));
    const double c = std::cos(angle), s = std::sin(angle);
    const double x = double(ray.origin.x) - box.frame.origin.x, y = double(ray.origin.y) - box.frame.origin.y;
    const double dx = ray.direction.x, dy = ray.direction.y;
    return enters(x * c + y * s, y * c - x * s, dx * c + dy * s, dy * c - dx * s, box.half_length + more,
                  box.half_width + more);
}

/// `got` may be anything between the distances to a slightly larger and to a slightly smaller obstacle.
bool is_between(double got, double to_larger, double to_smaller, double farthest) {
    const double slack = 1e-4;
    return got >= std::min(to_larger, farthest) - slack && got <= std::min(to_smaller, farthest) + slack;
}
constexpr double margin = 1e-5;

}  // namespace

TEST_CASE("rays: to a box, the nearest of its sides; 0 from within") {
    Draw draw;
    int wrong = 0, hits = 0, inside = 0;
    for (int i = 0; i < 50000; ++i) {
        const Ray ray = draw.ray(6);
        const OrientedBox box{frame_at(draw.point(4), draw(-4, 4)), draw(0.05f, 3), draw(0.05f, 3)};
        const float got = ray_to_box(ray, box, 8.0f);
        wrong += !is_between(got, enters(ray, box, margin), enters(ray, box, -margin), 8);
        hits += got < 8.0f, inside += got == 0.0f;
    }
    CHECK(wrong == 0);
    CHECK(hits > 5000);
    CHECK(inside > 1000);
    const OrientedBox box{{{5, 0}, {1, 0}}, 1, 1};
    CHECK(ray_to_box({{0, 0}, {1, 0}}, box, 10.0f) == 4.0f);
    CHECK(ray_to_box({{0, 2}, {1, 0}}, box, 10.0f) == 10.0f);
    CHECK(ray_to_box({{0, 0}, {-1, 0}}, box, 10.0f) == 10.0f);
    CHECK(ray_to_box({{0, 0}, {1, 0}}, box, 3.0f) == 3.0f);
}

TEST_CASE("rays: to a circle, where the distance from its middle falls to the radius") {
    Draw draw;
    int wrong = 0, hits = 0;
    for (int i = 0; i < 3000; ++i) {
        const Ray ray = draw.ray(6);
        const Vec2 middle = draw.point(4);
        const float radius = draw(0.05f, 2), got = ray_to_circle(ray, middle, radius, 8.0f);
        const auto first_within = [&](double r) {
            for (int k = 0; k <= 16000; ++k) {
                const double away = k * 0.0005, x = ray.origin.x + away * ray.direction.x - middle.x,
                             y = ray.origin.y + away * ray.direction.y - middle.y;
                if (x * x + y * y <= r * r) return away;
            }
            return never;
        };
        wrong += got < std::min(first_within(radius + 1e-4), 8.0) - 1e-3;
        wrong += got > std::min(first_within(radius - 1e-4), 8.0) + 1e-3;
        hits += got < 8.0f;
    }
    CHECK(wrong == 0);
    CHECK(hits > 300);
    CHECK(ray_to_circle({{0, 0}, {1, 0}}, {5, 0}, 2, 10.0f) == 3.0f);
    CHECK(ray_to_circle({{4, 0}, {1, 0}}, {5, 0}, 2, 10.0f) == 0.0f);
    CHECK(ray_to_circle({{8, 0}, {1, 0}}, {5, 0}, 2, 10.0f) == 10.0f);
}

TEST_CASE("rays: to a segment, where the lines intersect within it") {
    Draw draw;
    int wrong = 0, hits = 0;
    for (int i = 0; i < 50000; ++i) {
        const Ray ray = draw.ray(6);
        const Vec2 begin = draw.point(5), end = draw.point(5);
        const float got = ray_to_segment(ray, begin, end, 8.0f);
        // Begin and end in the ray's frame, where it goes along x.
        const double dx = ray.direction.x, dy = ray.direction.y;
        const auto along = [&](Vec2 p) { return (p.x - ray.origin.x) * dx + (p.y - ray.origin.y) * dy; };
        const auto beside = [&](Vec2 p) { return (p.y - ray.origin.y) * dx - (p.x - ray.origin.x) * dy; };
        const double a = beside(begin), b = beside(end);
        if (std::min(std::abs(a), std::abs(b)) < margin || std::abs(a - b) < 0.05) continue;
        const double meets = along(begin) + (along(end) - along(begin)) * a / (a - b);
        if (std::abs(meets) < 1e-4) continue;
        const double want = (a > 0) != (b > 0) && meets > 0 && meets < 8 ? meets : 8;
        wrong += std::abs(got - want) > 1e-3;
        hits += got < 8.0f;
    }
    CHECK(wrong == 0);
    CHECK(hits > 5000);
    CHECK(ray_to_segment({{0, 0}, {1, 0}}, {3, -1}, {3, 1}, 10.0f) == 3.0f);
    CHECK(ray_to_segment({{0, 0}, {1, 0}}, {3, 0}, {3, 1}, 10.0f) == 3.0f);
    CHECK(ray_to_segment({{0, 0}, {1, 0}}, {3, 0}, {5, 0}, 10.0f) == 10.0f);
}

TEST_CASE("rays: through cells, the first blocked cell's side") {
    Draw draw;
    int wrong = 0, hits = 0, stepped = 0;
    for (int map = 0; map < 60; ++map) {
        const CellGrid grid = covering(draw.point(3), Vec2{12, 9} + draw.point(3), draw(0.3f, 2));
        std::vector<OrientedBox> blocks;
        std::vector<uint8_t> blocked;
        const float half = 0.5f * grid.cell_size;
        for (int cell = 0; cell < grid.cells(); ++cell) {
            blocked.push_back(draw(0, 1) < 0.1f);
            const float column = float(cell % grid.columns) + 0.5f, row = float(cell / grid.columns) + 0.5f;
            const Vec2 middle = grid.origin + grid.cell_size * Vec2{column, row};
            if (blocked.back()) blocks.push_back({{middle, {1, 0}}, half, half});
        }
        for (int i = 0; i < 300; ++i) {
            const Ray ray = draw.ray(12);
            int asked = 0;
            const float got = ray_to_cells(
                ray, grid, [&](int cell) { return ++asked, blocked[size_t(cell)]; }, 9.0f);
            double to_larger = never, to_smaller = never;
            for (const OrientedBox& block : blocks) {
                to_larger = std::min(to_larger, enters(ray, block, margin));
                to_smaller = std::min(to_smaller, enters(ray, block, -margin));
            }
            wrong += !is_between(got, to_larger, to_smaller, 9);
            hits += got < 9.0f;
            for (float away = 0; away < got - 1e-3f; away += 0.05f) {  // and nothing was passed over
                const Vec2 at = grid.in_cells(point_at(ray, away));
                const bool is_inside = at.x >= 0 && at.y >= 0 && at.x < grid.columns && at.y < grid.rows;
                const float to_side = std::min({std::abs(at.x - std::round(at.x)), std::abs(at.y - std::round(at.y))});
                if (is_inside && to_side > 1e-3f) stepped += blocked[size_t(grid.cell_of(point_at(ray, away)))];
            }
            CHECK(asked <= 2 + int(2 * 9.0f / grid.cell_size));
        }
    }
    CHECK(wrong == 0);
    CHECK(stepped == 0);
    CHECK(hits > 2000);
}

TEST_CASE("rays: along the axes, from outside, and out of the grid") {
    const CellGrid grid{{0, 0}, 1, 1, 10, 10};
    const auto only = [](int wanted) { return [wanted](int cell) { return cell == wanted; }; };
    CHECK(ray_to_cells({{0.5f, 0.5f}, {1, 0}}, grid, only(7), 20.0f) == 6.5f);
    CHECK(ray_to_cells({{0.5f, 0.5f}, {0, 1}}, grid, only(30), 20.0f) == 2.5f);
    CHECK(ray_to_cells({{9.5f, 0.5f}, {-1, 0}}, grid, only(7), 20.0f) == 1.5f);
    CHECK(ray_to_cells({{-3, 0.5f}, {1, 0}}, grid, only(0), 20.0f) == 3.0f);
    CHECK(ray_to_cells({{-3, 0.5f}, {-1, 0}}, grid, only(0), 20.0f) == 20.0f);
    CHECK(ray_to_cells({{0.5f, 0.5f}, {1, 0}}, grid, only(7), 5.0f) == 5.0f);
    CHECK(ray_to_cells({{7.5f, 0.5f}, {1, 0}}, grid, only(7), 5.0f) == 0.0f);
    CHECK(ray_to_cells({{0.5f, 0.5f}, {1, 0}}, grid, only(-1), real::infinity) == real::infinity);
    CHECK(ray_to_cells({{0.5f, 0.5f}, {0, 0}}, grid, only(7), real::infinity) == real::infinity);
    CHECK(ray_to_cells({{NAN, 0.5f}, {1, 0}}, grid, only(7), 20.0f) == 20.0f);
}

}  // namespace flockstep
