#include <cmath>
#include <vector>

#include "envs/common/geometry.h"
#include "sim/contract/random.h"
#include "tests/catch.h"

/// geometry.h against other formulations in double: clipped polygons, dense points, winding angles.
namespace flockstep {
namespace {

struct Point {
    double x, y;
};
double cross(Point a, Point b, Point c) { return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x); }
double distance(Point a, Point b) { return std::hypot(a.x - b.x, a.y - b.y); }
Point between(Point a, Point b, double t) { return {a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)}; }
Point in_double(Vec2 v) { return {v.x, v.y}; }

/// Random numbers, four per call.
struct Draw {
    uint32_t i = 0;
    float operator()(float low, float high) { return Rng{3, 0, 0, 0, Purpose::step}.uniform(i++, 0, low, high); }
    Vec2 point(float size) { return {(*this)(-size, size), (*this)(-size, size)}; }
};
OrientedBox random_box(Draw& draw) {
    const float longest = draw(0, 1) < 0.3f ? 0.1f : 4.0f;
    return {frame_at(draw.point(5), draw(-7, 7)), draw(0.02f, longest), draw(0.02f, longest)};
}

/// Corners computed from the angle, grown by `more` on all sides, counter-clockwise.
std::vector<Point> polygon_of(const OrientedBox& box, double more = 0) {
    const double angle = std::atan2(double(box.frame.ahead.y), double(box.frame.ahead.x));
    const double c = std::cos(angle), s = std::sin(angle), l = box.half_length + more, w = box.half_width + more;
    std::vector<Point> corners;
    for (const auto& [u, v] : {Point{l, w}, Point{-l, w}, Point{-l, -w}, Point{l, -w}})
        corners.push_back({box.frame.origin.x + u * c - v * s, box.frame.origin.y + u * s + v * c});
    return corners;
}

/// The part of a polygon (or segment: two corners) inside a convex one: Sutherland and Hodgman 1974.
std::vector<Point> clip(std::vector<Point> shape, const std::vector<Point>& convex) {
    for (size_t k = 0; k < convex.size(); ++k) {
        const Point a = convex[k], b = convex[(k + 1) % convex.size()];
        std::vector<Point> kept;
        for (size_t i = 0; i < shape.size(); ++i) {
            const Point p = shape[i], q = shape[(i + 1) % shape.size()];
            const double side_p = cross(a, b, p), side_q = cross(a, b, q);
            if (side_p >= 0) kept.push_back(p);
            if ((side_p >= 0) != (side_q >= 0)) kept.push_back(between(p, q, side_p / (side_p - side_q)));
        }
        shape = kept;
    }
    return shape;
}

/// Compares results where `surely` and `surely_not` exclude rounding.
struct Tally {
    int yes = 0, no = 0, wrong = 0;
    void add(bool got, bool surely, bool possibly) {
        if (surely != possibly) return;
        ++(surely ? yes : no);
        wrong += got != surely;
    }
};
constexpr double margin = 1e-5;

}  // namespace

TEST_CASE("geometry: transforming into a frame and back is the identity, and x is ahead, y left") {
    Draw draw;
    for (int i = 0; i < 1000; ++i) {
        const Frame frame = frame_at(draw.point(100), draw(-10, 10));
        const Vec2 point = draw.point(100), back = from_frame(frame, to_frame(frame, point));
        CHECK(length(back - point) < 1e-4f);
        CHECK(length(to_frame(frame, point)) == Catch::Approx(length(point - frame.origin)).margin(1e-4));
    }
    const Frame north = frame_at({1, 2}, 1.57079633f);
    const Vec2 seen = to_frame(north, {0, 5});
    CHECK(seen.x == Catch::Approx(3));
    CHECK(seen.y == Catch::Approx(1));
    CHECK(rotate_out_of(north, {1, 0}).y == Catch::Approx(1));
}

TEST_CASE("geometry: the corners of a box go counter-clockwise from the front left") {
    Draw draw;
    for (int i = 0; i < 200; ++i) {
        const OrientedBox box = random_box(draw);
        const std::vector<Point> want = polygon_of(box);
        for (int k = 0; k < 4; ++k) CHECK(distance(in_double(corner(box, k)), want[size_t(k)]) < 1e-5);
        CHECK(contains(box, box.frame.origin));
        CHECK_FALSE(contains(box, box.frame.origin + 1.01f * (corner(box, i % 4) - box.frame.origin)));
        CHECK(contains(box, box.frame.origin + 0.99f * (corner(box, i % 4) - box.frame.origin)));
    }
}

TEST_CASE("geometry: two boxes overlap if clipping one by the other is not empty") {
    Draw draw;
    Tally tally;
    for (int i = 0; i < 50000; ++i) {
        const OrientedBox a = random_box(draw), b = random_box(draw);
        const bool surely = !clip(polygon_of(a, -margin), polygon_of(b, -margin)).empty();
        const bool possibly = !clip(polygon_of(a, margin), polygon_of(b, margin)).empty();
        tally.add(overlaps(a, b), surely, possibly);
        CHECK(overlaps(a, b) == overlaps(b, a));
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.yes > 5000);
    CHECK(tally.no > 5000);
}

TEST_CASE("geometry: boxes that touch overlap") {
    const auto upright = [](float x, float y, float half) { return OrientedBox{{{x, y}, {1, 0}}, half, half}; };
    CHECK(overlaps(upright(0, 0, 1), upright(2, 2, 1)));
    CHECK(overlaps(upright(0, 0, 1), upright(0, 0, 2)));
    CHECK_FALSE(overlaps(upright(0, 0, 0.5f), upright(2, 0, 0.5f)));
    CHECK(overlaps(upright(0, 0, 1), {1, 1}, {3, 1}));
    CHECK(overlaps(upright(0, 0, 1), {2, 0}, 1.0f));
    CHECK_FALSE(overlaps(upright(0, 0, 1), {2, 2}, 1.0f));
}

