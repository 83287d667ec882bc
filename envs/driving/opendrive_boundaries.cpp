#include "envs/driving/opendrive_boundaries.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "envs/driving/opendrive_geometry.h"

namespace flockstep {

namespace {

using Kind = BoundaryLine::Kind;
constexpr double cut_step = 0.5;    // m between the points at which an edge is looked for in other lanes
constexpr double cut_margin = 0.1;  // m by which it must lie inside

/// Whether a driving lane lies beside a path, and if so, whether its traffic runs the same way.
std::optional<bool> runs_alike(const Road& road, const LanePath& path, int step) {
    const LaneAddress beside = lane_beside(road, path, step);
    const Lane* lane = road.sections[beside.section].find(beside.lane);
    if (!lane || !is_driving(lane->type)) return std::nullopt;
    return runs_forward(road, *lane) == path.is_forward;
}

/// What lies within a lane: between its borders, and between its ends.
class Strip {
  public:
    explicit Strip(const LanePath& path) : path_(&path) {
        for (const auto* line : {&path.left, &path.right}) {
            for (const LinePoint& point : *line) {
                low_x_ = std::min(low_x_, point.x), high_x_ = std::max(high_x_, point.x);
                low_y_ = std::min(low_y_, point.y), high_y_ = std::max(high_y_, point.y);
            }
        }
    }

    const LanePath& path() const { return *path_; }

    bool contains(const LinePoint& point) const {
        if (point.x < low_x_ || point.x > high_x_ || point.y < low_y_ || point.y > high_y_) return false;
        const std::vector<LinePoint>& line = path_->centre;
        double nearest = std::numeric_limits<double>::infinity(), half_width = 0;
        bool is_beside = false;
        for (size_t i = 0; i + 1 < line.size(); ++i) {
            const double dx = line[i + 1].x - line[i].x, dy = line[i + 1].y - line[i].y, square = dx * dx + dy * dy;
            if (!(square > 0)) continue;
            const double share = ((point.x - line[i].x) * dx + (point.y - line[i].y) * dy) / square;
            const double held = std::clamp(share, 0.0, 1.0);
            const double away = std::hypot(point.x - line[i].x - held * dx, point.y - line[i].y - held * dy);
            if (away >= nearest) continue;
            nearest = away;
            half_width = (1 - held) * half_width_at(i) + held * half_width_at(i + 1);
            is_beside = !(share < 0 && i == 0) && !(share > 1 && i + 2 == line.size());
        }
        return is_beside && nearest < half_width - cut_margin;
    }

  private:
    double half_width_at(size_t i) const {
        return std::hypot(path_->left[i].x - path_->right[i].x, path_->left[i].y - path_->right[i].y) / 2;
    }

    const LanePath* path_;
    double low_x_ = std::numeric_limits<double>::infinity(), low_y_ = low_x_, high_x_ = -low_x_, high_y_ = -low_x_;
};

class BoundaryBuilder {
  public:
    BoundaryBuilder(const RoadNetwork& network, RoadLines& lines)
        : network_(network), lines_(lines), strips_(network.junctions.size()) {
        for (const LanePath& path : lines.lanes) {
            if (path.in_junction) strips_[network.roads[path.road].junction].emplace_back(path);
        }
    }

    void run() {
        for (const LanePath& path : lines_.lanes) {
            const Road& road = network_.roads[path.road];
            const int outwards = path.lane > 0 ? 1 : -1;
            const std::optional<bool> inner = runs_alike(road, path, -outwards);
            if (!inner) {
                add(path, Kind::road_edge, true);
            } else if (path.lane != 1) {  // the centre line once, with the right lane
                add(path, *inner ? Kind::lane_line : Kind::centre_line, true);
            }
            if (!runs_alike(road, path, outwards)) add(path, Kind::road_edge, false);
        }
    }

  private:
    void add(const LanePath& path, Kind kind, bool is_inner) {
        const bool left_is_inner = (path.lane < 0) == path.is_forward;
        BoundaryLine line{kind, path.road, path.section, left_is_inner == is_inner ? path.left : path.right};
        if (!path.is_forward) std::reverse(line.points.begin(), line.points.end());
        if (kind == Kind::road_edge && path.in_junction) {
            add_outside(line, path);
        } else {
            lines_.boundaries.push_back(std::move(line));
        }
    }

    bool is_covered(const LinePoint& point, const LanePath& own) const {
        const std::vector<Strip>& strips = strips_[network_.roads[own.road].junction];
        return std::any_of(strips.begin(), strips.end(),
                           [&](const Strip& strip) { return strip.path().road != own.road && strip.contains(point); });
    }

