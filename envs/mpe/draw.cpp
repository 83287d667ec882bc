#include "envs/mpe/spread.h"
#include "envs/mpe/tag.h"
#include "replay/drawing.h"

namespace flockstep {

namespace {
ReplayPoint point(Vec2 v) { return {v.x, v.y}; }

/// Landmarks as fixed circles, agents as discs in the color of their role (each in its own color if there is one role).
template <class Env>
void draw_scene(Batch& batch, int64_t env, Replay& replay) {
    const auto config = config_of<typename Env::Config>(batch);
    const std::vector<Vec2> position = field_of_world<Vec2>(batch, "position", env);
    for (int i = config.agents(); i < config.agents() + config.landmarks(); ++i)
        replay.circles.push_back({point(position[size_t(i)]), config.body(i).radius});
    const std::vector<Role>& roles = batch.spaces().roles;
    for (size_t role = 0; role < roles.size(); ++role) {
        if (roles.size() > 1) replay.groups.push_back(roles[role].name);
        for (int i = 0; i < roles[role].count; ++i) {
            ReplayEntity agent;
            agent.name = roles[role].name + " " + std::to_string(i);
            agent.radius = config.body(roles[role].first + i).radius;
            agent.group = roles.size() > 1 ? int(role) : -1;
            replay.entities.push_back(agent);
        }
    }
    replay.frames_per_second = 10.0f;  // a step is 0.1 s
}

/// Agents face the direction of motion; one at rest has no heading.
template <class Env>
void draw_world(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) draw_scene<Env>(batch, env, replay);
    const std::vector<Vec2> position = field_of_world<Vec2>(batch, "position", env),
                            velocity = field_of_world<Vec2>(batch, "velocity", env);
    ReplayFrame frame;
    for (size_t i = 0; i < velocity.size(); ++i) {
        frame.position.push_back(point(position[i]));
        const bool moves = squared_length(velocity[i]) > 1e-4f;
        frame.end.push_back(moves ? point(position[i] + velocity[i]) : no_replay_point);
    }
    replay.frames.push_back(std::move(frame));
}
}  // namespace

void MpeSpread::draw(Batch& batch, int64_t env, Replay& replay) { draw_world<MpeSpread>(batch, env, replay); }
void MpeTag::draw(Batch& batch, int64_t env, Replay& replay) { draw_world<MpeTag>(batch, env, replay); }

}  // namespace flockstep
