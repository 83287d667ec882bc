#pragma once

#include "envs/common/geometry.h"
#include "sim/contract/environment.h"

/// Shared by the particle worlds (MPE): discs on a plane that agents push, that are slowed by drag and repel each
/// other. Source: Lowe et al. 2017 (MADDPG); rules and constants of JaxMARL 0.2.0, jaxmarl/environments/mpe/simple.py.
///
/// A scenario has a Config that derives from Settings and defines, for its agents and the landmarks after them, int
/// agents(), landmarks(), colliders() (entities [0, colliders) collide with each other) and Body body(int entity); a
/// State that extends Particles with whatever else it needs (goals, messages); Forces as Scratch; and handles `move`
/// (Discrete) and `force` (Box), of which add_actions adds the one in use.
namespace flockstep::mpe {

/// discrete: nothing, -x, +x, -y, +y. continuous: a float in 0..1 for each of these.
enum class ActionType : int { discrete, continuous };
struct Settings {
    int max_episode_steps = 26;
    ActionType action_type = ActionType::discrete;
    template <class F>
    void fields(F f) {
        f("max_episode_steps", max_episode_steps, between(1, 1 << 23), "steps until truncation");
        f("action_type", action_type, one_of({"discrete", "continuous"}), "one of 5 moves, or 5 floats in 0..1");
    }
};
struct Body {
    float radius;
    float acceleration = 0.0f;         // of a full push; mass is 1
    float max_speed = real::infinity;  // per second
};
struct Particles {
    Field<Vec2> position;  // [agents + landmarks] x, y; the arena is -1..1; landmarks never move
    Field<Vec2> velocity;  // [agents] per second
    template <class Config, class V>
    SIM_HD void fields(const Config& c, V& visit) {
        visit("position", position, c.agents() + c.landmarks()), visit("velocity", velocity, c.agents());
    }
};
struct Forces {
    Field<Vec2> force;  // [agents] of this step
    template <class Config, class V>
    SIM_HD void fields(const Config& c, V& visit) {
        visit("force", force, c.agents());
    }
};

template <class Env>
void add_actions(Spaces& spaces, ActionType type) {
    for (Role& role : spaces.roles)
        if (type == ActionType::discrete)
            role.discrete(Env::move, 5);
        else
            role.box(Env::force, {0, 0, 0, 0, 0}, {1, 1, 1, 1, 1});
}
/// Lanes per world: with few agents, one lane avoids synchronization.
inline int lanes_for(int agents) { return agents <= 4 ? 1 : agents <= 32 ? 8 : 32; }
inline constexpr RandomStream<"spawn", Purpose::reset, Draws{0, 2}> spawn{};  // x, y of each entity
/// All entities anywhere in -1..1, agents at rest.
template <class Group, class Env>
SIM_HD void scatter(Group& group, World<Env>& world) {
    const auto& c = world.config;
    group.for_each(c.agents() + c.landmarks(), [&](int i) {
        world.state.position[i] = {world.rng.uniform(spawn, i, 0, -1, 1), world.rng.uniform(spawn, i, 1, -1, 1)};
        if (i < c.agents()) world.state.velocity[i] = {0.0f, 0.0f};
    });
}

/// Direction of move 0..4.
SIM_HD Vec2 direction(int move) { return {float((move == 2) - (move == 1)), float((move == 4) - (move == 3))}; }
/// The push of an agent's action; components within -1..1.
template <class Env>
SIM_HD Vec2 push(const World<Env>& world, const Actions<Env>& action, int agent) {
    if (world.config.action_type == ActionType::discrete) return direction(action.choice(Env::move, agent));
    return {action.value(Env::force, agent, 2) - action.value(Env::force, agent, 1),
            action.value(Env::force, agent, 4) - action.value(Env::force, agent, 3)};
}
/// Sum of the repulsions of all colliders: soft, starting slightly before bodies touch. Difference: two bodies at the
/// same place do not repel each other, where JaxMARL divides by 0.
template <class Config>
SIM_HD Vec2 contact_force(const Config& c, const Particles& s, int agent) {
    constexpr float stiffness = 100.0f, margin = 1e-3f, range = 30 * margin;  // beyond it the force is below 1e-14
    Vec2 force{0.0f, 0.0f};
    const int others = agent < c.colliders() ? c.colliders() : 0;
    for (int other = 0; other < others; ++other) {
        const Vec2 apart = s.position[agent] - s.position[other];
        const float square = squared_length(apart), reach = c.body(agent).radius + c.body(other).radius;
        if (other == agent || square == 0.0f || square > real::square(reach + range)) continue;
        const float distance = real::sqrt(square);
        const float overlap = margin * real::softplus((reach - distance) / margin);
        force = force + (stiffness * overlap / distance) * apart;
    }
    return force;
}
/// One step of 0.1 s; positions move by the old velocity. push(agent): see above.
template <class Group, class Env, class Push>
SIM_HD void advance(Group& group, World<Env>& world, Push push) {
    constexpr float dt = 0.1f, drag = 0.25f;
    const auto& c = world.config;
    auto& s = world.state;
    group.for_each(c.agents(), [&](int agent) {
        world.scratch.force[agent] = c.body(agent).acceleration * push(agent) + contact_force(c, s, agent);
    });
    group.sync();
    group.for_each(c.agents(), [&](int agent) {
        const float limit = c.body(agent).max_speed;
        const Vec2 before = s.velocity[agent];
        Vec2 velocity = (1.0f - drag) * before + dt * world.scratch.force[agent];
        if (squared_length(velocity) > limit * limit) velocity = (limit / length(velocity)) * velocity;
        s.position[agent] = s.position[agent] + dt * before;
        s.velocity[agent] = velocity;
    });
    group.sync();
}

/// Whether two different bodies overlap, as used for rewards.
template <class Env>
SIM_HD bool touches(const World<Env>& world, int a, int b) {
    const float reach = world.config.body(a).radius + world.config.body(b).radius;
    return a != b && squared_length(world.state.position[a] - world.state.position[b]) < reach * reach;
}
/// Penalty of an agent for leaving the arena along one axis.
SIM_HD float bound_penalty(float x) {
    const float far = real::abs(x);
    return far < 1.0f ? 10.0f * real::max(far - 0.9f, 0.0f) : real::min(real::exp(2.0f * far - 2.0f), 10.0f);
}

/// Writes x and y of each vector; returns the end of what was written, as do the two functions below.
template <class... Vectors>
SIM_HD float* write(float* row, Vectors... v) {
    ((row[0] = v.x, row[1] = v.y, row += 2), ...);
    return row;
}
/// Positions of the landmarks, or of the other agents, relative to an agent, in order.
template <class Env>
SIM_HD float* write_landmarks(float* row, const World<Env>& world, int agent) {
    const Vec2 own = world.state.position[agent];
    const int first = world.config.agents(), count = world.config.landmarks();
    for (int k = 0; k < count; ++k) write(row + 2 * k, world.state.position[first + k] - own);
    return row + 2 * count;
}
template <class Env>
SIM_HD float* write_others(float* row, const World<Env>& world, int agent) {
    const Vec2 own = world.state.position[agent];
    const int count = world.config.agents() - 1;
    for (int k = 0; k < count; ++k) write(row + 2 * k, world.state.position[k + (k >= agent)] - own);
    return row + 2 * count;
}

}  // namespace flockstep::mpe
