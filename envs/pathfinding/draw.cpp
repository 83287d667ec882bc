#include "envs/pathfinding/pathfinding.h"
#include "replay/drawing.h"

namespace flockstep {

namespace {
std::vector<uint8_t> read_active(Batch& batch, int64_t env) {
    const Tensor& active = batch.output("active");
    std::vector<uint8_t> values(size_t(batch.num_agents()));
    batch.memory().to_host(values.data(), static_cast<const char*>(active.data) + env * batch.num_agents(),
                           values.size());
    return values;
}

/// The map without its border of obs_radius cells.
void draw_scene(Batch& batch, int64_t env, Replay& replay) {
    const std::vector<uint32_t> walls = field_of_world<uint32_t>(batch, "walls", env);
    const std::vector<int16_t> size = field_of_world<int16_t>(batch, "map_size", env);
    const int words = int(batch.get_field("walls").shape.at(2));
    const int border = int(std::get<int64_t>(batch.settings().values().at("obs_radius")));
    ReplayGrid grid{size.at(0), size.at(1), {}};
    for (int row = border; row < border + grid.height; ++row)
        for (int column = border; column < border + grid.width; ++column)
            grid.obstacle.push_back(walls.at(size_t(row * words + column / 32)) >> (column % 32) & 1);
    replay.grid = std::move(grid);
    replay.entities.resize(size_t(batch.num_agents()));
}

ReplayPoint point(const std::vector<int16_t>& cells, size_t agent) {
    return {float(cells[2 * agent + 1]), float(cells[2 * agent])};
}
}  // namespace

/// Draws agents and their goals on the map; agents that have left, and padding, are not shown.
void Pathfinding::draw(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) draw_scene(batch, env, replay);
    const std::vector<int16_t> position = field_of_world<int16_t>(batch, "position", env),
                               goal = field_of_world<int16_t>(batch, "goal", env);
    ReplayFrame frame;
    frame.visible = read_active(batch, env);
    for (size_t agent = 0; agent < frame.visible.size(); ++agent) {
        frame.position.push_back(point(position, agent));
        frame.goal.push_back(frame.visible[agent] ? point(goal, agent) : no_replay_point);
    }
    replay.frames.push_back(std::move(frame));
}

}  // namespace flockstep
