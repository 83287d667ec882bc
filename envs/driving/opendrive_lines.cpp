#include "envs/driving/opendrive_lines.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <stdexcept>
#include <tuple>

#include "envs/driving/opendrive_boundaries.h"
#include "envs/driving/opendrive_geometry.h"
#include "envs/driving/opendrive_links.h"
#include "io/quote.h"

namespace flockstep {

namespace {

constexpr double min_lane_length = 1e-3, min_step = 1e-2;  // m

double distance(const LinePoint& a, const LinePoint& b) { return std::hypot(b.x - a.x, b.y - a.y, b.z - a.z); }

/// Distance of a point from the segment a-b.
double deviation(const LinePoint& point, const LinePoint& a, const LinePoint& b) {
    const double dx = b.x - a.x, dy = b.y - a.y, dz = b.z - a.z, square = dx * dx + dy * dy + dz * dz;
    double share = 0;
    if (square > 0) share = ((point.x - a.x) * dx + (point.y - a.y) * dy + (point.z - a.z) * dz) / square;
    share = std::clamp(share, 0.0, 1.0);
    return distance(point, {a.x + share * dx, a.y + share * dy, a.z + share * dz});
}

/// The lines of one side of a section, sampled at the same values of s: from the centre line outwards, a border, then a
/// centre and a border for each lane.
class SideSampler {
  public:
    SideSampler(const Road& road, int section, int side, const LineOptions& options)
        : road_(road), section_(section), side_(side), options_(options) {
        for (const Lane& lane : road.sections[section].lanes) {
            if (lane.id * side > 0 && is_driving(lane.type)) num_lanes_ = std::max(num_lanes_, std::abs(lane.id));
        }
    }

    int num_lanes() const { return num_lanes_; }  // out to the last driving lane

    struct Sample {
        double s = 0;
        std::vector<LinePoint> points;  // [2 * num_lanes + 1]
        std::vector<double> heading;    // [num_lanes], of the centres
    };

    /// `budget`: points that may still be made; what is used is taken off.
    std::vector<Sample> run(size_t& budget) {
        std::vector<Sample> samples{sample(breaks_.empty() ? find_breaks() : breaks_.front())};
        for (size_t i = 1; i < breaks_.size(); ++i) refine(samples, sample(breaks_[i]), budget);
        return samples;
    }

  private:
    /// Where a record starts; returns the first.
    double find_breaks() {
        const LaneSection& section = road_.sections[section_];
        const double start = section.start, end = section.end(side_);
        breaks_ = {start, end};
        const auto add = [&](const auto& records) {
            for (const auto& record : records) {
                if (record.start > start && record.start < end) breaks_.push_back(record.start);
            }
        };
        add(road_.geometry);
        add(road_.lane_offset);
        add(road_.elevation);
        for (int lane = 1; lane <= num_lanes_; ++lane) {
            const Lane& of = *section.find(side_ * lane);
            for (const auto* records : {&of.width, &of.border, &of.inner_height}) add(*records);
        }
        std::sort(breaks_.begin(), breaks_.end());
        const auto is_close = [](double a, double b) { return b - a < min_lane_length; };
        breaks_.erase(std::unique(breaks_.begin(), breaks_.end(), is_close), breaks_.end());
        if (breaks_.size() == 1) breaks_.push_back(end);
        breaks_.back() = end;
        return start;
    }

    Sample sample(double s) const {
        Sample made{s, {}, {}};
        const auto add = [&](int lane, LaneLine line) {
            const LanePose pose = lane_pose(road_, section_, lane, s, line);
            for (const double x : {pose.x, pose.y, pose.z}) {
                if (!(std::abs(x) <= 2 * max_coordinate))
                    throw std::invalid_argument("road " + in_quotes(road_.id) + " lane " + std::to_string(lane) +
                                                ": got a point out of reach, want lanes within 1e7 m of the origin");
            }
            made.points.push_back({pose.x, pose.y, pose.z});
            if (line == LaneLine::centre) made.heading.push_back(pose.heading);
        };
        add(side_, LaneLine::inner);
        for (int lane = 1; lane <= num_lanes_; ++lane) {
            add(side_ * lane, LaneLine::centre);
            add(side_ * lane, LaneLine::outer);
        }
        return made;
    }