TEST_CASE("geometry: a segment touches a box if clipping leaves part of it") {
    Draw draw;
    Tally tally;
    for (int i = 0; i < 50000; ++i) {
        const OrientedBox box = random_box(draw);
        const Vec2 begin = draw.point(6), end = i % 50 ? draw.point(6) : begin;
        const std::vector<Point> segment{in_double(begin), in_double(end)};
        tally.add(overlaps(box, begin, end), !clip(segment, polygon_of(box, -margin)).empty(),
                  !clip(segment, polygon_of(box, margin)).empty());
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.yes > 5000);
    CHECK(tally.no > 5000);
}

TEST_CASE("geometry: a circle touches a box if one of its sides is close enough") {
    Draw draw;
    Tally tally;
    for (int i = 0; i < 20000; ++i) {
        const OrientedBox box = random_box(draw);
        const Vec2 middle = draw.point(8);
        const float radius = draw(0, 2);
        double nearest = contains(box, middle) ? 0 : 1e9;
        for (int k = 0; k < 4; ++k)
            nearest = std::min<double>(nearest, distance(corner(box, k), corner(box, (k + 1) % 4), middle));
        tally.add(overlaps(box, middle, radius), nearest < radius - margin, nearest < radius + margin);
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.yes > 1000);
    CHECK(tally.no > 2000);
}

TEST_CASE("geometry: the distance to a segment is that of the closest of many points on it") {
    Draw draw;
    for (int i = 0; i < 500; ++i) {
        const Vec2 begin = draw.point(5), end = i % 20 ? draw.point(5) : begin, point = draw.point(8);
        double least = 1e9;
        for (int k = 0; k <= 2000; ++k)
            least = std::min(least, distance(between(in_double(begin), in_double(end), k / 2000.0), in_double(point)));
        CHECK(distance(begin, end, point) == Catch::Approx(least).margin(1e-4));
        CHECK(distance(begin, end, begin) == 0.0f);
    }
}

TEST_CASE("geometry: segments touch if their lines intersect within both") {
    Draw draw;
    Tally tally;
    for (int i = 0; i < 50000; ++i) {
        const Vec2 a = draw.point(5), b = draw.point(5), c = draw.point(5), d = draw.point(5);
        // a + t (b - a) = c + u (d - c), solved in double
        const Point r{double(b.x) - a.x, double(b.y) - a.y}, s{double(d.x) - c.x, double(d.y) - c.y};
        const double area = r.x * s.y - r.y * s.x;
        const double t = ((double(c.x) - a.x) * s.y - (double(c.y) - a.y) * s.x) / area;
        const double u = ((double(c.x) - a.x) * r.y - (double(c.y) - a.y) * r.x) / area;
        const auto within = [&](double more) { return t >= -more && t <= 1 + more && u >= -more && u <= 1 + more; };
        tally.add(segments_touch(a, b, c, d), within(-1e-4), within(1e-4));
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.yes > 5000);
    CHECK(tally.no > 5000);
}

TEST_CASE("geometry: collinear segments touch if they share a point") {
    CHECK(segments_touch({0, 0}, {2, 2}, {1, 1}, {3, 3}));
    CHECK(segments_touch({0, 0}, {1, 1}, {1, 1}, {3, 3}));
    CHECK_FALSE(segments_touch({0, 0}, {1, 1}, {2, 2}, {3, 3}));
    CHECK(segments_touch({0, 0}, {2, 0}, {1, 0}, {1, 5}));
    CHECK(segments_touch({0, 0}, {2, 0}, {1, 0}, {1, 0}));
    CHECK_FALSE(segments_touch({0, 0}, {2, 0}, {3, 0}, {3, 0}));
    CHECK_FALSE(segments_touch({0, 0}, {2, 0}, {1, 1}, {1, 1}));
}

TEST_CASE("geometry: a point is in a polygon if its corners wind around it once") {
    Draw draw;
    Tally tally;
    for (int i = 0; i < 2000; ++i) {
        // Corners at increasing angles around the origin, at any distance: simple, rarely convex.
        const int n = 3 + i % 9;
        std::vector<Vec2> corners;
        for (int k = 0; k < n; ++k) {
            const double angle = 2 * M_PI * (k + 0.7 * draw(0, 1)) / n, away = draw(0.5f, 4);
            corners.push_back({float(away * std::cos(angle)), float(away * std::sin(angle))});
        }
        if (i & 1) std::reverse(corners.begin(), corners.end());
        for (int j = 0; j < 20; ++j) {
            const Vec2 point = draw.point(4);
            double turned = 0, nearest = 1e9;
            for (int k = 0; k < n; ++k) {
                const Vec2 a = corners[size_t(k)], b = corners[size_t((k + 1) % n)];
                turned += std::remainder(std::atan2(double(b.y) - point.y, double(b.x) - point.x) -
                                             std::atan2(double(a.y) - point.y, double(a.x) - point.x),
                                         2 * M_PI);
                nearest = std::min<double>(nearest, distance(a, b, point));
            }
            const bool inside = std::abs(turned) > M_PI;
            if (nearest > margin)
                tally.add(in_polygon(
                              n, [&](int k) { return corners[size_t(k)]; }, point),
                          inside, inside);
        }
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.yes > 5000);
    CHECK(tally.no > 5000);
}

}  // namespace flockstep
