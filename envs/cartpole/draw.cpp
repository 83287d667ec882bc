#include <cmath>
#include <cstdio>

#include "envs/cartpole/cartpole.h"
#include "replay/drawing.h"

namespace flockstep {

namespace {
constexpr float track = 2.4f, pole_length = 1.0f, angle_limit = 0.20943951f;

void draw_scene(Replay& replay) {
    replay.box = ReplayBox{-track - 0.4f, track + 0.4f, -0.6f, 1.5f};
    replay.segments.push_back({{-track, 0.0f}, {track, 0.0f}});
    for (const float x : {-track, track}) replay.segments.push_back({{x, -0.1f}, {x, 0.1f}});
    ReplayEntity cart, pole;
    cart.name = "cart", cart.shape = ReplayShape::square, cart.radius = 0.12f, cart.aspect = 2.0f;
    pole.name = "pole", pole.shape = ReplayShape::line, pole.radius = 0.05f;
    replay.entities = {cart, pole};
    replay.frames_per_second = 50.0f;  // a step is 0.02 s
}

std::string number(float value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", double(value));
    return text;
}
}  // namespace

/// The cart on its track between the limits, and the pole that it balances.
void CartPole::draw(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) draw_scene(replay);
    // position, velocity, angle (from the vertical, clockwise), angular velocity
    const std::vector<float> state = field_of_world<float>(batch, "body", env);
    ReplayFrame frame;
    const ReplayPoint cart{state[0], 0.0f};
    const ReplayPoint top{state[0] + pole_length * std::sin(state[2]), pole_length * std::cos(state[2])};
    frame.position = {cart, cart};
    frame.end = {{state[0] + 1.0f, 0.0f}, top};
    frame.captions = {{"cart", number(state[0]) + " m"},
                      {"pole", number(state[2] * 100.0f / angle_limit) + " % of the limit"}};
    replay.frames.push_back(std::move(frame));
}

}  // namespace flockstep
