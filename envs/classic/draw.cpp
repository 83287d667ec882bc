#include <cmath>
#include <cstdio>

#include "envs/classic/acrobot.h"
#include "envs/classic/mountain_car_continuous.h"
#include "envs/classic/pendulum.h"
#include "replay/drawing.h"

namespace flockstep {

namespace {
std::string number(float value, const char* unit) {
    char text[48];
    std::snprintf(text, sizeof text, "%.2f %s", double(value), unit);
    return text;
}

ReplayEntity rod(const char* name) {
    ReplayEntity entity;
    entity.name = name, entity.shape = ReplayShape::line, entity.radius = 0.06f;
    return entity;
}

/// The end of a rod of length 1; angle: from hanging down, counterclockwise.
ReplayPoint hanging(ReplayPoint from, float angle) { return {from.x + std::sin(angle), from.y - std::cos(angle)}; }

float hill(float x) { return 0.45f * std::sin(3.0f * x) + 0.55f; }

void draw_hill(Replay& replay) {
    constexpr int pieces = 60;
    constexpr float left = MountainCarContinuous::left, right = MountainCarContinuous::right,
                    goal = MountainCarContinuous::goal;
    replay.box = ReplayBox{left - 0.1f, right + 0.1f, -0.05f, 1.35f};
    const auto at = [&](int i) { return left + (right - left) * float(i) / float(pieces); };
    for (int i = 0; i < pieces; ++i) replay.segments.push_back({{at(i), hill(at(i))}, {at(i + 1), hill(at(i + 1))}});
    replay.segments.push_back({{goal, hill(goal)}, {goal, hill(goal) + 0.2f}});  // the flag's pole
    ReplayEntity car;
    car.name = "car", car.shape = ReplayShape::square, car.radius = 0.035f, car.aspect = 2.0f;
    replay.entities = {car};
    replay.frames_per_second = 30.0f;  // as Gymnasium plays it
}
}  // namespace

/// The rod around its joint; the line above is where it should stand.
void Pendulum::draw(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) {
        replay.box = ReplayBox{-1.2f, 1.2f, -1.2f, 1.2f};
        replay.segments.push_back({{0.0f, 1.05f}, {0.0f, 1.15f}});
        replay.entities = {rod("pendulum")};
        replay.frames_per_second = 20.0f;  // a step is 0.05 s
    }
    const float angle = field_of_world<float>(batch, "angle", env)[0];
    const ReplayPoint joint{0.0f, 0.0f};
    ReplayFrame frame;
    frame.position = {joint};
    frame.end = {hanging(joint, angle + real::pi)};
    frame.captions = {{"velocity", number(field_of_world<float>(batch, "velocity", env)[0], "rad/s")}};
    replay.frames.push_back(std::move(frame));
}

/// Both links, and the line that the free end has to reach.
void Acrobot::draw(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) {
        replay.box = ReplayBox{-2.2f, 2.2f, -2.2f, 2.2f};
        replay.segments.push_back({{-2.2f, 1.0f}, {2.2f, 1.0f}});
        replay.entities = {rod("first link"), rod("second link")};
        replay.frames_per_second = 15.0f;  // as Gymnasium plays it; a step is 0.2 s
    }
    const std::vector<float> angle = field_of_world<float>(batch, "angle", env);
    const ReplayPoint joint{0.0f, 0.0f}, elbow = hanging(joint, angle[0]), tip = hanging(elbow, angle[0] + angle[1]);
    ReplayFrame frame;
    frame.position = {joint, elbow};
    frame.end = {elbow, tip};
    frame.captions = {{"height", number(tip.y, "m of 1 m")}};
    replay.frames.push_back(std::move(frame));
}

/// The car on its hills, and the pole of the goal's flag.
void MountainCarContinuous::draw(Batch& batch, int64_t env, Replay& replay) {
    if (replay.frames.empty()) draw_hill(replay);
    const float x = field_of_world<float>(batch, "position", env)[0];
    const float slope = 1.35f * std::cos(3.0f * x), length = std::sqrt(1.0f + slope * slope);
    const ReplayPoint car{x - 0.035f * slope / length, hill(x) + 0.035f / length};  // its wheels touch the ground
    ReplayFrame frame;
    frame.position = {car};
    frame.end = {{car.x + 1.0f / length, car.y + slope / length}};
    frame.captions = {{"velocity", number(1000.0f * field_of_world<float>(batch, "velocity", env)[0], "/ 1000 steps")}};
    replay.frames.push_back(std::move(frame));
}

}  // namespace flockstep