    bool is_fine(const Sample& a, const Sample& b, const std::vector<const Sample*>& between) const {
        for (size_t line = 0; line < a.points.size(); ++line) {
            if (distance(a.points[line], b.points[line]) > options_.max_segment) return false;
            for (const Sample* sample : between) {
                if (deviation(sample->points[line], a.points[line], b.points[line]) > options_.max_deviation)
                    return false;
            }
        }
        return true;
    }

    /// Appends samples up to `last`, halving what is too long or too bent. Looks at the quarters, so that an S is seen.
    void refine(std::vector<Sample>& samples, const Sample& last, size_t& budget) const {
        const double a = samples.back().s, b = last.s;
        if (b - a > min_step) {
            const Sample quarter = sample(a + (b - a) / 4), middle = sample((a + b) / 2),
                         third = sample(b - (b - a) / 4);
            if (!is_fine(samples.back(), last, {&quarter, &middle, &third})) {
                refine(samples, middle, budget);
                refine(samples, last, budget);
                return;
            }
        }
        if (budget < last.points.size())
            throw std::invalid_argument("road " + in_quotes(road_.id) + ": got more than " +
                                        std::to_string(options_.max_points) +
                                        " points of lines, want fewer: a larger max_segment or max_deviation");
        budget -= last.points.size();
        samples.push_back(last);
    }

    const Road& road_;
    int section_, side_, num_lanes_ = 0;
    const LineOptions& options_;
    std::vector<double> breaks_;
};

double wrapped(double angle) { return std::remainder(angle, 2 * std::numbers::pi); }

class LineBuilder {
  public:
    LineBuilder(const RoadNetwork& network, const LineOptions& options)
        : network_(network), options_(options), budget_(options.max_points) {}

    RoadLines build() {
        for (size_t road = 0; road < network_.roads.size(); ++road) {
            for (size_t section = 0; section < network_.roads[road].sections.size(); ++section) {
                add_side(static_cast<int>(road), static_cast<int>(section), 1);
                add_side(static_cast<int>(road), static_cast<int>(section), -1);
            }
        }
        find_links();
        find_neighbours();
        add_boundaries(network_, lines_);
        add_stop_lines(network_, lines_);
        return std::move(lines_);
    }

  private:
    using Key = std::tuple<int, int, int>;  // road, section, lane

    void add_side(int road_index, int section_index, int side) {
        const Road& road = network_.roads[road_index];
        const LaneSection& section = road.sections[section_index];
        SideSampler sampler(road, section_index, side, options_);
        if (sampler.num_lanes() == 0 || !section.covers(side)) return;
        const bool is_short = section.end(side) - section.start < min_lane_length;
        const auto samples = is_short ? std::vector<SideSampler::Sample>{} : sampler.run(budget_);
        for (int i = 0; i < sampler.num_lanes(); ++i) {
            const int number = side > 0 ? sampler.num_lanes() - i : i + 1;  // from left to right
            const Lane& lane = *section.find(side * number);
            if (!is_driving(lane.type)) continue;
            const Key key{road_index, section_index, lane.id};
            if (is_short) {
                short_.emplace(key, runs_forward(road, lane));
            } else {
                index_.emplace(key, static_cast<int>(lines_.lanes.size()));
                lines_.lanes.push_back(path_of(road, road_index, section_index, lane, samples));
            }
        }
    }

    static LanePath path_of(const Road& road, int road_index, int section_index, const Lane& lane,
                            const std::vector<SideSampler::Sample>& samples) {
        LanePath path;
        path.road = road_index;
        path.section = section_index;
        path.lane = lane.id;
        path.is_forward = runs_forward(road, lane);
        path.in_junction = road.junction >= 0;
        path.type = lane.type;
        const size_t inner = 2 * size_t(std::abs(lane.id)) - 2, outer = inner + 2;
        const bool left_is_inner = (lane.id < 0) == path.is_forward;
        for (size_t i = 0; i < samples.size(); ++i) {
            const SideSampler::Sample& sample = samples[path.is_forward ? i : samples.size() - 1 - i];
            path.s.push_back(sample.s);
            path.centre.push_back(sample.points[inner + 1]);
            path.left.push_back(sample.points[left_is_inner ? inner : outer]);
            path.right.push_back(sample.points[left_is_inner ? outer : inner]);
            const double heading = sample.heading[size_t(std::abs(lane.id)) - 1];
            path.heading.push_back(wrapped(heading + (path.is_forward ? 0 : std::numbers::pi)));
            if (i > 0) path.length += distance(path.centre[i - 1], path.centre[i]);
        }
        return path;
    }

