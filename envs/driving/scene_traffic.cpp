#include "envs/driving/scene_traffic.h"

#include <algorithm>
#include <cmath>

namespace flockstep::driving::scene_making {

namespace {

constexpr double infinite = 1e18;
constexpr double box_margin = 0.15;                          // m, by which boxes are enlarged before they are compared
constexpr double hardest_braking = 6.0, safe_braking = 3.0;  // m/s^2
constexpr double wait_distance = 1.2;                        // m, before a zone of conflict
constexpr double side_margin = 0.3;                          // m, beside an agent on its way

/// A driver's manner: acceleration and braking (m/s^2), time gap (s), gap at standstill (m).
struct Manner {
    double acceleration, braking, time_gap, standstill;
};
Manner manner_of(AgentType type) {
    if (type == AgentType::pedestrian) return {1.0, 1.5, 0.5, 0.7};
    if (type == AgentType::cyclist) return {1.0, 2.0, 1.0, 1.2};
    return {1.8, 2.2, 1.2, 2.0};
}

/// A driver on the road.
struct Mover {
    double s, v, v_next, acceleration;
    PathPose pose;
    OrientedBox box;
    bool is_active;
    std::vector<double> key;           // by group: rank, the smallest goes first; infinite: none yet
    std::vector<uint8_t> has_stopped;  // by group: at its sign
};

class Traffic {
  public:
    Traffic(const ScenePlan& plan, const std::vector<RouteTable>& tables, const std::vector<Driver>& drivers)
        : plan_(plan), tables_(tables), drivers_(drivers), on_route_(plan.routes.size()) {
        for (size_t i = 0; i < drivers.size(); ++i) {
            const Driver& d = drivers[i];
            movers_.push_back({d.s, d.v, d.v, 0, d.pose, {}, true, {}, {}});
            movers_[i].key.assign(plan.groups.size(), infinite);
            movers_[i].has_stopped.assign(plan.groups.size(), 0);
            if (d.route >= 0) on_route_[size_t(d.route)].push_back(int(i));
        }
    }

    TrafficResult run() {
        TrafficResult result;
        result.tracks.resize(drivers_.size());
        for (int frame = 0; frame < warm_up_frames + scene_frames; ++frame) {
            place();
            result.to_drop = touching();
            if (!result.to_drop.empty()) return result;
            if (frame >= warm_up_frames) record(result);
            rank(frame);
            for (size_t i = 0; i < drivers_.size(); ++i) decide(int(i), frame);
            move();
        }
        return result;
    }

  private:
    const Route& route(int i) const { return plan_.routes[size_t(drivers_[size_t(i)].route)]; }
    const RouteTable& table(int i) const { return tables_[size_t(drivers_[size_t(i)].route)]; }
    double front(int i) const { return movers_[size_t(i)].s + drivers_[size_t(i)].length / 2; }
    double rear(int i) const { return movers_[size_t(i)].s - drivers_[size_t(i)].length / 2; }
    bool is_moving(int i) const { return drivers_[size_t(i)].route >= 0 && movers_[size_t(i)].is_active; }
    double stopping_distance(int i) const { return movers_[size_t(i)].v * movers_[size_t(i)].v / (2 * safe_braking); }
    const RouteControl* control(int i, int group) const {
        for (const RouteControl& c : route(i).controls)
            if (c.group == group) return &c;
        return nullptr;
    }

    void place() {
        for (size_t i = 0; i < drivers_.size(); ++i) {
            Mover& m = movers_[i];
            const Driver& d = drivers_[i];
            if (d.route >= 0) {
                m.is_active = m.s <= route(int(i)).path.length();
                m.pose = route(int(i)).path.at(m.s);
            }
            m.box = box_of(m.pose, d.length, d.width);
        }
    }

    std::vector<int> touching() const {
        std::vector<OrientedBox> boxes;
        for (const Mover& m : movers_) {
            boxes.push_back(m.box);
            boxes.back().half_length += float(box_margin), boxes.back().half_width += float(box_margin);
        }
        std::vector<int> found;
        for (int i = 0; i < int(boxes.size()); ++i) {
            if (!movers_[size_t(i)].is_active) continue;
            for (int j = 0; j < i; ++j) {
                if (!movers_[size_t(j)].is_active || !overlaps(boxes[size_t(i)], boxes[size_t(j)])) continue;
                found.push_back(i);
                break;
            }
        }
        return found;
    }

