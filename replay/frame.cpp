#include "replay/frame.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace flockstep {

namespace {

bool is_there(ReplayPoint point) { return std::isfinite(point.x) && std::isfinite(point.y); }
bool is_visible(const ReplayFrame& frame, std::size_t i) { return frame.visible.empty() || frame.visible[i]; }
ReplayPoint point_of(const std::vector<ReplayPoint>& points, std::size_t i) {
    return points.empty() ? no_replay_point : points[i];
}

/// The smallest box around points with room around them.
class Cover {
  public:
    void add(ReplayPoint point, float room) {
        if (!is_there(point)) return;
        box_.x_min = std::min(box_.x_min, point.x - room), box_.x_max = std::max(box_.x_max, point.x + room);
        box_.y_min = std::min(box_.y_min, point.y - room), box_.y_max = std::max(box_.y_max, point.y + room);
    }
    ReplayBox box() const { return box_.x_min < box_.x_max && box_.y_min < box_.y_max ? box_ : ReplayBox{}; }

  private:
    static constexpr float far = std::numeric_limits<float>::infinity();
    ReplayBox box_{far, -far, far, -far};
};

ReplayBox box_of(const Replay& replay, const ReplayFrame& frame) {
    if (replay.box) return *replay.box;
    if (replay.grid) return {-0.5f, float(replay.grid->width) - 0.5f, -0.5f, float(replay.grid->height) - 0.5f};
    Cover cover;
    for (std::size_t i = 0; i < replay.entities.size(); ++i) {
        if (!is_visible(frame, i)) continue;
        for (const auto* points : {&frame.position, &frame.end, &frame.goal})
            cover.add(point_of(*points, i), 1.5f * replay.entities[i].radius);
    }
    for (const ReplayCircle& circle : replay.circles) cover.add(circle.center, circle.radius);
    for (const ReplaySegment& segment : replay.segments) cover.add(segment.from, 0), cover.add(segment.to, 0);
    return cover.box();
}

void add_scene(const Replay& replay, std::vector<FrameShape>& shapes) {
    for (int row = 0; replay.grid && row < replay.grid->height; ++row)
        for (int column = 0, width = replay.grid->width; column < width; ++column) {
            const auto blocked = [&](int c) { return replay.grid->obstacle[std::size_t(row) * width + c] != 0; };
            if (!blocked(column)) continue;
            const int first = column;
            while (column + 1 < width && blocked(column + 1)) ++column;
            shapes.push_back({.kind = FrameKind::wall,
                              .at = {float(first) - 0.5f, float(row) - 0.5f},
                              .end = {float(column) + 0.5f, float(row) + 0.5f}});
        }
    for (const ReplayCircle& circle : replay.circles)
        shapes.push_back({.kind = FrameKind::circle, .at = circle.center, .radius = circle.radius});
    for (const ReplaySegment& segment : replay.segments)
        shapes.push_back({.kind = FrameKind::segment, .at = segment.from, .end = segment.to});
}

/// Entities as shapes, with the colours that the page gives them.
std::vector<FrameShape> entities_of(const Replay& replay, const ReplayFrame& frame) {
    std::vector<FrameShape> shapes;
    int agent = 0;
    for (std::size_t i = 0; i < replay.entities.size(); ++i) {
        const ReplayEntity& entity = replay.entities[i];
        FrameShape shape;
        shape.kind = FrameKind(int(FrameKind::disc) + int(entity.shape));
        shape.at = frame.position[i], shape.end = point_of(frame.end, i);
        shape.radius = entity.radius, shape.aspect = entity.aspect, shape.label = entity.label;
        shape.colour = entity.group >= 0 ? FrameColour::group
                       : entity.scenery  ? FrameColour::scenery
                                         : FrameColour::agent;
        shape.number = entity.group >= 0 ? entity.group : agent;
        const ReplayPoint goal = point_of(frame.goal, i);
        shape.is_at_goal = std::hypot(shape.at.x - goal.x, shape.at.y - goal.y) < shape.radius;
        if (!entity.scenery) shape.agent = agent++;
        shapes.push_back(std::move(shape));
    }
    return shapes;
}

}  // namespace

Frame frame_of(const Replay& replay, std::size_t index) {
    if (index >= replay.frames.size())
        throw std::invalid_argument("frame: got " + std::to_string(index) + ", want one of " +
                                    std::to_string(replay.frames.size()));
    const ReplayFrame& frame = replay.frames[index];
    Frame result{box_of(replay, frame), replay.grid.has_value(), replay.frames_per_second, {}};
    add_scene(replay, result.shapes);
    const std::vector<FrameShape> entities = entities_of(replay, frame);
    const auto add_where = [&](auto&& is_chosen) {
        for (std::size_t i = 0; i < entities.size(); ++i)
            if (is_visible(frame, i) && is_chosen(replay.entities[i])) result.shapes.push_back(entities[i]);
    };
    for (std::size_t i = 0; i < entities.size(); ++i) {
        const ReplayPoint goal = point_of(frame.goal, i);
        if (replay.entities[i].scenery || !is_visible(frame, i) || !is_there(goal)) continue;
        FrameShape ring = entities[i];
        ring.kind = FrameKind::goal, ring.at = goal, ring.end = no_replay_point, ring.label.clear();
        result.shapes.push_back(ring);
    }
    add_where([](const ReplayEntity& entity) { return entity.scenery; });
    add_where([](const ReplayEntity& entity) { return !entity.scenery && entity.shape == ReplayShape::ring; });
    add_where([](const ReplayEntity& entity) { return !entity.scenery && entity.shape != ReplayShape::ring; });
    return result;
}

}  // namespace flockstep