    /// Whether traffic enters a lane at this end; false for what is no driving lane.
    bool enters_at(const LaneEnd& at) const {
        const Key key{at.road, at.section, at.lane};
        const auto found = index_.find(key);
        if (found != index_.end()) return lines_.lanes[found->second].is_forward == (at.end == Contact::start);
        const auto found_short = short_.find(key);
        return found_short != short_.end() && found_short->second == (at.end == Contact::start);
    }
    bool leaves_at(LaneEnd at) const {
        at.end = at.end == Contact::start ? Contact::end : Contact::start;
        return enters_at(at);
    }

    void find_links() {
        std::map<Key, std::vector<Key>> next;
        for (const LaneJoint& joint : lane_joints(network_)) {
            for (const auto& [from, to] : {std::pair{joint.a, joint.b}, std::pair{joint.b, joint.a}}) {
                if (leaves_at(from) && enters_at(to))
                    next[{from.road, from.section, from.lane}].push_back({to.road, to.section, to.lane});
            }
        }
        for (const auto& [key, path] : index_) {
            std::map<Key, bool> seen;
            follow(next, key, path, seen);
        }
        for (LanePath& path : lines_.lanes) {
            for (auto* list : {&path.successor, &path.predecessor}) {
                std::sort(list->begin(), list->end());
                list->erase(std::unique(list->begin(), list->end()), list->end());
            }
        }
    }

    /// Links `path` with what follows `key`, through lanes that are too short to be paths.
    void follow(const std::map<Key, std::vector<Key>>& next, const Key& key, int path, std::map<Key, bool>& seen) {
        std::vector<Key> open{key};
        while (!open.empty()) {
            const auto found = next.find(open.back());
            open.pop_back();
            if (found == next.end()) continue;
            for (const Key& to : found->second) {
                const auto index = index_.find(to);
                if (index != index_.end()) {
                    lines_.lanes[path].successor.push_back(index->second);
                    lines_.lanes[index->second].predecessor.push_back(path);
                } else if (seen.emplace(to, true).second) {
                    open.push_back(to);
                }
            }
        }
    }

    void find_neighbours() {
        for (LanePath& path : lines_.lanes) {
            const int towards_left = path.is_forward ? 1 : -1;
            path.left_neighbour = neighbour(path, towards_left);
            path.right_neighbour = neighbour(path, -towards_left);
        }
    }
    int neighbour(const LanePath& path, int step) const {
        const LaneAddress beside = lane_beside(network_.roads[path.road], path, step);
        const auto found = index_.find({path.road, beside.section, beside.lane});
        return found != index_.end() && lines_.lanes[found->second].is_forward == path.is_forward ? found->second : -1;
    }

    const RoadNetwork& network_;
    const LineOptions& options_;
    size_t budget_;
    RoadLines lines_;
    std::map<Key, int> index_;   // of paths
    std::map<Key, bool> short_;  // driving lanes without a path: whether they run forward
};

}  // namespace

LaneAddress lane_beside(const Road& road, const LanePath& path, int step) {
    const int lane = path.lane + step;
    if (lane != 0) return {path.section, lane};
    // Across the centre line, where the sections of the other side may be others.
    return {section_at(road, (path.s.front() + path.s.back()) / 2, step), step};
}

RoadLines lane_polylines(const RoadNetwork& network, const LineOptions& options) {
    if (!(options.max_segment > 0))
        throw std::invalid_argument("max_segment: got " + std::to_string(options.max_segment) + ", want metres > 0");
    if (!(options.max_deviation > 0))
        throw std::invalid_argument("max_deviation: got " + std::to_string(options.max_deviation) +
                                    ", want metres > 0");
    return LineBuilder(network, options).build();
}

}  // namespace flockstep