    void record(TrafficResult& result) const {
        for (size_t i = 0; i < drivers_.size(); ++i) {
            const Mover& m = movers_[i];
            const bool is_parked = drivers_[i].route < 0;
            result.tracks[i].pose.push_back(m.pose);
            result.tracks[i].speed.push_back(is_parked ? 0 : m.v);
            result.tracks[i].is_visible.push_back(is_parked || (m.is_active && m.s >= 0));
        }
    }

    bool has_green(const RouteControl& c, int frame) const {
        return c.phase < 0 || plan_.signals.at(c.phase, frame) == LightState::go;
    }

    /// Gives ranks to those that come near to a group.
    void rank(int frame) {
        for (int group = 0; group < int(plan_.groups.size()); ++group) {
            std::vector<std::pair<double, int>> coming;  // time of arrival
            for (int i = 0; i < int(drivers_.size()); ++i) {
                if (!is_moving(i)) continue;
                Mover& m = movers_[size_t(i)];
                const double begin = table(i).group_begin[size_t(group)];
                if (begin >= infinite) continue;
                const RouteControl* c = control(i, group);
                const double to_line = c && c->stop_line >= 0 ? c->stop_line - front(i) : -1;
                if (c && c->must_stop && m.v < 0.3 && to_line > -0.5 && to_line < 2.0) m.has_stopped[size_t(group)] = 1;
                // Who could still stop at a light that is no longer green loses its rank.
                if (c && c->phase >= 0 && to_line > stopping_distance(i) && !has_green(*c, frame))
                    m.key[size_t(group)] = infinite;
                if (m.key[size_t(group)] < infinite) continue;
                if (to_line >= 0 && c->must_stop && !m.has_stopped[size_t(group)]) continue;
                if (to_line >= 0 && !has_green(*c, frame)) continue;
                const double distance = begin - front(i);
                if (distance > m.v * m.v / 4 + 2.5 * m.v + 4) continue;
                const double time =
                    distance <= 0 ? -1000 + distance : distance / std::max(m.v, 1.5) + (c ? c->penalty : 0);
                coming.push_back({frame * scene_dt + time, i});
            }
            std::sort(coming.begin(), coming.end());
            for (const auto& [time, i] : coming) movers_[size_t(i)].key[size_t(group)] = rank_of(i, group, time);
        }
    }

    /// After those that can no longer stop, and after those ahead on the same lane.
    double rank_of(int i, int group, double time) const {
        double key = time;
        const Mover& m = movers_[size_t(i)];
        for (int j = 0; j < int(drivers_.size()); ++j) {
            const Mover& other = movers_[size_t(j)];
            if (j == i || !is_moving(j) || other.key[size_t(group)] >= infinite) continue;
            const Vec2 seen = to_frame(m.box.frame, other.box.frame.origin);
            const bool is_ahead =
                seen.x > 0 && real::abs(seen.y) < 1.2f && dot(m.box.frame.ahead, other.box.frame.ahead) > 0.9f;
            bool is_committed = false;
            for (const ConflictZone& zone : tables_[size_t(drivers_[size_t(j)].route)].zones)
                is_committed = is_committed || (zone.group == group && zone.other == drivers_[size_t(i)].route &&
                                                rear(j) < zone.end && front(j) + stopping_distance(j) + 1 > zone.begin);
            if (is_ahead || is_committed) key = std::max(key, other.key[size_t(group)] + 0.001);
        }
        return key;
    }

    /// Acceleration behind something `gap` m ahead that moves at `speed` along the way.
    double behind(int i, double gap, double speed) const {
        const Manner manner = manner_of(drivers_[size_t(i)].type);
        const double v = movers_[size_t(i)].v;
        const double wanted =
            manner.standstill +
            std::max(0.0,
                     v * manner.time_gap + v * (v - speed) / (2 * std::sqrt(manner.acceleration * manner.braking)));
        const double ratio = wanted / std::max(gap, 0.1);
        const double top = std::max(0.5, table(i).speed_at(movers_[size_t(i)].s) * drivers_[size_t(i)].haste);
        const double share = v / top;
        return manner.acceleration * (1 - share * share * share * share - ratio * ratio);
    }
    /// The same, before a line to stop at: the gap at standstill is that to the line.
    double before_line(int i, double gap) const {
        return behind(i, gap + manner_of(drivers_[size_t(i)].type).standstill - 0.3, 0);
    }

    void decide(int i, int frame) {
        if (!is_moving(i)) return;
        Mover& m = movers_[size_t(i)];
        double a = behind(i, 1e6, m.v);
        a = std::min(a, behind_leader(i));
        a = std::min(a, give_way(i, frame));
        m.acceleration = std::clamp(a, -hardest_braking, manner_of(drivers_[size_t(i)].type).acceleration);
    }

