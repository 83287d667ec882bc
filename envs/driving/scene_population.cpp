#include "envs/driving/scene_population.h"

#include <algorithm>
#include <cmath>

namespace flockstep::driving::scene_making {

namespace {

constexpr double edge_margin = 0.12, parked_gap = 0.35;  // m
constexpr int filling_rounds = 40, tries_per_round = 60, fewest_frames = 20;

double centimeters(double value) { return std::floor(value * 100 + 0.5) / 100; }

void draw_size(Driver& driver, SceneDraws& draws, bool may_be_long) {
    const double share = draws.uniform(), length = draws.uniform(), width = draws.uniform(), height = draws.uniform();
    const auto set = [&](double l0, double l1, double w0, double w1, double h0, double h1) {
        driver.length = centimeters(l0 + (l1 - l0) * length), driver.width = centimeters(w0 + (w1 - w0) * width);
        driver.height = centimeters(h0 + (h1 - h0) * height);
    };
    if (driver.type == AgentType::pedestrian) return set(0.4, 0.7, 0.45, 0.7, 1.5, 1.95);
    if (driver.type == AgentType::cyclist) return set(1.6, 1.95, 0.55, 0.8, 1.6, 1.9);
    if (share < 0.07 && may_be_long) return set(8, 12, 2.35, 2.55, 2.9, 3.8);
    if (share < 0.2 && may_be_long) return set(5.1, 6, 1.95, 2.15, 1.9, 2.6);
    set(3.8, 5.05, 1.7, 2.0, 1.4, 1.85);
}

OrientedBox enlarged(OrientedBox box, double ahead, double aside) {
    box.half_length += float(ahead), box.half_width += float(aside);
    return box;
}

class Filling {
  public:
    Filling(const ScenePlan& plan, const EdgeSegments& edges, const SceneGeneratorConfig& config, SceneDraws& draws)
        : plan_(plan), edges_(edges), config_(config), draws_(draws), tables_(route_tables(plan)) {
        num_moving_ = config.num_moving > 0 ? config.num_moving : plan.num_moving;
        num_agents_ = config.num_agents > 0 ? config.num_agents : plan.num_agents;
        if (config.num_agents > 0 && config.num_moving == 0)  // the same share of them as in the plan
            num_moving_ = std::max(1, num_agents_ * plan.num_moving / plan.num_agents);
        num_moving_ = std::min(num_moving_, num_agents_);
    }

    Population run() {
        park();
        if (plan_.is_packed) pack();
        for (int round = 0;; ++round) {
            if (round < filling_rounds) add();
            TrafficResult result = run_traffic(plan_, tables_, drivers_);
            std::vector<int>& dropped = result.to_drop;
            if (dropped.empty())
                for (int i = 0; i < int(drivers_.size()); ++i)
                    if (drivers_[size_t(i)].route >= 0 &&
                        !is_worth_showing(result.tracks[size_t(i)], config_.min_goal_distance))
                        dropped.push_back(i);
            if (dropped.empty() && (round >= filling_rounds || count_moving() >= num_moving_))
                return {std::move(drivers_), std::move(result.tracks)};
            for (size_t k = dropped.size(); k-- > 0;) drivers_.erase(drivers_.begin() + dropped[k]);
        }
    }

  private:
    int count_moving() const {
        return int(std::count_if(drivers_.begin(), drivers_.end(), [](const Driver& d) { return d.route >= 0; }));
    }

    bool is_on_edge(const OrientedBox& box) const {
        for (const auto& [a, b] : edges_)
            if (overlaps(box, a, b)) return true;
        return false;
    }
    bool is_apart(const OrientedBox& box) const {
        for (const Driver& d : drivers_)
            if (overlaps(box, box_of(d.pose, d.length, d.width))) return false;
        return true;
    }

    void park() {
        std::vector<Spot> spots = plan_.spots;
        for (size_t k = spots.size(); k > 1; --k) std::swap(spots[k - 1], spots[size_t(draws_.below(int(k)))]);
        const int wanted = num_agents_ - num_moving_;
        for (const Spot& spot : spots) {
            if (int(drivers_.size()) >= wanted) return;
            Driver car;
            draw_size(car, draws_, false);
            car.length = std::min(car.length, spot.length - 0.4);
            const double along = draws_.between(-0.2, 0.2), turn = draws_.between(-0.02, 0.02);
            car.pose = moved(spot.pose, along, draws_.between(-0.05, 0.05), turn);
            const OrientedBox box = enlarged(box_of(car.pose, car.length, car.width), parked_gap / 2, parked_gap / 2);
            const bool is_clear = !is_on_edge(enlarged(box_of(car.pose, car.length, car.width), 0.03, 0.03));
            if (is_clear && is_apart(box)) drivers_.push_back(car);
        }
    }