    /// The runs of a line outside of the junction's other lanes: its own points and those where it is cut.
    void add_outside(const BoundaryLine& line, const LanePath& own) {
        BoundaryLine run{line.kind, line.road, line.section, {}};
        const auto end_run = [&] {
            if (run.points.size() > 1) lines_.boundaries.push_back(run);
            run.points.clear();
        };
        std::optional<LinePoint> last;  // of the run, not in it yet
        const auto visit = [&](const LinePoint& point, bool is_vertex) {
            if (is_covered(point, own)) {
                if (last) run.points.push_back(*last);
                last.reset();
                end_run();
            } else {
                if (is_vertex || run.points.empty()) {
                    run.points.push_back(point);
                    last.reset();
                } else {
                    last = point;
                }
            }
        };
        for (size_t i = 0; i + 1 < line.points.size(); ++i) {
            const LinePoint &a = line.points[i], &b = line.points[i + 1];
            visit(a, true);
            const int parts = static_cast<int>(std::min(std::hypot(b.x - a.x, b.y - a.y) / cut_step, 1000.0)) + 1;
            for (int part = 1; part < parts; ++part) {
                const double share = double(part) / parts;
                visit({a.x + share * (b.x - a.x), a.y + share * (b.y - a.y), a.z + share * (b.z - a.z)}, false);
            }
        }
        visit(line.points.back(), true);
        end_run();
    }

    const RoadNetwork& network_;
    RoadLines& lines_;
    std::vector<std::vector<Strip>> strips_;  // of each junction
};

// --- Stop lines ---

std::optional<StopLine::Kind> stop_kind(const Signal& signal) {
    if (signal.is_dynamic) return StopLine::Kind::traffic_light;
    if (signal.type == "206") return StopLine::Kind::stop_sign;
    if (signal.type == "205") return StopLine::Kind::yield_sign;
    return std::nullopt;
}

bool holds_for(const Signal& signal, const LanePath& path) {
    if (signal.orientation != Signal::Orientation::both &&
        (signal.orientation == Signal::Orientation::forward) != path.is_forward)
        return false;
    return signal.validity.empty() ||
           std::any_of(signal.validity.begin(), signal.validity.end(),
                       [&](const Signal::Validity& lanes) { return lanes.from <= path.lane && path.lane <= lanes.to; });
}

/// Metres along the centre line to where the road's s is reached.
double distance_to(const LanePath& path, double s) {
    double length = 0;
    for (size_t i = 0; i + 1 < path.s.size(); ++i) {
        const LinePoint &a = path.centre[i], &b = path.centre[i + 1];
        const double step = std::hypot(b.x - a.x, b.y - a.y, b.z - a.z),
                     share = (s - path.s[i]) / (path.s[i + 1] - path.s[i]);
        if (share <= 1) return length + std::max(share, 0.0) * step;
        length += step;
    }
    return length;
}

LinePoint point_of(const LanePose& pose) { return {pose.x, pose.y, pose.z}; }

StopLine stop_line(const Road& road, const LanePath& path, double s) {
    StopLine line;
    line.road = path.road;
    line.distance = distance_to(path, s);
    const LinePoint inner = point_of(lane_pose(road, path.section, path.lane, s, LaneLine::inner));
    const LinePoint outer = point_of(lane_pose(road, path.section, path.lane, s, LaneLine::outer));
    const bool left_is_inner = (path.lane < 0) == path.is_forward;
    line.left = left_is_inner ? inner : outer;
    line.right = left_is_inner ? outer : inner;
    return line;
}

}  // namespace

void add_boundaries(const RoadNetwork& network, RoadLines& lines) { BoundaryBuilder(network, lines).run(); }

void add_stop_lines(const RoadNetwork& network, RoadLines& lines) {
    for (size_t index = 0; index < lines.lanes.size(); ++index) {
        const LanePath& path = lines.lanes[index];
        const Road& road = network.roads[path.road];
        for (size_t signal = 0; signal < road.signals.size(); ++signal) {
            const Signal& of = road.signals[signal];
            const std::optional<StopLine::Kind> kind = stop_kind(of);
            const double s = std::min(of.s, road.length);
            if (!kind || !holds_for(of, path) || section_at(road, s, path.lane) != path.section) continue;
            StopLine line = stop_line(road, path, s);
            line.kind = *kind;
            line.signal = static_cast<int>(signal);
            line.path = static_cast<int>(index);
            lines.stop_lines.push_back(line);
        }
    }
}

}  // namespace flockstep