    double behind_leader(int i) const {
        const Mover& m = movers_[size_t(i)];
        const Driver& d = drivers_[size_t(i)];
        const double half = d.width / 2 + side_margin, horizon = m.v * m.v / 4 + 2 * m.v + 8;
        std::vector<int> near;
        for (int j = 0; j < int(movers_.size()); ++j) {
            const OrientedBox& box = movers_[size_t(j)].box;
            if (j == i || !movers_[size_t(j)].is_active) continue;
            if (circles_touch(m.box.frame.origin, float(horizon + d.length), box.frame.origin, reach(box)))
                near.push_back(j);
        }
        double nearest = infinite, speed = 0;
        for (const int j : near) {
            const OrientedBox& box = movers_[size_t(j)].box;
            const double begin = m.s + d.length / 2, end = std::min(begin + horizon, nearest);
            if (overlaps(box, table(i).point_at(begin), float(half)) && to_frame(m.box.frame, box.frame.origin).x < 0)
                continue;
            for (double s = begin; s < end; s += route_step) {
                if (!overlaps(box, table(i).point_at(s), float(half))) continue;
                double low = s - route_step, high = s;
                for (int k = 0; k < 7; ++k) {
                    const double middle = (low + high) / 2;
                    const PathPose at = route(i).path.at(middle);
                    (overlaps(box, {float(at.x), float(at.y)}, float(half)) ? high : low) = middle;
                }
                nearest = high;
                const double along = wrapped(movers_[size_t(j)].pose.heading - route(i).path.at(high).heading);
                speed = drivers_[size_t(j)].route < 0 ? 0 : std::max(0.0, movers_[size_t(j)].v * cosine(along));
                break;
            }
        }
        return nearest >= infinite ? infinite : behind(i, nearest + half - front(i), speed);
    }

    /// Stops before lights, signs, and zones that others go through first.
    double give_way(int i, int frame) const {
        const Mover& m = movers_[size_t(i)];
        double a = infinite;
        for (const RouteControl& c : route(i).controls) {
            const double to_line = c.stop_line - front(i);
            if (c.stop_line < 0 || to_line < -0.5) continue;
            const bool is_shut = !has_green(c, frame) && to_line + 0.5 > stopping_distance(i);
            const bool has_to_stop = c.must_stop && !m.has_stopped[size_t(c.group)];
            if (is_shut || has_to_stop) a = std::min(a, before_line(i, to_line));
        }
        for (const ConflictZone& zone : table(i).zones) {
            const double own = m.key[size_t(zone.group)];
            if (own >= infinite || front(i) > zone.begin || rear(i) > zone.end) continue;
            for (const int j : on_route_[size_t(zone.other)]) {
                if (!is_moving(j) || movers_[size_t(j)].key[size_t(zone.group)] >= own ||
                    rear(j) > zone.other_end + 0.5)
                    continue;
                const RouteControl* c = control(i, zone.group);
                double line = zone.begin - wait_distance;
                if (c && c->stop_line >= front(i) - 0.3) line = std::min(line, c->stop_line);
                a = std::min(a, before_line(i, line - front(i)));
            }
        }
        return a;
    }

    void move() {
        for (size_t i = 0; i < drivers_.size(); ++i) {
            if (!is_moving(int(i))) continue;
            Mover& m = movers_[i];
            const double top = table(int(i)).speed_at(m.s + m.v * scene_dt) * drivers_[i].haste;
            const double next =
                std::clamp(m.v + m.acceleration * scene_dt, 0.0, std::max(top, m.v - hardest_braking * scene_dt));
            m.s += (m.v + next) / 2 * scene_dt;
            m.v = next;
        }
    }

    const ScenePlan& plan_;
    const std::vector<RouteTable>& tables_;
    const std::vector<Driver>& drivers_;
    std::vector<Mover> movers_;
    std::vector<std::vector<int>> on_route_;
};

}  // namespace

OrientedBox box_of(const PathPose& pose, double length, double width) {
    const Vec2 ahead{float(cosine(pose.heading)), float(sine(pose.heading))};
    return {{{float(pose.x), float(pose.y)}, ahead}, float(length / 2), float(width / 2)};
}

TrafficResult run_traffic(const ScenePlan& plan, const std::vector<RouteTable>& tables,
                          const std::vector<Driver>& drivers) {
    return Traffic(plan, tables, drivers).run();
}

}  // namespace flockstep::driving::scene_making