    /// Fills the lanes from front to back.
    void pack() {
        const int lanes = int(plan_.routes.size());
        for (int r = 0; r < lanes; ++r) {
            const int wanted = num_moving_ / lanes + (r < num_moving_ % lanes);
            double s = plan_.routes[size_t(r)].path.length() * draws_.between(0.84, 0.9);
            for (int k = 0; k < wanted; ++k) {
                Driver driver = start_on(r);
                const double gap = draws_.between(2.4, 4.6);
                s -= driver.length / 2;
                driver.s = s, driver.v = draws_.between(0.5, 1.0) * (gap - 1.8);
                s -= driver.length / 2 + gap;
                driver.pose = plan_.routes[size_t(r)].path.at(driver.s);
                if (s > -route_lead_in + 5 && keeps_off_edges(driver)) drivers_.push_back(driver);
            }
        }
    }

    Driver start_on(int r) {
        Driver driver;
        driver.type = plan_.routes[size_t(r)].type;
        driver.route = r;
        draw_size(driver, draws_, true);
        driver.haste = driver.type == AgentType::vehicle ? draws_.between(0.85, 1.0) : draws_.between(0.65, 1.0);
        return driver;
    }

    bool keeps_off_edges(const Driver& driver) const {
        if (driver.type == AgentType::pedestrian) return true;
        const ScenePath& path = plan_.routes[size_t(driver.route)].path;
        for (double s = 0; s < path.length() + route_step; s += route_step) {
            const PathPose pose = path.at(std::min(s, path.length()));
            if (is_on_edge(enlarged(box_of(pose, driver.length, driver.width), edge_margin, edge_margin))) return false;
        }
        return true;
    }

    int draw_route() {
        double sum = 0;
        for (const Route& route : plan_.routes) sum += route.weight;
        double left = draws_.uniform() * sum;
        for (size_t r = 0; r < plan_.routes.size(); ++r) {
            left -= plan_.routes[r].weight;
            if (left < 0) return int(r);
        }
        return 0;
    }

    void add() {
        int missing = num_moving_ - count_moving();
        for (int k = 0; k < tries_per_round && missing > 0; ++k) {
            Driver driver = start_on(draw_route());
            const Route& route = plan_.routes[size_t(driver.route)];
            const bool is_vehicle = driver.type == AgentType::vehicle;
            const double low = is_vehicle ? -0.9 * route_lead_in : -3, share = draws_.uniform(), v = draws_.uniform();
            driver.s = low + (route.path.length() * 0.62 - low) * share;
            driver.pose = route.path.at(driver.s);
            driver.v = tables_[size_t(driver.route)].speed_at(driver.s) * driver.haste * (0.6 + 0.4 * v);
            const OrientedBox box =
                enlarged(box_of(driver.pose, driver.length, driver.width), is_vehicle ? 2 + 0.6 * driver.v : 1.2, 0.3);
            if (!is_apart(box) || !keeps_off_edges(driver)) continue;
            drivers_.push_back(driver), --missing;
        }
    }

    const ScenePlan& plan_;
    const EdgeSegments& edges_;
    const SceneGeneratorConfig& config_;
    SceneDraws& draws_;
    std::vector<RouteTable> tables_;
    std::vector<Driver> drivers_;
    int num_moving_ = 0, num_agents_ = 0;
};

}  // namespace

bool is_worth_showing(const DriverTrack& track, double distance) {
    int first = -1, last = -1, count = 0;
    for (int t = 0; t < int(track.is_visible.size()); ++t) {
        if (!track.is_visible[size_t(t)]) continue;
        first = first < 0 ? t : first, last = t, ++count;
    }
    if (count < fewest_frames) return false;
    const PathPose &a = track.pose[size_t(first)], &b = track.pose[size_t(last)];
    const double dx = b.x - a.x, dy = b.y - a.y, wanted = distance + 0.05;  // with room for rounding
    return dx * dx + dy * dy >= wanted * wanted;
}

Population populate(const ScenePlan& plan, const EdgeSegments& edges, const SceneGeneratorConfig& config,
                    SceneDraws& draws) {
    return Filling(plan, edges, config, draws).run();
}

}  // namespace flockstep::driving::scene_making
